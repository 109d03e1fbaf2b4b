"""What subscribers are told of deploys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from msgspec import Struct

from apiproxy_runtime.bundle.finding import DeployError, Finding
from apiproxy_runtime.bundle.model import BundleKind
from apiproxy_runtime.control.organization import Deployment, Key, Organization


class DeployEvent(Struct, frozen=True):
    """Something was deployed, updated (another revision or content), undeployed, or refused.

    `findings` are the errors of a refusal, or warnings; `at` is seconds since the epoch.
    """

    what: Literal["deployed", "updated", "undeployed", "refused"]
    environment: str
    kind: BundleKind
    name: str
    revision: str
    base_paths: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    at: float = 0.0


def changes(
    before: Organization,
    after: Organization,
    base_paths: Mapping[str, Mapping[str, tuple[str, ...]]],
    warnings: tuple[Finding, ...],
    at: float,
) -> Iterable[DeployEvent]:
    """What a change has done. `base_paths` are those of now, by environment and proxy."""
    for name in {**before.environments, **after.environments}:
        paths = base_paths.get(name, {})
        for what, (kind, bundle), deployment in _differences(before, after, name):
            found = paths.get(bundle, ()) if kind == "apiproxy" else ()
            number = deployment.revision.number
            yield DeployEvent(what, name, kind, bundle, number, found, warnings, at)


def refusals(
    before: Organization, after: Organization, error: DeployError, at: float
) -> Iterable[DeployEvent]:
    """A refusal for each bundle that has errors of its own; one without a name for errors that are no bundle's.

    A bundle that is deployed alone has them all.
    """
    wanted = [
        (name, key, deployment.revision)
        for name in after.environments
        for what, key, deployment in _differences(before, after, name)
        if what != "undeployed"
    ]
    if len(wanted) == 1:
        ((name, key, revision),) = wanted
        return [DeployEvent("refused", name, *key, revision.number, (), tuple(error.findings), at)]
    refused = []
    rest = list(error.findings)
    for name, key, revision in wanted:
        own = tuple(finding for finding in error.findings if revision.holds(finding.file))
        rest = [finding for finding in rest if finding not in own]
        if any(finding.severity == "error" for finding in own):
            refused.append(DeployEvent("refused", name, *key, revision.number, (), own, at))
    if not refused or any(finding.severity == "error" for finding in rest):
        last = next(reversed(after.environments), "")
        refused.append(DeployEvent("refused", last, "apiproxy", "", "", (), tuple(rest), at))
    return refused


def in_brief(findings: Iterable[Finding]) -> str:
    """The first error, and how many more there are."""
    errors = [finding for finding in findings if finding.severity == "error"]
    if not errors:
        return "the deploy was refused"
    more = len(errors) - 1
    return f"{errors[0]} (and {more} more error{'s' * (more != 1)})" if more else str(errors[0])


def _differences(
    before: Organization, after: Organization, name: str
) -> Iterable[tuple[Literal["deployed", "updated", "undeployed"], Key, Deployment]]:
    old = before.environments[name].deployments if name in before.environments else {}
    new = after.environments[name].deployments if name in after.environments else {}
    for key, deployment in new.items():
        if key not in old:
            yield "deployed", key, deployment
        elif old[key] is not deployment:
            yield "updated", key, deployment
    for key, deployment in old.items():
        if key not in new:
            yield "undeployed", key, deployment
