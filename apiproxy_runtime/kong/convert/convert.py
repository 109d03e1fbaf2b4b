"""Bundles → kong.yml: services, routes, plugins, upstreams, consumers, and a TODO for everything else.

The same bundles always give the same text. Nothing is dropped silently: what has no home on Kong is a comment with its
place, and a row of the coverage.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.model import Bundle, FaultRule, Flow, ProxyEndpoint
from apiproxy_runtime.bundle.testdata import TestData
from apiproxy_runtime.kong.convert.assemble import GLOBAL_ONLY, Assembly, Instance, assemble
from apiproxy_runtime.kong.convert.cells import Cell
from apiproxy_runtime.kong.convert.consumers import at, convert_consumers, tag
from apiproxy_runtime.kong.convert.coverage import Coverage
from apiproxy_runtime.kong.convert.emit import Note, Noted, Tree, emit
from apiproxy_runtime.kong.convert.matcher import METHODS
from apiproxy_runtime.kong.convert.merge import merge
from apiproxy_runtime.kong.convert.outcome import (
    Attachment,
    Callouts,
    Config,
    Edition,
    Landscape,
    Plugin,
    Row,
    Verdict,
)
from apiproxy_runtime.kong.convert.paths import SLASH, Pattern, regex
from apiproxy_runtime.kong.convert.registry import canonical, outcome_of
from apiproxy_runtime.kong.convert.routes import Endpoint
from apiproxy_runtime.kong.convert.targets import Target, convert_target, from_url

_NAME = re.compile(r"[^A-Za-z0-9_.~-]+")


@dataclass
class Converted:
    """The text of the kong.yml and what became of each part."""

    text: str
    coverage: Coverage
    services: int
    routes: int
    plugins: int
    todos: int


@dataclass
class _Route:
    name: str
    cell: Cell
    fields: Config
    assembly: Assembly


@dataclass
class _Service:
    name: str
    target: Target
    notes: list[str]
    routes: list[_Route] = field(default_factory=list)
    proxy: str = ""


@dataclass
class _Document:
    landscape: Landscape
    coverage: Coverage = field(default_factory=Coverage)
    services: dict[str, _Service] = field(default_factory=dict)
    loose: list[tuple[str, _Route]] = field(default_factory=list)
    loose_notes: list[str] = field(default_factory=list)
    global_: list[tuple[Instance, _Route, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def named(self, *words: str) -> str:
        """A name that Kong takes and that nothing else has."""
        plain = _NAME.sub("-", "-".join(word for word in words if word)).strip("-") or "unnamed"
        name, number = plain, 2
        while name in self.names:
            name, number = f"{plain}-{number}", number + 1
        self.names.add(name)
        return name


def convert(
    bundles: Sequence[Bundle],
    environment: Environment,
    test_data: TestData,
    *,
    edition: Edition = "oss",
    callouts: Callouts = "global",
    vault_keys: bool = False,
) -> Converted:
    """Convert the API proxies among the bundles; shared flows are put in where they are called."""
    shared = {bundle.name: bundle for bundle in bundles if bundle.kind == "sharedflowbundle"}
    landscape = Landscape(environment, test_data, shared, edition, callouts, vault_keys)
    document = _Document(landscape)
    for bundle in bundles:
        if bundle.kind == "apiproxy":
            for proxy in bundle.proxies:
                _endpoint(bundle, proxy, document)
    for bundle in bundles:
        _leftovers(bundle, document)
    rows: list[Row] = []
    consumers = convert_consumers(landscape, rows)
    for row in rows:
        document.coverage.note(row)
    return _write(bundles, document, consumers)


def _endpoint(bundle: Bundle, proxy: ProxyEndpoint, document: _Document) -> None:
    endpoint = Endpoint(bundle, proxy, document.landscape, document.coverage.note)
    fixed = {
        "proxy.basepath": proxy.base_path,
        "apiproxy.basepath": proxy.base_path,
        "proxy.name": proxy.name,
    }
    cells = endpoint.cells()
    made: list[_Route] = []
    first: _Service | None = None
    for index, cell in enumerate(cells):
        service = _service(bundle, cell, document)
        first = first or service
        assembly = assemble(endpoint, cell, fixed)
        name = document.named(bundle.name, proxy.name, *(cell.label or ("rest" if len(cells) > 1 else "",)))
        fields = _fields(proxy, cell, len(cells) - index, name, bundle)
        route = _Route(name, cell, fields, assembly)
        if service is None and "request-termination" not in assembly.instances:
            if assembly.incomplete:
                place = cell.rule.node if cell.rule is not None else proxy.node
                text = "no target is called, and what answers is not converted: 503 until somebody decides"
                assembly.todos.append(f"TODO {at(place)}: {text}")
                _answer(assembly, {"status_code": 503, "message": f"{bundle.name} is not converted"})
            else:
                _answer(assembly, {"status_code": 200})
        elif service is not None and assembly.fixed_path and not assembly.ended:
            _transform(assembly, service.target.path)
        elif service is not None and cell.matcher.path is not None and not assembly.ended:
            _rewrite(proxy, cell, service.target.path, assembly)
        made.append(route)
        everywhere = GLOBAL_ONLY if document.landscape.callouts == "global" else frozenset[str]()
        for name_ in sorted(everywhere & set(assembly.instances)):
            document.global_.append((assembly.instances.pop(name_), route, bundle.name))
        if service is None:
            document.loose.append((bundle.name, route))
        else:
            service.routes.append(route)
        if cell.flow is not None:
            place = cell.flow.node
            reason = f"{len([c for c in cells if c.flow is cell.flow])} of the endpoint's routes"
            document.coverage.note(
                Row(
                    "flow",
                    cell.flow.name,
                    "",
                    place,
                    "partial",
                    reason,
                    (f"route {route.name}",),
                    proxy=bundle.name,
                )
            )
    document.coverage.note(
        Row(
            "endpoint",
            proxy.name,
            "ProxyEndpoint",
            proxy.node,
            "partial",
            f"{len(cells)} routes below {proxy.base_path}",
            differences=(
                "Kong decodes and normalises the path before it matches it, Apigee does not",
                "hostnames come from the environment group, which no bundle names: the routes take any host",
                "every error response differs: Kong answers with a message, Apigee with a fault",
            ),
            proxy=bundle.name,
        )
    )
    notes = [
        _fault_note(rule, bundle, document)
        for rule in _fault_rules(proxy.fault_rules, proxy.default_fault_rule)
    ]
    for name_, condition in _endpoint_gaps(document, bundle, proxy):
        notes.append(f"TODO {condition}: {name_}")
    if first is not None:
        first.notes += notes
    else:
        document.loose_notes += notes


def _endpoint_gaps(document: _Document, bundle: Bundle, proxy: ProxyEndpoint) -> Iterable[tuple[str, str]]:
    """Flows and route rules that became no route."""
    for row in document.coverage.sorted():
        if (
            row.proxy == bundle.name
            and row.kind in ("flow", "route rule")
            and row.place.file == proxy.node.file
        ):
            for text in row.lost:
                yield text, at(row.place)


def _fault_rules(rules: tuple[FaultRule, ...], default: FaultRule | None) -> list[FaultRule]:
    return [*rules, *([default] if default is not None else [])]


def _fault_note(rule: FaultRule, bundle: Bundle, document: _Document) -> str:
    policies = ", ".join(step.policy for step in rule.steps) or "nothing"
    text = f"the fault rule {rule.name or '(default)'} runs {policies}: Kong has no fault rules"
    lost = (f"{text}; write a post-function or an exit-transformer (Enterprise)",)
    document.coverage.note(
        Row(
            "fault rule",
            rule.name or "DefaultFaultRule",
            "",
            rule.node,
            "manual",
            "Kong has no fault rules",
            (),
            lost,
            proxy=bundle.name,
        )
    )
    for step in rule.steps:
        policy = bundle.policies.get(step.policy)
        if policy is not None:
            document.coverage.note(
                Row(
                    "policy",
                    policy.name,
                    policy.element,
                    policy.node,
                    "manual",
                    "it runs in a fault rule, and Kong has none",
                    proxy=bundle.name,
                )
            )
    return f"TODO {at(rule.node)}: {lost[0]}"


def _service(bundle: Bundle, cell: Cell, document: _Document) -> _Service | None:
    rule = cell.rule
    if rule is None or not (rule.target_endpoint or rule.url or rule.integration_endpoint):
        return None
    key = f"{bundle.name}\0{rule.target_endpoint or rule.url or rule.integration_endpoint}"
    known = document.services.get(key)
    if known is not None:
        return known
    target_endpoint = bundle.targets.get(rule.target_endpoint or "")
    label = rule.target_endpoint or rule.name
    name = document.named(bundle.name, label)
    place = target_endpoint.node if target_endpoint is not None else rule.node
    if target_endpoint is not None:
        target = convert_target(target_endpoint, name, document.landscape.environment)
    elif rule.url:
        target = from_url(rule.url)
    else:
        target = from_url("")
        target.lost = [
            f"the target {label} of the route rule {rule.name}: it is no HTTP target of the bundle"
        ]
    notes = [f"TODO {at(place)}: {text}" for text in target.lost]
    if target_endpoint is not None:
        rules = _fault_rules(target_endpoint.fault_rules, target_endpoint.default_fault_rule)
        notes += [_fault_note(one, bundle, document) for one in rules]
    service = _Service(name, target, notes, proxy=bundle.name)
    document.services[key] = service
    kong = (f"service {name}", *((f"upstream {target.upstream.name}",) if target.upstream else ()))
    document.coverage.note(
        Row(
            "target",
            label,
            "TargetEndpoint",
            place,
            target.verdict,
            target.reason,
            kong,
            tuple(target.lost),
            tuple(target.differences),
            proxy=bundle.name,
        )
    )
    return service


def _answer(assembly: Assembly, config: Config) -> None:
    assembly.instances["request-termination"] = Instance(Plugin("request-termination", config), [])


def _rewrite(proxy: ProxyEndpoint, cell: Cell, base: str, assembly: Assembly) -> None:
    """The upstream's path: what follows the base path, as the router captured it."""
    pattern, stem = cell.matcher.path, base.rstrip("/")
    if cell.matcher.path is not None and _cut(proxy, cell.matcher.path):
        stem += "/"
    if proxy.base_path == "/" and pattern in ((), (SLASH,)):
        uri = f"{stem}/"
    elif pattern == () or (not stem and pattern == (SLASH,)):
        uri = base or "/"
    else:
        uri = f"{stem}$(uri_captures.suffix)"
    _transform(assembly, uri)


def _transform(assembly: Assembly, uri: str) -> None:
    plugin = Plugin("request-transformer", {"replace": {"uri": uri}})
    present = assembly.instances.get("request-transformer")
    if present is None:
        assembly.instances["request-transformer"] = Instance(plugin, [])
    elif "uri" not in present.plugin.config.get("replace", {}):
        merged = merge(present.plugin, plugin)
        if merged is not None:
            present.plugin = merged


def _fields(proxy: ProxyEndpoint, cell: Cell, rank: int, name: str, bundle: Bundle) -> Config:
    """Every route lists methods and one regular expression, so that only `regex_priority` decides between them."""
    matcher = cell.matcher
    segments = [segment for segment in proxy.base_path.split("/") if segment]
    base = "".join(f"/{'[^/]+' if segment == '*' else regex(tuple(segment))}" for segment in segments)
    if matcher.path is None:
        path = f"~{base}(?:/|$)" if base else "~/"
    elif _cut(proxy, matcher.path):
        path = f"~/(?<suffix>{regex(matcher.path[1:])})$"
    elif not base and matcher.path in ((), (SLASH,)):
        path = "~/$"
    elif not base:
        path = f"~/??(?<suffix>{regex(matcher.path)})$"
    else:
        path = f"~{base}(?<suffix>{regex(matcher.path)})$"
    weight = 2 * len(segments) - segments.count("*")
    fields: Config = {
        "name": name,
        "paths": [path],
        "methods": [method for method in METHODS if method in matcher.methods],
    }
    if matcher.headers:
        fields["headers"] = {header: list(values) or ["~*.*"] for header, values in matcher.headers}
    fields["regex_priority"] = weight * 1000 + min(rank, 999)
    fields["strip_path"] = matcher.path is None
    fields["preserve_host"] = False
    fields["tags"] = [f"apigee-proxy:{tag(bundle.name)}"]
    if cell.flow is not None:
        fields["tags"].append(f"apigee-flow:{tag(cell.flow.name)}")
    return fields


def _cut(proxy: ProxyEndpoint, pattern: Pattern) -> bool:
    """Whether the slash a path begins with stands in front of the capture: Kong wants to see it first."""
    return proxy.base_path == "/" and pattern[:1] == ("/",)


def _leftovers(bundle: Bundle, document: _Document) -> None:
    """Policies that no flow runs, resources, and targets that nothing leads to: each gets its row."""
    seen = {(row.proxy, row.name) for row in document.coverage.of_kind("policy")}
    for policy in bundle.policies.values():
        if (bundle.name, policy.name) in seen:
            continue
        if policy.name in _shared_steps(bundle):
            site = Attachment(policy, bundle, bundle, "request", document.landscape, {})
            found = outcome_of(site)
            kong = tuple(f"plugin {plugin.name}" for plugin in found.plugins)
            document.coverage.note(
                Row(
                    "policy",
                    policy.name,
                    policy.element,
                    policy.node,
                    found.verdict,
                    found.reason,
                    kong,
                    found.lost,
                    found.differences,
                    found.cases,
                    bundle.name,
                )
            )
        else:
            attached = policy.name in _steps(bundle)
            reason = "no flow names it"
            if attached:
                reason = (
                    "it runs in a flow or target that no route leads to, for a condition no route can ask"
                )
            verdict: Verdict = "manual" if attached else "drop"
            lost = (f"{policy.name}: {reason}",) if attached else ()
            document.loose_notes += [f"TODO {at(policy.node)}: {text}" for text in lost]
            document.coverage.note(
                Row(
                    "policy",
                    policy.name,
                    policy.element,
                    policy.node,
                    verdict,
                    reason,
                    (),
                    lost,
                    proxy=bundle.name,
                )
            )
    for target in bundle.targets.values():
        if f"{bundle.name}\0{target.name}" not in document.services:
            document.coverage.note(
                Row(
                    "target",
                    target.name,
                    "TargetEndpoint",
                    target.node,
                    "drop",
                    "no route leads to it",
                    proxy=bundle.name,
                )
            )
    used = " ".join(canonical(policy.element) for policy in bundle.policies.values())
    for resource in bundle.resources.values():
        inline = resource.type == "properties"
        reason = (
            "its values are written in where they are used"
            if inline
            else f"{resource.type} has no home on Kong"
        )
        place = _Whole(resource.file)
        document.coverage.note(
            Row(
                "resource",
                f"{resource.type}://{resource.name}",
                resource.type,
                place,
                "exact" if inline else "manual" if used else "drop",
                reason,
                proxy=bundle.name,
            )
        )


def _steps(bundle: Bundle) -> set[str]:
    """The policies that any flow of the endpoints runs."""
    flows: list[Flow | None] = []
    for proxy in bundle.proxies:
        flows += [proxy.pre_flow, *proxy.flows, proxy.post_flow, proxy.post_client_flow]
    for target in bundle.targets.values():
        flows += [target.pre_flow, *target.flows, target.post_flow, target.event_flow]
    return {step.policy for flow in flows if flow for step in (*flow.request, *flow.response)}


def _shared_steps(bundle: Bundle) -> set[str]:
    """The policies that the shared flows of the bundle run, whoever calls them."""
    return {step.policy for flow in bundle.shared_flows for step in flow.steps}


@dataclass(frozen=True)
class _Whole:
    file: str
    line: int = 0
    column: int = 1


def _write(bundles: Sequence[Bundle], document: _Document, consumers: list[Noted]) -> Converted:
    tree: dict[str, Tree] = {"_format_version": "3.0"}
    everywhere = _global(document)
    shared = [(service, _shared(service.routes)) for service in document.services.values()]
    _told_once(document)
    services = [_service_tree(service, common) for service, common in shared]
    if services:
        tree["services"] = services
    routes: list[Tree] = [Note(text) for text in document.loose_notes]
    routes += [Noted({**route.fields, **_plugins(route.assembly, proxy)}) for proxy, route in document.loose]
    if routes:
        tree["routes"] = routes
    upstreams = [service.target.upstream for service in document.services.values() if service.target.upstream]
    if upstreams:
        tree["upstreams"] = [{"name": up.name, **up.fields, "targets": up.targets} for up in upstreams]
    if consumers:
        tree["consumers"] = consumers
    if everywhere:
        tree["plugins"] = everywhere
    body = emit(tree)
    todos = len(re.findall(r"# TODO (?!.*: as above$)", body, re.MULTILINE))
    names = ", ".join(
        f"{bundle.name} revision {bundle.revision}" for bundle in bundles if bundle.kind == "apiproxy"
    )
    head = [
        f"# Converted from {names or 'no proxy'} by `apiproxy convert --to kong`.",
        f"# {todos} TODO comments say what Kong does not do by itself."
        if todos
        else "# Everything has a home on Kong.",
        "",
    ]
    made = [route for service in document.services.values() for route in service.routes]
    count = len(made) + len(document.loose)
    plugins = len(re.findall(r"^ *- name: \S+\n *config:", body, re.MULTILINE))
    return Converted("\n".join(head) + body, document.coverage, len(services), count, plugins, todos)


def _service_tree(service: _Service, shared: Assembly) -> Noted:
    """The service with its routes; a plugin that all routes have stands on the service."""
    fields: dict[str, Tree] = {"name": service.name, **service.target.fields}
    fields["tags"] = [f"apigee-proxy:{tag(service.proxy)}"]
    fields |= _plugins(shared, service.proxy)
    fields["routes"] = [
        Noted({**route.fields, **_plugins(route.assembly, service.proxy)}) for route in service.routes
    ]
    return Noted(fields, tuple(dict.fromkeys(service.notes)))


def _told_once(document: _Document) -> None:
    """A TODO that stands on several routes is told on the first; the others point there."""
    told: set[str] = set()

    def brief(notes: list[str]) -> list[str]:
        found = []
        for note in notes:
            if note not in told:
                told.add(note)
                found.append(note)
            else:
                head = note.split(": ", 2)
                found.append(f"{': '.join(head[:2])}: as above")
        return list(dict.fromkeys(found))

    routes = [route for service in document.services.values() for route in service.routes]
    for route in (*routes, *(route for _, route in document.loose)):
        route.assembly.todos = brief(route.assembly.todos)
        for instance in route.assembly.instances.values():
            instance.notes = brief(instance.notes)


def _shared(routes: list[_Route]) -> Assembly:
    """Takes from the routes what all of them have."""
    shared = Assembly()
    if len(routes) < 2:
        return shared
    first, *others = (route.assembly for route in routes)
    for name, instance in list(first.instances.items()):
        if all(name in other.instances and other.instances[name].key == instance.key for other in others):
            shared.instances[name] = instance
            for route in routes:
                del route.assembly.instances[name]
    for todo in list(first.todos):
        if all(todo in other.todos for other in others):
            shared.todos.append(todo)
            for route in routes:
                route.assembly.todos.remove(todo)
    return shared


def _plugins(assembly: Assembly, proxy: str) -> dict[str, Tree]:
    items: list[Tree] = [Note(todo) for todo in assembly.todos]
    items += [Noted(one.fields(proxy), tuple(one.notes)) for one in assembly.instances.values()]
    return {"plugins": items} if items else {}


def _global(document: _Document) -> list[Tree]:
    """The callouts: their schemas know no routes, so that one of each is for all requests of the node.

    One that Apigee calls on some routes only is written all the same when it only reads (GET, HEAD); one that may
    change something is switched off, and where it was an ExternalCallout its routes refuse until somebody decides.
    """
    total = sum(len(service.routes) for service in document.services.values()) + len(document.loose)
    items: list[Tree] = []
    for name in sorted(GLOBAL_ONLY):
        configs: dict[str, list[tuple[Instance, _Route, str]]] = {}
        for use in document.global_:
            if use[0].plugin.name == name:
                configs.setdefault(use[0].key, []).append(use)
        written = False
        for uses in configs.values():
            instance, _, proxy = uses[0]
            routes = ", ".join(route.name for _, route, _ in uses)
            todo = f"TODO {proxy}: {instance.policies[0]}:"
            if written:
                text = f"{todo} needs a {name} of its own on {routes}, and Kong takes one for all requests:\n"
                items += [
                    Note(note) for note in (*instance.notes, text + emit(instance.fields(proxy)).rstrip())
                ]
                _refuse(name, uses)
                continue
            written = True
            notes = list(instance.notes)
            if len(uses) < total:
                text = f"{todo} {name} is global by its schema, and Apigee calls only on {routes}; "
                if instance.plugin.config["method"] in ("GET", "HEAD"):
                    notes.append(text + "here it is called for EVERY request of this Kong")
                else:
                    instance.plugin = replace(instance.plugin, enabled=False)
                    notes.append(text + "it is switched OFF, for it may change something on the other routes")
                    _refuse(name, uses)
            items.append(Noted(instance.fields(proxy), tuple(notes)))
    return items


def _refuse(name: str, uses: list[tuple[Instance, _Route, str]]) -> None:
    """An ExternalCallout often decides who may pass: without it nobody does."""
    for instance, route, _ in uses if name == "external-callout" else ():
        plugin = Plugin(
            "request-termination", {"status_code": 503, "message": f"{instance.policies[0]} is not converted"}
        )
        route.assembly.instances["request-termination"] = Instance(plugin, list(instance.policies))
