"""The command line of `apiproxy lint`."""

from __future__ import annotations

import argparse

from apiproxy_runtime.cli.options.command import Command, add_environment, add_paths


def declare(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, "+")
    add_environment(parser)
    parser.add_argument("--quiet", action="store_true", help="errors only")


COMMAND = Command(
    "apiproxy_runtime.cli.lint",
    "find what is wrong with bundles",
    "Find what is wrong with bundles: everything that would be refused at deploy time, and what looks unintended.",
    declare,
    """example:
  apiproxy lint ./apiproxy""",
)
