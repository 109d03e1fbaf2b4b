"""Tell what a move to another platform would meet."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.discover import BundleSource, NoBundleFound
from apiproxy_runtime.bundle.environment import DEFAULT_ORGANIZATION, Environment, read_environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.testdata import TestData, read_test_data
from apiproxy_runtime.bundle.workspace import Workspace, find_workspace
from apiproxy_runtime.lint.gather import bundles_at
from apiproxy_runtime.rehearsal.readiness.assessment import Assessment, assess
from apiproxy_runtime.rehearsal.readiness.formats.html import as_html
from apiproxy_runtime.rehearsal.readiness.formats.json import as_json
from apiproxy_runtime.rehearsal.readiness.formats.markdown import as_markdown
from apiproxy_runtime.rehearsal.readiness.formats.terminal import as_text
from apiproxy_runtime.rehearsal.readiness.subject import Subject
from apiproxy_runtime.world import World

_BY_SUFFIX = {".json": "json", ".html": "html", ".htm": "html", ".md": "markdown"}


def run(options: argparse.Namespace) -> int:
    """0 ready, or worth a look; 1 blocked, with --strict also worth a look; 2 nothing to look at."""
    try:
        assessments = assess_paths(options.paths, options)
    except (NoBundleFound, SourceError) as error:
        print(f"apiproxy readiness: {error}", file=sys.stderr)
        return 2
    if not assessments:
        print("apiproxy readiness: none of the bundles can be read", file=sys.stderr)
        return 2
    report = _report(assessments, options)
    if options.output is None:
        sys.stdout.write(report)
    else:
        try:
            options.output.write_text(report, encoding="utf-8")
        except OSError as error:
            print(f"apiproxy readiness: {options.output}: {error.strerror}", file=sys.stderr)
            return 2
        print(_summary(assessments))
    statuses = {assessment.status for assessment in assessments}
    return 1 if "blocked" in statuses or (options.strict and "review" in statuses) else 0


def assess_paths(paths: Sequence[Path], options: argparse.Namespace) -> list[Assessment]:
    """Look at every bundle of the paths; they know of each other. Raises NoBundleFound, SourceError."""
    sources: dict[tuple[str, str], BundleSource] = {}
    workspace = find_workspace(options.env_dir) if options.env_dir is not None else None
    if options.env_dir is not None and workspace is None:
        raise NoBundleFound(f"{options.env_dir}: no workspace here (looked for src/main/apigee/)")
    for path in paths:
        for source in bundles_at(path):
            sources.setdefault((source.source.name, source.kind), source)
        if (
            workspace is None
            and path.is_dir()
            and path.resolve().name not in ("apiproxy", "sharedflowbundle")
        ):
            workspace = find_workspace(path)
    environment, test_data = _environment(workspace, options)
    read: list[tuple[Bundle, Findings, str]] = []
    for source in sources.values():
        findings = Findings()
        bundle = read_bundle(source, findings)
        if bundle is not None:
            read.append((bundle, findings, source.name))
        else:
            for finding in findings.errors:
                print(f"error: {finding}", file=sys.stderr)
    bundles = [bundle for bundle, _, _ in read]
    progress = sys.stderr.isatty() and len(read) > 1
    assessments = []
    for index, (bundle, findings, place) in enumerate(read, 1):
        if progress:
            print(f"\r{index}/{len(read)} {bundle.name[:60]:<60}", end="", file=sys.stderr, flush=True)
        subject = Subject(bundle, tuple(findings), environment, test_data, bundles)
        assessments.append(assess(subject, options.to, place))
    if progress:
        print(f"\r{'':<80}\r", end="", file=sys.stderr)
    return assessments


def _environment(workspace: Workspace | None, options: argparse.Namespace) -> tuple[Environment, TestData]:
    organization = options.organization or DEFAULT_ORGANIZATION
    if workspace is None:
        return Environment(options.environment or "test", organization), TestData()
    findings = Findings()
    environment = read_environment(workspace, options.environment, findings, organization)
    test_data = read_test_data(workspace, findings, environment.name)
    for finding in findings.errors:
        print(f"error: {finding}", file=sys.stderr)
    return environment, test_data


def _report(assessments: list[Assessment], options: argparse.Namespace) -> str:
    chosen: str | None = options.format
    if chosen is None and options.output is not None:
        chosen = _BY_SUFFIX.get(options.output.suffix.lower())
    match chosen:
        case "json":
            return as_json(assessments, World())
        case "html":
            return as_html(assessments)
        case "markdown":
            return as_markdown(assessments)
    return as_text(assessments)


def _summary(assessments: list[Assessment]) -> str:
    statuses = [assessment.status for assessment in assessments]
    counted = ", ".join(
        f"{statuses.count(status)} {status}"
        for status in ("ready", "review", "blocked")
        if status in statuses
    )
    return f"{len(assessments)} bundle{'s' * (len(assessments) != 1)}: {counted}"
