"""The command line of `apiproxy call`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_setting


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("method", metavar="METHOD", help="GET, POST, …")
    parser.add_argument(
        "target", metavar="PATH", help="path with base path and query, /orders/42?expand=items"
    )
    parser.add_argument(
        "--bundle",
        action="append",
        type=Path,
        default=[],
        metavar="PATH",
        help="bundle (repeatable; default: ./apiproxy or .)",
    )
    parser.add_argument(
        "-H", "--header", action="append", default=[], metavar="'NAME: VALUE'", help="header (repeatable)"
    )
    parser.add_argument("-d", "--data", help="body; @FILE reads it from a file")
    parser.add_argument("--no-trace", action="store_true", help="print the answer only")
    parser.add_argument(
        "--state", default="memory", metavar="STORE", help="memory (default), sqlite:PATH or redis://…"
    )
    parser.add_argument(
        "--connect-to", action="append", default=[], metavar="HOST[:PORT]=URL", help="as for apiproxy serve"
    )
    add_setting(parser)
    add_environment(parser)


COMMAND = Command(
    "apiproxy_runtime.cli.call",
    "send one request through a bundle and print its trace",
    "Send one request through a bundle, in this process, and print the answer with its trace.",
    declare,
    """example:
  apiproxy call GET /orders/42?expand=items --bundle ./apiproxy -H 'Accept: application/json'""",
)
