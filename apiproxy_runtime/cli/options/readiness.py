"""The command line of `apiproxy readiness`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_paths


def declare(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, "+")
    add_environment(parser)
    parser.add_argument("--to", required=True, choices=("apigeex", "kong"), help="where the bundles shall go")
    parser.add_argument(
        "--format",
        choices=("text", "json", "html", "markdown"),
        help="default: by the name of the output file, else text",
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--strict", action="store_true", help="exit 1 when anything needs a look, too")


COMMAND = Command(
    "apiproxy_runtime.cli.readiness",
    "tell what a move to Apigee X or Kong would meet",
    "Tell what a move to Apigee X or Kong would meet: a verdict for each policy, every finding with file and line, "
    "the effort, and what no bundle can tell. Exit 0 ready or worth a look, 1 blocked (with --strict also worth a "
    "look), 2 could not run.",
    declare,
    """example:
  apiproxy readiness ./apiproxy ./sharedflowbundle --to apigeex
  apiproxy readiness repository/ --to kong -o readiness.html""",
)
