"""What `serve`, `call` and `lint` share: from paths and options to bundles, environment and test data."""

from __future__ import annotations

import argparse
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.discover import NoBundleFound, Workload, discover
from apiproxy_runtime.bundle.environment import DEFAULT_ORGANIZATION, Environment, read_environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData, read_test_data
from apiproxy_runtime.bundle.workspace import Workspace, find_workspace
from apiproxy_runtime.policy.registry import all_settings
from apiproxy_runtime.policy.setting import parse_settings


class Loaded(Struct, frozen=True):
    """Everything that was read. `bundles` may be incomplete when `findings` holds errors.

    folders   where each of several bundles lies, by kind and name with a slash between: findings name it, so that one
              can tell the bundles apart. Empty for one bundle alone.
    settings  what `--setting` says to policies
    """

    bundles: tuple[Bundle, ...]
    environment: Environment
    test_data: TestData
    findings: Findings
    workspace: Workspace | None = None
    folders: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


def read_settings(options: argparse.Namespace) -> dict[str, str]:
    """What `--setting` says to policies. Raises ValueError with a sentence for the command line."""
    if not options.setting:
        return {}
    # asks every policy that is installed, which takes longer than most commands do
    return parse_settings(options.setting, all_settings().values())


def load(paths: list[Path], options: argparse.Namespace) -> Loaded:
    """Read bundles, environment and test data. Raises NoBundleFound for a path that holds no bundle."""
    findings = Findings()
    workload = discover(paths, findings, options.environment) if paths else Workload((), None)
    several = len(workload.bundles) > 1
    bundles, folders = [], {}
    for source in workload.bundles:
        own = Findings()
        bundle = read_bundle(source, own)
        # the path as the user gave it; one that is the current folder says nothing
        folder = source.source.name.removeprefix("./") if several and source.source.name != "." else ""
        findings.extend(finding.below(folder, source.kind) for finding in own)
        if bundle is not None:
            bundles.append(bundle)
            folders[f"{bundle.kind}/{bundle.name}"] = folder
    workspace: Workspace | None = workload.workspace
    if options.env_dir is not None:
        workspace = find_workspace(options.env_dir)
        if workspace is None:
            raise NoBundleFound(f"{options.env_dir}: no workspace here (looked for src/main/apigee/)")
    organization = options.organization or DEFAULT_ORGANIZATION
    if workspace is None:
        environment = Environment(name=options.environment or "test", organization=organization)
        return Loaded(tuple(bundles), environment, TestData(), findings, None, folders)
    environment = read_environment(workspace, options.environment, findings, organization)
    if environment.organization != organization:
        environment = replace(environment, organization=organization)
    test_data = read_test_data(workspace, findings, environment.name)
    return Loaded(tuple(bundles), environment, test_data, findings, workspace, folders)
