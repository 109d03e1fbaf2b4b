"""The report as one page: nothing is loaded, nothing runs, and it fits a telephone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from apiproxy_runtime import __version__
from apiproxy_runtime.rehearsal.readiness.assessment import VERDICTS, Assessment, PolicyVerdict
from apiproxy_runtime.rehearsal.readiness.finding import SEVERITIES, Finding

_HEADS = {
    "blocks": "Blocks",
    "changes": "Behaves differently",
    "limit": "Limits",
    "information": "Information",
}
_PLATFORM = {"apigeex": "Apigee X", "kong": "Kong"}
_STYLE = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1c2024;--soft:#60646c;--line:#dcdfe4;--card:#f6f7f9;
--bad:#b42318;--warn:#93540a;--good:#0b6b3a;--info:#1f5fbf}
@media(prefers-color-scheme:dark){:root{--bg:#15171a;--fg:#e6e8eb;--soft:#a0a6ae;--line:#33383f;--card:#1d2024;
--bad:#ff8f84;--warn:#f2b45c;--good:#63d69a;--info:#8ab8ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:70rem;padding:1rem;background:var(--bg);color:var(--fg);
font:16px/1.5 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.2rem;margin:0}h3{font-size:1rem;margin:1.2rem 0 .4rem}
p{margin:.3rem 0}a{color:var(--info)}
.soft{color:var(--soft)}code{font:.85em ui-monospace,monospace}
.bundle{border:1px solid var(--line);border-radius:.5rem;margin:1rem 0;padding:1rem}
.tag{display:inline-block;border:1px solid currentColor;border-radius:1rem;padding:0 .6rem;font-size:.8rem;
font-weight:600;white-space:nowrap}
.blocked,.blocks,.manual{color:var(--bad)}.review,.changes,.partial,.limit{color:var(--warn)}
.ready,.exact{color:var(--good)}.information,.drop{color:var(--info)}
.numbers{display:flex;flex-wrap:wrap;gap:.5rem;margin:.8rem 0;padding:0;list-style:none}
.numbers li{background:var(--card);border-radius:.4rem;padding:.4rem .8rem}
.numbers b{display:block;font-size:1.3rem}
ul.list{list-style:none;margin:0;padding:0}
ul.list>li{border-top:1px solid var(--line);padding:.6rem 0}
.bar{display:flex;height:.6rem;border-radius:.3rem;overflow:hidden;background:var(--card)}
.bar i{display:block;background:currentColor}
details>summary{cursor:pointer;padding:.3rem 0}
table{border-collapse:collapse;width:100%}
th,td{border-top:1px solid var(--line);padding:.35rem .5rem;text-align:left;vertical-align:top}
.scroll{overflow-x:auto}.scroll th,.scroll td{overflow-wrap:normal}.scroll table{min-width:26rem}
@media print{.bundle{break-inside:avoid-page}}
"""


def as_html(assessments: Sequence[Assessment]) -> str:
    """A page that stands alone: a table of all bundles, and a part for each."""
    platform = _PLATFORM[assessments[0].to] if assessments else "anywhere"
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en"><head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
            f"<title>Readiness for {platform}</title><style>{_STYLE}</style></head><body>",
            f"<header><h1>Ready for {platform}?</h1>",
            f'<p class="soft">apiproxy {escape(__version__)} looked at {_number(len(assessments), "bundle")}. '
            "It saw the bundles and nothing of the running platform.</p></header>",
            "<main>",
            *(_overview(assessments) if len(assessments) > 1 else ()),
            *(line for index, one in enumerate(assessments) for line in _bundle(one, index)),
            "</main></body></html>",
            "",
        ]
    )


def _overview(assessments: Sequence[Assessment]) -> Iterator[str]:
    yield '<div class="scroll"><table><thead><tr><th>Bundle</th><th>Status</th><th>Effort</th><th>Policies</th>'
    yield "<th>Blocks</th><th>Changes</th></tr></thead><tbody>"
    for index, one in enumerate(assessments):
        yield (
            f'<tr><td><a href="#b{index}">{escape(one.bundle.name)}</a></td><td>{_tag(one.status)}</td>'
            f"<td>{one.effort.score} ({one.effort.level})</td><td>{len(one.policies)} ({one.percent}%)</td>"
            f"<td>{one.count('blocks')}</td><td>{one.count('changes')}</td></tr>"
        )
    yield "</tbody></table></div>"


def _bundle(one: Assessment, index: int) -> Iterator[str]:
    yield f'<section class="bundle" id="b{index}">'
    yield f"<h2>{escape(one.bundle.name)} {_tag(one.status)}</h2>"
    yield f'<p class="soft"><code>{escape(one.place)}</code>, revision {escape(one.bundle.revision)}, '
    yield f"sha256 <code>{one.sha256[:16]}…</code></p>"
    yield '<ul class="numbers">'
    for severity in SEVERITIES:
        yield f'<li><b class="{severity}">{one.count(severity)}</b>{_HEADS[severity].lower()}</li>'
    yield f"<li><b>{one.effort.score}</b>points, {one.effort.level}</li></ul>"
    yield from _coverage(one)
    for severity in SEVERITIES:
        found = [finding for finding in one.findings if finding.severity == severity]
        if found:
            yield f'<h3>{_HEADS[severity]}</h3><ul class="list">'
            for finding in found:
                yield from _finding(finding)
            yield "</ul>"
    yield from _policies(one)
    yield from _effort(one)
    yield from _needs(one)
    yield "<h3>Nobody can tell from the bundle</h3><ul>"
    for question in one.unknown:
        yield f"<li>{escape(question)}</li>"
    yield "</ul></section>"


def _coverage(one: Assessment) -> Iterator[str]:
    verdicts = one.verdicts()
    total = sum(verdicts.values())
    if not total:
        return
    words = ", ".join(f"{verdicts[verdict]} {verdict}" for verdict in VERDICTS if verdicts[verdict])
    yield f'<p>{_number(total, "policy", "policies")}: {words}</p><div class="bar" role="img" aria-label="{words}">'
    for verdict in VERDICTS:
        if verdicts[verdict]:
            yield f'<i class="{verdict}" style="width:{100 * verdicts[verdict] / total:.1f}%"></i>'
    yield "</div>"


def _finding(finding: Finding) -> Iterator[str]:
    yield f'<li><span class="tag {finding.severity}">{escape(finding.id)}</span> {escape(finding.message)}'
    who = f"{escape(finding.policy)} ({escape(finding.policy_type)}), " if finding.policy else ""
    yield f'<p class="soft">{who}{_place(finding.file, finding.line)}</p>'
    yield f"<p>{escape(_sentence(finding.why))} {escape(_sentence(finding.fix))}"
    if finding.docs:
        yield f' <a href="{escape(finding.docs)}">documentation</a>'
    yield "</p></li>"


def _policies(one: Assessment) -> Iterator[str]:
    if not one.policies:
        return
    order = ("manual", "partial", "drop", "exact")
    yield '<h3>Policies</h3><ul class="list">'
    for policy in sorted(one.policies, key=lambda item: (order.index(item.verdict), item.name)):
        yield from _policy(policy)
    yield "</ul>"


def _policy(policy: PolicyVerdict) -> Iterator[str]:
    yield f"<li>{_tag(policy.verdict)} <b>{escape(policy.name)}</b> ({escape(policy.type)})"
    if policy.becomes:
        yield f" → {escape(', '.join(policy.becomes))}"
    yield f"<p>{escape(policy.reason)}</p>"
    where = f" in {escape(', '.join(policy.attached))}" if policy.attached else " attached nowhere"
    yield f'<p class="soft">{_place(policy.place.file, policy.place.line)},{where}</p>'
    more = [
        *(("to do", text) for text in policy.lost),
        *(("differs", text) for text in policy.differences),
        *(("rehearse", text) for text in policy.cases),
    ]
    if more:
        yield f"<details><summary>{_number(len(more), 'note')}</summary><ul>"
        yield from (f"<li><b>{word}</b> {escape(text)}</li>" for word, text in more)
        yield "</ul></details>"
    yield "</li>"


def _effort(one: Assessment) -> Iterator[str]:
    if not one.effort.drivers:
        return
    yield '<h3>Effort</h3><div class="scroll"><table><thead><tr><th>What</th><th>Number</th><th>Points</th></tr></thead>'
    yield "<tbody>"
    for driver in one.effort.drivers:
        yield f"<tr><td>{escape(driver.name)}</td><td>{driver.count}</td><td>{driver.total}</td></tr>"
    yield f"<tr><th>Together</th><th></th><th>{one.effort.score}</th></tr></tbody></table></div>"


def _needs(one: Assessment) -> Iterator[str]:
    needs = one.dependencies
    rows = [
        ("Shared flows", needs.shared_flows),
        ("Target servers", needs.target_servers),
        ("Key value maps", needs.kvms),
        ("Caches", needs.caches),
        ("Keystores", needs.keystores),
        ("Products", needs.products),
        ("Other proxies", needs.proxies),
    ]
    if any(names for _, names in rows):
        yield "<h3>Needs on the other side</h3><ul>"
        yield from (f"<li>{what}: {escape(', '.join(names))}</li>" for what, names in rows if names)
        yield "</ul>"


def _tag(word: str) -> str:
    return f'<span class="tag {word}">{word}</span>'


def _place(file: str, line: int) -> str:
    return f"<code>{escape(file)}{f':{line}' if line else ''}</code>"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith('.') or not text else '.'}"


def _number(count: int, noun: str, plural: str = "") -> str:
    return f"{count} {noun if count == 1 else plural or noun + 's'}"
