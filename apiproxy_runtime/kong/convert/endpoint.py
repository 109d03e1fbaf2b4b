"""A proxy endpoint: its routes, the services they lead to, and what neither can do."""

from __future__ import annotations

from collections.abc import Iterable

from apiproxy_runtime.bundle.model import Bundle, FaultRule, ProxyEndpoint
from apiproxy_runtime.kong.convert.assemble import assemble
from apiproxy_runtime.kong.convert.assembly import GLOBAL_ONLY, Assembly, Instance, close
from apiproxy_runtime.kong.convert.cells import Cell
from apiproxy_runtime.kong.convert.consumers import at, tag
from apiproxy_runtime.kong.convert.draft import Draft, RouteDraft, ServiceDraft
from apiproxy_runtime.kong.convert.matcher import METHODS
from apiproxy_runtime.kong.convert.merge import merge
from apiproxy_runtime.kong.convert.outcome import Config, Plugin, Row
from apiproxy_runtime.kong.convert.paths import SLASH, Pattern, regex
from apiproxy_runtime.kong.convert.routes import Endpoint
from apiproxy_runtime.kong.convert.targets import convert_target, from_url


def draft_endpoint(bundle: Bundle, proxy: ProxyEndpoint, document: Draft) -> None:
    """Put the routes of an endpoint into the document, with their services, and note what becomes of its parts."""
    endpoint = Endpoint(bundle, proxy, document.landscape, document.coverage.note)
    cells = endpoint.cells()
    first: ServiceDraft | None = None
    for index, cell in enumerate(cells):
        service = _service(bundle, cell, document)
        first = first or service
        label = cell.label or ("rest" if len(cells) > 1 else "",)
        name = document.named("route", bundle.name, proxy.name, *label)
        fields = _fields(proxy, cell, len(cells) - index, name, bundle)
        _draft_route(endpoint, cell, name, fields, service, document)
        if cell.flow is not None:
            reason = f"{len([c for c in cells if c.flow is cell.flow])} of the endpoint's routes"
            row = Row(
                "flow",
                cell.flow.name,
                "",
                cell.flow.node,
                "partial",
                reason,
                (f"route {name}",),
                proxy=bundle.name,
            )
            document.coverage.note(row)
    _note_endpoint(document, bundle, proxy, len(cells))
    notes = [
        _fault_note(rule, bundle, document)
        for rule in _fault_rules(proxy.fault_rules, proxy.default_fault_rule)
    ]
    notes += [f"TODO {place}: {text}" for text, place in _endpoint_gaps(document, bundle, proxy)]
    if first is not None:
        first.notes += notes
    else:
        document.loose_notes += notes


def _draft_route(
    endpoint: Endpoint, cell: Cell, name: str, fields: Config, service: ServiceDraft | None, document: Draft
) -> None:
    """The route of a cell with its plugins, below its service where it has one."""
    bundle, proxy = endpoint.bundle, endpoint.proxy
    fixed = {
        "proxy.basepath": proxy.base_path,
        "apiproxy.basepath": proxy.base_path,
        "proxy.name": proxy.name,
    }
    assembly = assemble(endpoint, cell, fixed)
    route = RouteDraft(name, cell, fields, assembly)
    if service is None:
        _without_target(assembly, cell, proxy, name, bundle, document)
        document.loose.append((bundle.name, route))
    else:
        if assembly.fixed_path and not assembly.ended:
            _transform(assembly, service.target.path)
        elif cell.matcher.path is not None and not assembly.ended:
            _rewrite(proxy, cell, service.target.path, assembly)
        service.routes.append(route)
    if not document.landscape.let_pass:
        close(assembly)
    everywhere = GLOBAL_ONLY if document.landscape.callouts == "global" else frozenset[str]()
    for plugin in sorted(everywhere & set(assembly.instances)):
        document.callouts.append((assembly.instances.pop(plugin), route, bundle.name))


def _note_endpoint(document: Draft, bundle: Bundle, proxy: ProxyEndpoint, routes: int) -> None:
    document.coverage.note(
        Row(
            "endpoint",
            proxy.name,
            "ProxyEndpoint",
            proxy.node,
            "partial",
            f"{routes} routes below {proxy.base_path}",
            differences=(
                "Kong decodes and normalises the path before it matches it, Apigee does not",
                "hostnames come from the environment group, which no bundle names: the routes take any host",
                "every error response differs: Kong answers with a message, Apigee with a fault",
            ),
            proxy=bundle.name,
        )
    )


def _endpoint_gaps(document: Draft, bundle: Bundle, proxy: ProxyEndpoint) -> Iterable[tuple[str, str]]:
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


def _fault_note(rule: FaultRule, bundle: Bundle, document: Draft) -> str:
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


def _service(bundle: Bundle, cell: Cell, document: Draft) -> ServiceDraft | None:
    rule = cell.rule
    if rule is None or not (rule.target_endpoint or rule.url or rule.integration_endpoint):
        return None
    key = f"{bundle.name}\0{rule.target_endpoint or rule.url or rule.integration_endpoint}"
    known = document.services.get(key)
    if known is not None:
        return known
    target_endpoint = bundle.targets.get(rule.target_endpoint or "")
    label = rule.target_endpoint or rule.name
    name = document.named("service", bundle.name, label)
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
    if target.path.endswith("/") and target.path != "/":
        target.lost.append(
            f"a call for the base path alone goes to {target.path[:-1]}, without the slash that the target has on Apigee"
        )
    notes = [f"TODO {at(place)}: {text}" for text in target.lost]
    if target_endpoint is not None:
        rules = _fault_rules(target_endpoint.fault_rules, target_endpoint.default_fault_rule)
        notes += [_fault_note(one, bundle, document) for one in rules]
    service = ServiceDraft(name, target, notes, proxy=bundle.name)
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


def _without_target(
    assembly: Assembly, cell: Cell, proxy: ProxyEndpoint, name: str, bundle: Bundle, document: Draft
) -> None:
    """The answer of a route that leads nowhere. Source: "Configuring routes" (null routes)."""
    place = cell.rule.node if cell.rule is not None else proxy.node
    present = assembly.instances.get("request-termination")
    if present is None and assembly.incomplete:
        text = "no target is called, and what answers is not converted: 503 until somebody decides"
        config: Config = {"status_code": 503, "message": f"{bundle.name} is not converted"}
        _answer(assembly, config, f"TODO {at(place)}: {text}")
        return
    if present is None:
        _answer(assembly, {"status_code": 200})
    if assembly.worded:
        return
    text = (
        "no target is called: Apigee answers with the headers and the body of the request, Kong with neither"
    )
    assembly.instances["request-termination"].notes.append(f"TODO {at(place)}: {text}")
    document.coverage.note(
        Row(
            "answer",
            name,
            "",
            place,
            "partial",
            "no target is called",
            (f"route {name}", "plugin request-termination"),
            (text,),
            proxy=bundle.name,
        )
    )


def _answer(assembly: Assembly, config: Config, *notes: str) -> None:
    assembly.instances["request-termination"] = Instance(
        Plugin("request-termination", config), [], list(notes)
    )


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
        # said outright, for newer versions of Kong take https alone by default
        "protocols": ["http", "https"],
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
