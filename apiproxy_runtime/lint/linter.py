"""Runs rules over bundles, and puts what they and a trial deploy find into one result per file.

What a deploy would say has the rule id `deploy/NAME`, with Apigee's name of the error where it has one
(`deploy/URLMissing`), so that it can be excluded, re-weighed and switched off in a comment like any rule.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from pathlib import PurePath

from msgspec import Struct
from msgspec.structs import replace

from apiproxy_runtime.bundle.finding import Finding, Placed, Severity
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.bundle import LintBundle
from apiproxy_runtime.lint.config import Config
from apiproxy_runtime.lint.parts import EndpointFile, PolicyFile, RawFile
from apiproxy_runtime.lint.result import ERROR, WARNING, FileResult, Problem, TrailStep
from apiproxy_runtime.lint.rule import Match, Rule
from apiproxy_runtime.lint.suppress import suppressions
from apiproxy_runtime.policy.registry import find_policy

DEPLOY = "deploy"


class Report(Struct, frozen=True):
    """What a run found. `rules` are those that ran."""

    files: tuple[FileResult, ...]
    rules: tuple[type[Rule], ...]

    @property
    def errors(self) -> int:
        return sum(file.errors for file in self.files)

    @property
    def warnings(self) -> int:
        return sum(file.warnings for file in self.files)

    @property
    def broken(self) -> bool:
        """Whether a rule failed, so that the result may lack something."""
        return any(problem.internal for file in self.files for problem in file.problems)


def make_rules(classes: Iterable[type[Rule]], config: Config) -> list[Rule]:
    """The rules that the configuration wants, with their options. Raises OptionError."""
    return [
        rule(config.options.get(rule.id.upper()))
        for rule in classes
        if config.profile in rule.profiles
        and not config.excludes(rule.id)
        and (config.preview or not rule.preview or rule.id.upper() in config.named)
    ]


def lint_bundle(bundle: LintBundle, rules: Sequence[Rule], config: Config) -> list[FileResult]:
    """The files of one bundle in the order manifest, endpoints, policies, resources, rest, with their problems."""
    found: dict[str, list[Problem]] = {}
    for rule in rules:
        for file, problem in _problems(rule, bundle, config):
            found.setdefault(file, []).append(problem)
    _add_findings(found, bundle, rules, config)
    if bundle.failure:
        place = bundle.place
        failure = Problem(
            DEPLOY, ERROR, bundle.failure, "", place.line, place.column, "Bundle", internal=True
        )
        found.setdefault(place.file, []).append(failure)
    files = dict.fromkeys((*_ordered(bundle), *found))
    return [_result(bundle, file, found.get(file, []), config) for file in files]


def _add_findings(
    found: dict[str, list[Problem]], bundle: LintBundle, rules: Sequence[Rule], config: Config
) -> None:
    """Add what a deploy found, but not what a rule has said on the same line as severely; that gets Apigee's name."""
    superseding = {rule.id: rule.supersedes for rule in rules if rule.supersedes}
    said = {
        (file, problem.line, name): (problems, index)
        for file, problems in found.items()
        for index, problem in enumerate(problems)
        for name in superseding.get(problem.rule, ())
    }
    for finding in bundle.findings:
        told = deploy_problem(finding, config)
        same = said.get((finding.file, finding.line, finding.name))
        if same is None or same[0][same[1]].severity < told.severity:
            found.setdefault(finding.file, []).append(told)
        elif finding.name in _names_of_apigee(finding, bundle):
            problems, index = same
            problem = problems[index]
            if not problem.message.startswith(f"{finding.name}: "):
                problems[index] = replace(problem, message=f"{finding.name}: {problem.message}")


def _names_of_apigee(finding: Finding, bundle: LintBundle) -> Collection[str]:
    root = bundle.xml(finding.file) if finding.file in bundle.model.files else None
    policy = find_policy(root.tag) if isinstance(root, Node) else None
    return policy.deploy_errors if policy is not None else ()


def deploy_problem(finding: Finding, config: Config) -> Problem:
    """A deploy finding as a problem."""
    rule = f"{DEPLOY}/{finding.name}" if finding.name else DEPLOY
    severity = config.severities.get(rule.upper(), finding.severity)
    return Problem(
        rule=rule,
        severity=ERROR if severity == "error" else WARNING,
        # Apigee's name of an error is what its users search for
        message=f"{finding.name}: {finding.message}" if finding.name else finding.message,
        cure=finding.cure,
        line=finding.line,
        column=finding.column,
        node_type="Bundle" if not finding.line else "Deploy",
    )


class _Visit(Struct, frozen=True):
    """Which objects of a bundle a method of rules is called with, and what to call them in results."""

    method: str
    node_type: str
    objects: Callable[[LintBundle], Iterable[object]]


def _endpoint_parts(part: Callable[[EndpointFile], Iterable[object]]) -> Callable[[LintBundle], list[object]]:
    return lambda bundle: [item for endpoint in bundle.endpoints for item in part(endpoint)]


_VISITS = (
    _Visit("on_endpoint", "Endpoint", lambda bundle: bundle.endpoints),
    _Visit("on_proxy_endpoint", "ProxyEndpoint", lambda bundle: bundle.proxies),
    _Visit("on_target_endpoint", "TargetEndpoint", lambda bundle: bundle.targets),
    _Visit("on_shared_flow", "SharedFlow", lambda bundle: bundle.shared_flows),
    _Visit("on_route_rule", "RouteRule", _endpoint_parts(lambda endpoint: endpoint.route_rules)),
    _Visit("on_flow", "Flow", _endpoint_parts(lambda endpoint: endpoint.flows)),
    _Visit("on_fault_rule", "FaultRule", _endpoint_parts(lambda endpoint: endpoint.fault_rules)),
    _Visit(
        "on_default_fault_rule",
        "DefaultFaultRule",
        _endpoint_parts(lambda endpoint: endpoint.default_fault_rules),
    ),
    _Visit("on_step", "Step", _endpoint_parts(lambda endpoint: endpoint.steps)),
    _Visit("on_condition", "Condition", _endpoint_parts(lambda endpoint: endpoint.conditions)),
    _Visit("on_policy", "Policy", lambda bundle: bundle.policies),
    _Visit("on_resource", "Resource", lambda bundle: bundle.resources),
    _Visit("on_file", "File", lambda bundle: bundle.files),
)


def _problems(rule: Rule, bundle: LintBundle, config: Config) -> Iterator[tuple[str, Problem]]:
    """What one rule finds in one bundle, by file. Where the rule fails, that is the problem, and the rest goes on."""
    severity = config.severities.get(rule.id.upper())
    if type(rule).on_bundle is not Rule.on_bundle:
        call: Callable[[], Iterable[Match]] = partial(rule.on_bundle, bundle)
        yield from _guarded(rule, call, "Bundle", bundle.place, severity, bundle)
    for visit in _VISITS:
        if getattr(type(rule), visit.method) is getattr(Rule, visit.method):
            continue
        method = getattr(rule, visit.method)
        for item in visit.objects(bundle):
            if isinstance(item, PolicyFile) and rule.elements and item.element not in rule.elements:
                continue
            call = partial(method, item, bundle)
            yield from _guarded(rule, call, visit.node_type, _place_of(item, bundle), severity, bundle)


def _guarded(
    rule: Rule,
    call: Callable[[], Iterable[Match]],
    node_type: str,
    place: Placed,
    severity: Severity | None,
    bundle: LintBundle,
) -> Iterator[tuple[str, Problem]]:
    try:
        for match in call():
            yield match.place.file, _problem(rule, match, node_type, severity, bundle)
    except Exception as error:  # a rule may come from anywhere; its failure is told and must not hide others
        last = traceback.extract_tb(error.__traceback__)[-1]
        message = f"the rule itself failed: {type(error).__name__}: {error} ({PurePath(last.filename).name}:{last.lineno})"
        yield (
            place.file,
            Problem(
                rule.id,
                ERROR,
                message,
                "Report it to the rule's author.",
                place.line,
                place.column,
                node_type,
                internal=True,
            ),
        )


def _place_of(item: object, bundle: LintBundle) -> Placed:
    node = getattr(item, "node", None)
    if isinstance(node, Node):
        return node
    return item.place if isinstance(item, RawFile) else bundle.place


def _problem(
    rule: Rule, match: Match, node_type: str, severity: Severity | None, bundle: LintBundle
) -> Problem:
    return Problem(
        rule=rule.id,
        severity=ERROR if (severity or match.severity or rule.severity) == "error" else WARNING,
        message=match.message,
        cure=match.cure or rule.cure,
        line=match.place.line,
        column=match.place.column,
        node_type=node_type,
        fix=match.fix,
        trail=tuple(
            TrailStep(bundle.path(place.file), place.line, place.column, text) for place, text in match.trail
        ),
    )


def _ordered(bundle: LintBundle) -> Iterator[str]:
    """Every file of a bundle, in the order in which apigeelint tells them."""
    yield bundle.place.file
    for folder in ("proxies", "targets", "sharedflows", "policies"):
        yield from bundle.in_folder(folder)
    yield from (resource.file for resource in bundle.resources)
    yield from bundle.model.files


def _result(bundle: LintBundle, file: str, problems: list[Problem], config: Config) -> FileResult:
    path = bundle.path(file)
    switched_off = suppressions(bundle, file) if problems and not config.ignore_directives else None
    kept = {
        problem
        for problem in problems
        if problem.internal
        or not (
            config.excludes(problem.rule, path)
            or (switched_off is not None and switched_off.hold(problem.rule, problem.line))
        )
    }
    weighed = (_weighed(problem, path, config) for problem in kept) if config.paths else kept
    ordered = sorted(
        weighed, key=lambda problem: (problem.line, problem.column, problem.rule, problem.message)
    )
    return FileResult(path, file, bundle.model.source, tuple(ordered))


def _weighed(problem: Problem, path: str, config: Config) -> Problem:
    severity = config.severity(problem.rule, path)
    if severity is None or problem.internal:
        return problem
    return replace(problem, severity=ERROR if severity == "error" else WARNING)


def lint(
    bundles: Sequence[LintBundle],
    classes: Sequence[type[Rule]],
    config: Config,
    findings: Iterable[Finding] = (),
) -> Report:
    """All bundles, and what was found in the environment they are for. Raises OptionError."""
    rules = make_rules(classes, config)
    by_file: dict[str, list[Problem]] = {}
    for finding in findings:
        by_file.setdefault(finding.file, []).append(deploy_problem(finding, config))
    files = [result for bundle in bundles for result in lint_bundle(bundle, rules, config)]
    files += [
        FileResult(file, file, None, tuple(p for p in problems if not config.excludes(p.rule, file)))
        for file, problems in by_file.items()
    ]
    return Report(tuple(files), tuple(type(rule) for rule in rules))
