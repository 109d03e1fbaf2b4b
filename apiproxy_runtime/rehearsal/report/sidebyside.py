"""Two sides of one case beside each other, as HTML: what is equal stands still, what differs is marked."""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from html import escape
from typing import Any

#: Lines of a body that are compared; beyond it the beginnings are shown.
LINES = 400
View = dict[str, Any]


def headers_pair(title: str, before: View, after: View) -> str:
    """Status line and headers of both answers."""
    return pair(title, _head(before), _head(after))


def body_pair(title: str, before: View, after: View) -> str:
    """Bodies of both answers; JSON is laid out first."""
    return pair(title, laid_out(before.get("body", "")), laid_out(after.get("body", "")))


def calls_pair(before: View, after: View, host: str) -> str:
    """What reached upstreams, in order; the calls to one host in full."""
    return pair("Requests to upstreams", _calls(before, host), _calls(after, host))


def steps_pair(before: View, after: View) -> str:
    """The steps and side effects of both sides."""
    text = ""
    if "steps" in before or "steps" in after:
        text += pair("Steps", "\n".join(before.get("steps", ())), "\n".join(after.get("steps", ())))
    old, new = _effects(before), _effects(after)
    return text + (pair("Side effects", old, new) if old != new else "")


def pair(title: str, before: str, after: str) -> str:
    """Two texts, line by line."""
    old, new = before.splitlines()[:LINES], after.splitlines()[:LINES]
    left: list[str] = []
    right: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            left.append(escape("\n".join(old[a:b])) + "\n")
            right.append(escape("\n".join(new[c:d])) + "\n")
        else:
            left += [f"<del>{escape(line)}</del>" for line in old[a:b]]
            right += [f"<ins>{escape(line)}</ins>" for line in new[c:d]]
    nothing = "<span class=soft>nothing</span>"
    return (
        f"<h3>{escape(title)}</h3><div class=pair><pre tabindex=0 aria-label='{escape(title)} before'>{''.join(left) or nothing}</pre>"
        f"<pre tabindex=0 aria-label='{escape(title)} after'>{''.join(right) or nothing}</pre></div>"
    )


def laid_out(text: str) -> str:
    """JSON with a line for each member; any other text as it is."""
    if text[:1] in ("{", "["):
        try:
            return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
        except ValueError:
            return text
    return text


def _head(view: View) -> str:
    if "status" not in view:
        return str(view.get("failure", "no answer"))
    headers = sorted(view["headers"], key=lambda pair: str(pair[0]).lower())
    return "\n".join(
        [f"HTTP {view['status']}", *(f"{str(name).lower()}: {value}" for name, value in headers)]
    )


def _calls(view: View, host: str) -> str:
    blocks = []
    for call in view.get("calls", ()):
        lines = [f"{call['method']} {call['url']}"]
        if host and host in str(call["url"]):
            headers = sorted(call["headers"], key=lambda pair: str(pair[0]).lower())
            lines += [f"{str(name).lower()}: {value}" for name, value in headers]
            if call["body"]:
                lines += ["", laid_out(call["body"])]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def _effects(view: View) -> str:
    return "\n".join(f"{kind} {name}: {what}" for kind, name, what in view.get("effects", ()))
