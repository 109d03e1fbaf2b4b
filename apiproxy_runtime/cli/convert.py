"""Write a kong.yml that does what a bundle does, and tell what it does not."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.cli.workload import Loaded, load
from apiproxy_runtime.kong.convert.convert import Converted, convert
from apiproxy_runtime.kong.convert.coverage import as_json, as_markdown


def run(options: argparse.Namespace) -> int:
    """0 when it was written (with TODO comments or without), 2 when there was nothing to convert or it cannot be read."""
    try:
        loaded = load(options.paths, options)
    except NoBundleFound as error:
        print(f"apiproxy convert: {error}", file=sys.stderr)
        return 2
    if not _readable(loaded):
        return 2
    converted = convert(
        loaded.bundles,
        loaded.environment,
        loaded.test_data,
        edition=options.edition,
        callouts=options.callouts,
        vault_keys=options.vault_keys,
        let_pass=options.let_pass,
    )
    try:
        if options.output is None:
            sys.stdout.write(converted.text)
        else:
            options.output.write_text(converted.text, encoding="utf-8")
        if options.report is not None:
            options.report.write_text(_report(converted, options.report), encoding="utf-8")
    except OSError as error:
        print(f"apiproxy convert: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(summary(converted), file=sys.stderr if options.output is None else sys.stdout)
    return 0


def _readable(loaded: Loaded) -> bool:
    """Whether there is a proxy; errors in the bundles are told, and kept from nobody who wants to see the rest."""
    for finding in loaded.findings.errors:
        print(f"error: {finding}", file=sys.stderr)
    if any(bundle.kind == "apiproxy" for bundle in loaded.bundles):
        return True
    print("apiproxy convert: there is no API proxy among the bundles", file=sys.stderr)
    return False


def _report(converted: Converted, file: Path) -> str:
    rows = converted.coverage.sorted()
    if file.suffix.lower() == ".json":
        return json.dumps(as_json(rows), indent=2, ensure_ascii=False) + "\n"
    return as_markdown(rows)


def summary(converted: Converted) -> str:
    """How much was written, and how well it does what the bundle does; two lines."""
    verdicts = converted.coverage.verdicts()
    total = sum(verdicts.values())
    lines = [
        f"{_count(converted.services, 'service')}, {_count(converted.routes, 'route')}, "
        f"{_count(converted.plugins, 'plugin')}, {_count(converted.todos, 'TODO comment')}",
        f"{_count(total, 'policy', 'policies')}: "
        + ", ".join(f"{number} {verdict}" for verdict, number in verdicts.items()),
    ]
    return "\n".join(lines)


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun if number == 1 else plural or noun + 's'}"
