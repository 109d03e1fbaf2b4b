"""The command line of `apiproxy traffic`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_stand_ins


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="sources",
        action="append",
        required=True,
        metavar="OAS|BUNDLE|FILE",
        help="bundles or a workspace (cases that reach every branch; comma separated or repeated), an OpenAPI document "
        "(its examples, and calls that it does not allow), or traffic of another tool: HAR, Postman, curl, trace, "
        "GoReplay, access log",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.har", help="file to write")
    parser.add_argument("--overwrite", action="store_true", help="replace a file that exists")
    parser.add_argument(
        "--limit", type=int, default=5000, metavar="N", help="requests to try for a bundle (default: 5000)"
    )
    parser.add_argument(
        "--seconds",
        type=float,
        default=60.0,
        metavar="N",
        help="time to look for cases of a bundle in; what is found by then is written (default: 60)",
    )
    parser.add_argument(
        "--fail-under", type=float, metavar="PERCENT", help="exit with 1 when less of the branches is reached"
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="write the environment with its stand-in test data there, for --env-dir",
    )
    add_environment(parser)
    add_stand_ins(parser)


COMMAND = Command(
    "apiproxy_runtime.cli.traffic",
    "generate or convert traffic for a rehearsal",
    "Generate cases that reach every flow, condition, route and fault rule of a bundle, or convert traffic to HAR.",
    declare,
    """example:
  apiproxy traffic --from ./apiproxy --env-dir . -o cases.har
  apiproxy traffic --from shop.postman_collection.json -o cases.har""",
)
