"""The command line of `apiproxy new`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", help="name of the proxy: letters, digits, . _ -")
    parser.add_argument("--base-path", metavar="PATH", help="where it is reached (default: /NAME)")
    parser.add_argument("--target", metavar="URL", help="its backend (default: none, it answers by itself)")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="DIR", help="folder that gets apiproxy/ (default: NAME)"
    )


COMMAND = Command(
    "apiproxy_runtime.cli.new",
    "begin a bundle",
    "Begin a bundle: a proxy that deploys, answers, and passes the linter.",
    declare,
    """example:
  apiproxy new orders --target https://api.example.com/v1
  apiproxy serve orders""",
)
