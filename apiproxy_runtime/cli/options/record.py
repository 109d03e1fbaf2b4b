"""The command line of `apiproxy record`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_masking


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to",
        action="append",
        required=True,
        metavar="URL|PATH",
        help="a live API to pass requests on to, or bundles to run (repeatable for bundles)",
    )
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.har", help="recording to write"
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8998, help="port to listen on (default: 8998; 0 for any free one)"
    )
    add_masking(parser)
    add_environment(parser)
    parser.add_argument(
        "--connect-to", action="append", default=[], metavar="HOST[:PORT]=URL", help="as for apiproxy serve"
    )
    parser.add_argument(
        "--state", default="memory", metavar="STORE", help="memory (default), sqlite:PATH or redis://…"
    )


COMMAND = Command(
    "apiproxy_runtime.cli.record",
    "record traffic to a HAR file",
    "Record the traffic to a live API or to bundles that run here, with secrets replaced by pseudonyms.",
    declare,
    """example:
  apiproxy record --to https://api.example.com -o traffic.har
  apiproxy record --to ./apiproxy -o traffic.har --vault traffic.secrets.json""",
)
