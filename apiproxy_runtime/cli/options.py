"""The options of every command. Nothing heavy is imported here, so that `--help` answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Command:
    """A command: the module whose `run(options)` does the work, what it does, its options, an example."""

    module: str
    summary: str
    description: str
    declare: Callable[[argparse.ArgumentParser], None]
    example: str


def _paths(parser: argparse.ArgumentParser, count: str) -> None:
    parser.add_argument(
        "paths", nargs=count, type=Path, metavar="PATH", help="bundle, zip of one, or workspace"
    )


def _environment(parser: argparse.ArgumentParser) -> None:
    """The options that say which environment bundles are for."""
    parser.add_argument(
        "--environment", metavar="NAME", help="environment of the workspace (default: its only one, or test)"
    )
    parser.add_argument("--organization", metavar="NAME", help="name of the organization (default: hybrid)")
    parser.add_argument(
        "--env-dir",
        metavar="DIR",
        type=Path,
        help="workspace whose environment and test-data files to use with the bundles named",
    )


def _serve(parser: argparse.ArgumentParser) -> None:
    _paths(parser, "*")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
    parser.add_argument(
        "--port", type=int, default=8998, help="traffic port (default: 8998; 0 for any free one)"
    )
    parser.add_argument("--control-port", type=int, default=8080, help=argparse.SUPPRESS)
    parser.add_argument("--no-control", action="store_true", help="serve traffic only")
    _environment(parser)
    parser.add_argument(
        "--connect-to",
        action="append",
        default=[],
        metavar="HOST[:PORT]=URL",
        help="send every outgoing call for HOST there; the Host header is kept (repeatable)",
    )
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


def _call(parser: argparse.ArgumentParser) -> None:
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
    _environment(parser)


def _lint(parser: argparse.ArgumentParser) -> None:
    _paths(parser, "+")
    _environment(parser)
    parser.add_argument("--quiet", action="store_true", help="errors only")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="policy, fault name or errorcode, deploy error, variable"
    )


def _nothing(parser: argparse.ArgumentParser) -> None:
    """A command without options."""


COMMANDS = {
    "serve": Command(
        "apiproxy_runtime.cli.serve",
        "run bundles",
        "Run API proxy bundles: each PATH is a folder apiproxy/ or sharedflowbundle/, its parent, a .zip, or a workspace.",
        _serve,
        """example:
  apiproxy serve ./apiproxy
  apiproxy serve ./apiproxy ./sharedflowbundle --env-dir . --connect-to api.example.com=http://127.0.0.1:9000""",
    ),
    "call": Command(
        "apiproxy_runtime.cli.call",
        "send one request through a bundle and print its trace",
        "Send one request through a bundle, in this process, and print the answer with its trace.",
        _call,
        """example:
  apiproxy call GET /orders/42?expand=items --bundle ./apiproxy -H 'Accept: application/json'""",
    ),
    "lint": Command(
        "apiproxy_runtime.cli.lint",
        "find what is wrong with bundles",
        "Find what is wrong with bundles: everything that would be refused at deploy time, and what looks unintended.",
        _lint,
        """example:
  apiproxy lint ./apiproxy""",
    ),
    "explain": Command(
        "apiproxy_runtime.cli.explain",
        "tell about a policy, a fault or a flow variable",
        "Tell about a policy, a fault, an error at deployment or a flow variable.",
        _explain,
        """example:
  apiproxy explain Quota
  apiproxy explain oauth.v2.InvalidApiKey
  apiproxy explain ratelimit.Q-Orders.used.count""",
    ),
    "version": Command(
        "apiproxy_runtime.cli.version",
        "print the version",
        "Print the version of the runtime and of what it runs on.",
        _nothing,
        "example: apiproxy version",
    ),
}
