"""The command line of `apiproxy explain`."""

from __future__ import annotations

import argparse

from apiproxy_runtime.cli.options.command import Command


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "name",
        metavar="NAME",
        help="policy, fault name or errorcode, deploy error, variable, rule of the linter",
    )


COMMAND = Command(
    "apiproxy_runtime.cli.explain",
    "tell about a policy, a fault, a flow variable or a rule",
    "Tell about a policy, a fault, an error at deployment, a flow variable or a rule of the linter.",
    declare,
    """example:
  apiproxy explain Quota
  apiproxy explain oauth.v2.InvalidApiKey
  apiproxy explain ratelimit.Q-Orders.used.count
  apiproxy explain BN005""",
)
