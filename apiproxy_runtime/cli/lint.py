"""Find what is wrong with bundles: everything that would be refused at deploy time, and what looks unintended."""

from __future__ import annotations

import argparse
import asyncio
import sys

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.cli.workload import Loaded, load
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.state.open import open_store


def run(options: argparse.Namespace) -> int:
    """0 when clean, 1 with errors, 2 when it could not run."""
    try:
        loaded = load(options.paths, options)
    except NoBundleFound as error:
        print(f"apiproxy lint: {error}", file=sys.stderr)
        return 2
    asyncio.run(compile_all(loaded))
    findings = loaded.findings
    for finding in sorted(findings, key=lambda item: (item.file, item.line, item.column)):
        if finding.severity == "error" or not options.quiet:
            print(f"{finding.severity}: {finding}")
    errors, warnings = len(findings.errors), len(findings.warnings)
    print(f"{errors} error{'s' * (errors != 1)}, {warnings} warning{'s' * (warnings != 1)}")
    return 1 if errors else 0


async def compile_all(loaded: Loaded) -> None:
    """Compile as a deploy would; what it finds is added to the findings."""
    runtime = Runtime(loaded.environment, loaded.test_data, open_store("memory"))
    try:
        runtime.deploy(loaded.bundles, loaded.findings)
    except DeployError:
        pass
    finally:
        await runtime.close(0)
