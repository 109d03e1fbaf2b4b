"""AssignMessage and HTTPModifier → request-transformer and response-transformer."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct, field

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin, Verdict
from apiproxy_runtime.kong.convert.templates import (
    UNFILLED,
    is_field,
    is_secret,
    resolve,
    static,
    translate,
    vault,
)

_NAMED = (("Headers", "Header", "headers"), ("QueryParams", "QueryParam", "querystring"))
#: Kong's header_filter runs for answers of plugins and errors too. Source: "Plugin contexts" of the plugin development guide.
_REFUSALS = (
    "the headers stand on Kong's own refusals and errors, too; after a fault Apigee runs no response flow"
)
_HOP = frozenset(("host", "content-length", "transfer-encoding", "connection"))


class Edits(Struct):
    """What the transformer will do, gathered in its own five kinds.

    response  whether it is the answer that is edited
    echoed    whether the answer is so because Apigee answers with the request itself, there being no target
    """

    site: Attachment
    response: bool
    echoed: bool = False
    kinds: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)
    method: str | None = None
    uri: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    answer: Config = field(default_factory=dict)
    done: int = 0

    def add(self, kind: str, place: str, text: str) -> None:
        self.done += 1
        self.kinds.setdefault(kind, {}).setdefault(place, []).append(text)

    def value(self, template: str, what: str, name: str = "") -> str | None:
        """A template in Kong's words; what it does not know is lost."""
        written, unknown = translate(template, self.site)
        if written is not None and self.response and "$(" in written:
            written, unknown = None, (template,)
        if written is None:
            self.lost.append(f"{what} from {', '.join(unknown)}, which Kong's transformer does not know")
            return None
        if name and is_secret(name) and written and "$(" not in written:
            self.lost.append(f"{what} is a secret, written as {UNFILLED}")
            return vault(self.site.proxy.name, self.site.policy.name, name)
        return written


def assign_message(site: Attachment) -> Outcome:
    """Headers and query become edits; a body, a copy of another message and variables do not."""
    root = site.policy.node
    target = root.child("AssignTo")
    name = target.text.strip() if target is not None else ""
    creates = target is not None and target.attributes.get("createNew", "").lower() == "true"
    live = "response" if site.phase in ("response", "client") else "request"
    echoed = site.answers and live == "request"
    edits = Edits(site, live == "response" or echoed, echoed)
    for node in root.children:
        _edit(node, edits, name, live, creates)
    if creates and name in ("", "request", "response", "message") and not (edits.response and site.answers):
        edits.lost.append(f"the {name or live} is made anew; Kong keeps what the message had")
    return _outcome(edits, site)


def _edit(node: Node, edits: Edits, name: str, live: str, creates: bool) -> None:
    if node.tag == "AssignVariable":
        _variable(node, edits)
    elif node.tag in ("Set", "Add", "Remove", "Copy"):
        if name not in ("", live, "message"):
            edits.lost.append(f"<{node.tag}> fills the message {name}, which only Apigee has")
        elif node.tag == "Remove":
            _remove(node, edits)
        elif node.tag == "Copy":
            source = node.attributes.get("source", "")
            if source not in ("", name, live, "message") or creates:
                edits.lost.append(f"<Copy> of parts of {source or 'the message'}")
        else:
            _set(node, edits)


def _set(node: Node, edits: Edits) -> None:
    append = node.tag == "Add"
    for group, tag, place in _NAMED:
        for item in _items(node, group, tag):
            key = (item.name or "").strip()
            if edits.response and place == "querystring":
                continue
            if place == "headers" and key.lower() in _HOP - {"host"}:
                edits.lost.append(f"the header {key}, which Kong writes itself")
                continue
            value = edits.value(item.text.strip(), f"the {tag} {key}", key)
            if value is None:
                continue
            if not is_field(key, header=place == "headers"):
                edits.lost.append(f"the {tag} {key}: Kong takes no such name")
            elif append:
                edits.add("append", place, f"{key}:{value}")
            else:
                edits.add("replace", place, f"{key}:{value}")
                if key.lower() != "host":
                    edits.add("add", place, f"{key}:{value}")
    for child in node.children:
        _part(child, edits)


def _part(child: Node, edits: Edits) -> None:
    match child.tag:
        case "Headers" | "QueryParams" | "IgnoreUnresolvedVariables" | "AssignTo":
            return
        case "Verb" | "Path" if edits.echoed:
            return
        case "Verb" if not edits.response:
            verb = static(child.text.strip(), edits.site)
            if verb:
                edits.method, edits.done = verb.upper(), edits.done + 1
                return
        case "Path" if not edits.response:
            path, _ = translate(child.text.strip(), edits.site)
            if path:
                edits.uri, edits.done = path if path.startswith("/") else f"/{path}", edits.done + 1
                return
    if edits.response and edits.site.answers and edits.site.phase == "response" and _answers(child, edits):
        return
    if child.text.strip() or child.children:
        what = "the body" if child.tag == "Payload" else f"<{child.tag}>"
        edits.lost.append(f"{what} that <Set> writes at line {child.line}")


def _answers(child: Node, edits: Edits) -> bool:
    """Without a target the response is what the policies write: a request-termination can write it too."""
    content = child.inner_xml().strip() if child.children else child.text.strip()
    known = static(content, edits.site)
    if child.tag == "StatusCode" and known and known.isdigit() and 100 <= int(known) <= 599:
        edits.answer["status_code"] = int(known)
    elif child.tag == "Payload" and known is not None:
        kind = child.attributes.get("contentType", "")
        edits.variables["response.content"] = known
        if known:
            edits.answer |= {"body": known, "content_type": kind or "text/plain"}
        elif kind:
            edits.add("replace", "headers", f"Content-Type:{kind}")
            edits.add("add", "headers", f"Content-Type:{kind}")
    elif child.tag != "ReasonPhrase":
        return False
    return True


def _remove(node: Node, edits: Edits) -> None:
    if edits.echoed:
        return  # Kong's answer has nothing of the request anyway
    for group, tag, place in _NAMED:
        holder = node.child(group)
        if holder is None or (edits.response and place == "querystring"):
            continue
        names = [(item.name or "").strip() for item in holder.all(tag)]
        if not names:
            edits.lost.append(f"all {group} that <Remove> takes away: Kong wants their names")
        for name in names:
            if is_field(name, header=place == "headers"):
                edits.add("remove", place, name)
            else:
                edits.lost.append(f"the {tag} {name}: Kong takes no such name")
    for part in ("FormParams", "Payload"):
        child = node.child(part)
        if child is not None and (part != "Payload" or child.text.strip() == "true"):
            edits.lost.append(f"<Remove> of the {part}")
    if not node.children:
        edits.lost.append("<Remove> of everything")


def _items(node: Node, group: str, tag: str) -> Iterator[Node]:
    holder = node.child(group)
    if holder is not None:
        yield from holder.all(tag)


def _variable(node: Node, edits: Edits) -> None:
    """A variable that later templates may use, when its value can be told; else it is lost."""
    name = node.child_text("Name", "")
    ref, value, template = node.child_text("Ref"), node.child("Value"), node.child("Template")
    known: str | None = None
    if template is not None and not template.attributes.get("ref"):
        known, _ = translate(template.text, edits.site)
    elif ref:
        known = resolve(ref, edits.site)
    elif value is not None:
        known = value.text
    if known is not None and not (ref and value is not None):
        edits.variables[name] = known
        if name == "target.copy.pathsuffix" and known.lower() == "false" and not edits.response:
            edits.variables[name] = "false"
        elif edits.echoed:
            return
        elif name in ("target.url", "target.copy.pathsuffix", "target.copy.queryparams"):
            edits.lost.append(f"{name} set to {known}: make it the service's url, or write a plugin")
    else:
        edits.lost.append(f"the variable {name}, which {'copies ' + ref if ref else 'has no fixed value'}")


def _outcome(edits: Edits, site: Attachment) -> Outcome:
    config: Config = {}
    if edits.method:
        config["http_method"] = edits.method
    for kind in ("remove", "replace", "add", "append"):
        if kind in edits.kinds:
            config[kind] = edits.kinds[kind]
    if edits.uri:
        config["replace"] = {**config.get("replace", {}), "uri": edits.uri}
    plugin = "response-transformer" if edits.response else "request-transformer"
    plugins = (Plugin(plugin, config),) if config else ()
    if edits.answer:
        plugins = (Plugin("request-termination", {"status_code": 200, **edits.answer}), *plugins)
    lost = tuple(dict.fromkeys(edits.lost))
    verdict: Verdict = "partial" if plugins and lost else "manual" if lost else "exact"
    reason = {
        "exact": "all edits are known when converting"
        if plugins
        else "only sets variables that conversion resolved",
        "partial": f"{plugin} does a part of it; {len(lost)} left",
        "manual": "Kong has no plugin for: " + "; ".join(lost[:3]),
        "drop": "",
    }[verdict]
    differences = (_REFUSALS,) if edits.response and config else ()
    return Outcome(verdict, reason, plugins, lost, differences, variables=edits.variables)


CONVERTERS = {"AssignMessage": assign_message, "HTTPModifier": assign_message}
