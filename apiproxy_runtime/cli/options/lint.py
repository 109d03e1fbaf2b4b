"""The command line of `apiproxy lint`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_paths


def declare(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, "*")
    parser.add_argument(
        "-f", "--format", default="stylish", metavar="FORMAT", help="form of the output (default: stylish)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it there")
    parser.add_argument(
        "--profile", choices=("apigeex", "apigee"), help="platform: Apigee X and hybrid (default), or Edge"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="default: the nearest .apiproxylint.yaml or .apigeelintrc"
    )
    parser.add_argument("--no-config", "--norc", action="store_true", help="use no configuration file")
    parser.add_argument(
        "-e", "--exclude", "--excluded", metavar="IDS", help="rules to leave out, separated by commas"
    )
    parser.add_argument("--preview", action="store_true", help="run rules on trial too")
    parser.add_argument(
        "--ignore-directives", action="store_true", help="pay no heed to comments that switch rules off"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="errors only")
    parser.add_argument(
        "--max-warnings", type=int, metavar="N", help="exit with 1 when there are more warnings"
    )
    parser.add_argument(
        "--fail-on",
        choices=("error", "warning", "never"),
        default="error",
        metavar="SEVERITY",
        help="exit with 1 for problems from there on: error (default), warning, never",
    )
    parser.add_argument(
        "--baseline", type=Path, metavar="FILE", help="file of known problems, which are not told again"
    )
    parser.add_argument(
        "--write-baseline",
        action="store_true",
        help="write all problems to the baseline (default: apiproxylint-baseline.json) and exit",
    )
    parser.add_argument("--fix", action="store_true", help="mend in place what can be mended")
    parser.add_argument("--list-rules", action="store_true", help="print the rules and exit")
    parser.add_argument("--explain", metavar="ID", help="print what a rule is about and exit")
    add_environment(parser)


COMMAND = Command(
    "apiproxy_runtime.cli.lint",
    "find what is wrong with bundles",
    "Find what is wrong with bundles: everything that would be refused at deploy time, and what looks unintended.",
    declare,
    """example:
  apiproxy lint ./apiproxy
  apiproxy lint . --format json -o lint.json --exclude PO007,TD002 --max-warnings 0""",
)
