"""The command line of `apiproxy explain`."""

from __future__ import annotations

import argparse

from apiproxy_runtime.cli.options.command import Command


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name", metavar="NAME", help="policy, fault name or errorcode, deploy error, variable"
    )


COMMAND = Command(
    "apiproxy_runtime.cli.explain",
    "tell about a policy, a fault or a flow variable",
    "Tell about a policy, a fault, an error at deployment or a flow variable.",
    declare,
    """example:
  apiproxy explain Quota
  apiproxy explain oauth.v2.InvalidApiKey
  apiproxy explain ratelimit.Q-Orders.used.count""",
)
