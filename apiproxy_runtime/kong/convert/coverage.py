"""What became of each part of the bundles: the report of a conversion, and the verdicts of a readiness report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.kong.convert.consumers import at
from apiproxy_runtime.kong.convert.outcome import WORSE, Row, Verdict


class Coverage(Struct):
    """Rows, one for each thing: what several routes say of a policy is put together."""

    rows: dict[tuple[str, str, str, str, int], Row] = field(default_factory=dict)

    def note(self, row: Row) -> None:
        key = (row.proxy, row.kind, row.name, row.place.file, row.place.line)
        known = self.rows.get(key)
        if known is None:
            self.rows[key] = row
            return
        worse = row if WORSE[row.verdict] > WORSE[known.verdict] else known
        self.rows[key] = replace(
            worse,
            kong=_union(known.kong, row.kong),
            lost=_union(known.lost, row.lost),
            differences=_union(known.differences, row.differences),
            cases=_union(known.cases, row.cases),
        )

    def sorted(self) -> list[Row]:
        return sorted(
            self.rows.values(),
            key=lambda row: (row.proxy, row.kind, row.place.file, row.place.line, row.name),
        )

    def of_kind(self, kind: str) -> list[Row]:
        return [row for row in self.sorted() if row.kind == kind]

    def verdicts(self) -> dict[Verdict, int]:
        """How many policies got which verdict."""
        counted = Counter(row.verdict for row in self.of_kind("policy"))
        verdicts: tuple[Verdict, ...] = ("exact", "partial", "manual", "drop")
        return {verdict: counted[verdict] for verdict in verdicts}


def _union(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*first, *second)))


def as_json(rows: Iterable[Row]) -> list[dict[str, object]]:
    """The rows for `--report FILE.json`."""
    return [
        {
            "proxy": row.proxy,
            "kind": row.kind,
            "name": row.name,
            "type": row.type,
            "file": row.place.file,
            "line": row.place.line,
            "verdict": row.verdict,
            "reason": row.reason,
            "kong": list(row.kong),
            "lost": list(row.lost),
            "differences": list(row.differences),
            "rehearsalCases": list(row.cases),
        }
        for row in rows
    ]


def as_markdown(rows: Iterable[Row]) -> str:
    """The rows as a table, with what is lost below."""
    lines = ["| verdict | what | where | becomes | why |", "|---|---|---|---|---|"]
    details: list[str] = []
    for row in rows:
        what = f"{row.kind} {row.name}" + (f" ({row.type})" if row.type else "")
        cells = (row.verdict, what, at(row.place), ", ".join(row.kong) or "–", row.reason)
        lines.append("| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |")
        if row.lost or row.differences:
            details += [f"### {what}", ""]
            details += [f"- TODO {text.splitlines()[0]}" for text in row.lost]
            details += [f"- differs: {text}" for text in row.differences]
            details.append("")
    return "\n".join(["# What became of each part", "", *lines, "", *details]).rstrip() + "\n"
