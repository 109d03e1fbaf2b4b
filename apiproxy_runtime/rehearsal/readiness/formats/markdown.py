"""The report as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from apiproxy_runtime.rehearsal.readiness.assessment import Assessment


def as_markdown(assessments: Sequence[Assessment]) -> str:
    lines = [
        "# Readiness",
        "",
        "| bundle | status | effort | policies | blocks | changes | limits |",
        "|---|---|---|---|---|---|---|",
    ]
    for one in assessments:
        lines.append(
            f"| {_cell(one.bundle.name)} | {one.status} | {one.effort.score} ({one.effort.level}) | "
            f"{len(one.policies)} ({one.percent}%) | {one.count('blocks')} | {one.count('changes')} | "
            f"{one.count('limit')} |"
        )
    for one in assessments:
        lines += ["", *_one(one)]
    return "\n".join(lines) + "\n"


def _one(one: Assessment) -> Iterator[str]:
    yield f"## {one.bundle.name}"
    yield ""
    if one.findings:
        yield "| id | severity | where | what | what to do |"
        yield "|---|---|---|---|---|"
        for item in one.findings:
            place = f"{item.file}:{item.line}" if item.line else item.file
            yield f"| {item.id} | {item.severity} | {_cell(place)} | {_cell(item.message)} | {_cell(item.fix)} |"
        yield ""
    yield "| verdict | policy | where | becomes | why |"
    yield "|---|---|---|---|---|"
    for policy in one.policies:
        place = f"{policy.place.file}:{policy.place.line}"
        becomes = ", ".join(policy.becomes) or "–"
        yield (
            f"| {policy.verdict} | {_cell(policy.name)} ({policy.type}) | {_cell(place)} | {_cell(becomes)} | "
            f"{_cell(policy.reason)} |"
        )
    yield ""
    yield "Effort: " + (
        ", ".join(f"{driver.name} {driver.total}" for driver in one.effort.drivers) or "nothing to do"
    )
    yield ""
    yield "Nobody can tell from the bundle:"
    yield ""
    for question in one.unknown:
        yield f"- {question}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
