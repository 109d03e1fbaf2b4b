"""The command line of `apiproxy serve`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_masking, add_paths, add_setting

#: Where the Apigee emulator has its control API.
DEFAULT_CONTROL_PORT = 8080


def declare(parser: argparse.ArgumentParser) -> None:
    add_paths(parser, "*")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8998, help="traffic port (default: 8998; 0 for any free one)"
    )
    parser.add_argument(
        "--control-port",
        type=int,
        metavar="PORT",
        help="port of the control API (default: 8080, or any free one if that is taken; 0 for any free one)",
    )
    parser.add_argument(
        "--control-host",
        default="127.0.0.1",
        metavar="HOST",
        help="address of the control API (default: 127.0.0.1; any other needs a token)",
    )
    parser.add_argument(
        "--control-token",
        default="",
        metavar="TOKEN",
        help="what callers of the control API must send (default: $APIPROXY_CONTROL_TOKEN)",
    )
    parser.add_argument("--no-control", action="store_true", help="serve traffic only")
    parser.add_argument(
        "--strict", action="store_true", help="refuse over the emulator's API what the emulator refuses"
    )
    parser.add_argument(
        "--flavour",
        choices=("auto", "edge", "x"),
        default="auto",
        help="dialect of the management API: that of Edge, of Apigee X, or what each request shows (default: auto)",
    )
    add_environment(parser)
    parser.add_argument(
        "--connect-to",
        action="append",
        default=[],
        metavar="HOST[:PORT]=URL",
        help="send every outgoing call for HOST there; the Host header is kept (repeatable)",
    )
    add_setting(parser)
    parser.add_argument(
        "--state",
        default="sqlite:.apiproxy/state.db",
        metavar="STORE",
        help="memory, sqlite:PATH or redis://… (default: sqlite in .apiproxy/ of the current folder)",
    )
    parser.add_argument(
        "--check", action="store_true", help="deploy everything, print what was deployed, and exit"
    )
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes that share the port")
    parser.add_argument("--watch", action="store_true", help="deploy anew when a file changes")
    parser.add_argument("--trace", action="store_true", help="print a tree of steps for each request")
    parser.add_argument(
        "--log-format", choices=("text", "json"), default="text", help="form of the log lines"
    )
    parser.add_argument(
        "--access-log", metavar="FILE", help="write a line for each request there; - is standard output"
    )
    parser.add_argument(
        "--access-log-format",
        choices=("json", "combined"),
        default="json",
        help="form of the access log (default: json)",
    )
    parser.add_argument(
        "--record", type=Path, metavar="FILE.har", help="write all traffic there, with the calls to upstreams"
    )
    add_masking(parser)
    parser.add_argument(
        "--event-hooks",
        type=Path,
        metavar="FILE",
        help="which Python functions event hooks may call (YAML: lambdas: {NAME: MODULE:FUNCTION}); none without it",
    )


COMMAND = Command(
    "apiproxy_runtime.cli.serve",
    "run bundles",
    "Run API proxy bundles: each PATH is a folder apiproxy/ or sharedflowbundle/, its parent, a .zip, or a workspace;\n"
    "or one kong.yml, Kong's declarative configuration.",
    declare,
    """example:
  apiproxy serve ./apiproxy
  apiproxy serve ./apiproxy ./sharedflowbundle --env-dir . --connect-to api.example.com=http://127.0.0.1:9000
  apiproxy serve kong.yml --connect-to api.example.com=http://127.0.0.1:9000""",
)
