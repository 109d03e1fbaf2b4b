"""The command line of `apiproxy convert`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_paths


def declare(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, "+")
    add_environment(parser)
    parser.add_argument("--to", required=True, choices=("kong",), help="what to convert to")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="the kong.yml (default: standard output)"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="what became of each part: .json, else Markdown"
    )
    parser.add_argument(
        "--edition",
        choices=("oss", "enterprise"),
        default="oss",
        help="which plugins may be written; others become comments (default: oss)",
    )
    parser.add_argument(
        "--callouts",
        choices=("global", "route"),
        default="global",
        help="where service-callout and external-callout stand: their published schemas know global plugins only, "
        "one of each for all requests; route needs a schema without that rule (default: global)",
    )
    parser.add_argument(
        "--vault-keys",
        action="store_true",
        help="write references to a vault in place of the API keys of the test data",
    )
    parser.add_argument(
        "--let-pass",
        action="store_true",
        help="leave routes open where a policy that keeps callers out has no counterpart (default: they answer 503)",
    )


COMMAND = Command(
    "apiproxy_runtime.cli.convert",
    "write a kong.yml that does what a bundle does",
    "Write a kong.yml that does what a bundle does. What Kong cannot do becomes a TODO comment with file and line.",
    declare,
    """example:
  apiproxy convert ./apiproxy ./sharedflowbundle --to kong -o kong.yml --report report.md""",
)
