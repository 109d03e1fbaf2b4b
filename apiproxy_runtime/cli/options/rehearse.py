"""The command line of `apiproxy rehearse`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command, add_environment, add_stand_ins

FORMATS = ("text", "json", "junit", "markdown", "html")


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--traffic",
        required=True,
        action="append",
        type=Path,
        metavar="FILE",
        help="recording, or `generated`: cases that reach every branch of the old side's bundle (repeatable)",
    )
    side = "bundle or workspace paths (comma separated), kong.yml, http(s)://URL, or recorded"
    parser.add_argument(
        "--vault",
        type=Path,
        metavar="FILE",
        help="what `apiproxy record --vault` wrote: puts the secrets back that the recording's pseudonyms stand for",
    )
    parser.add_argument("--before", required=True, metavar="SIDE", help=f"the old side: {side}")
    parser.add_argument(
        "--after",
        required=True,
        metavar="SIDE",
        help="the new side: as --before, or `kong`: the kong.yml that the old side is converted to",
    )
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="DIR",
        help="write what was generated and converted there: cases.har, kong.yml, and the environment with its stand-in test "
        "data, for --env-dir",
    )
    add_environment(parser)
    add_stand_ins(parser)
    for which, name in (("before", "old"), ("after", "new")):
        parser.add_argument(
            f"--{which}-env-dir", type=Path, metavar="DIR", help=f"as --env-dir, for the {name} side alone"
        )
        parser.add_argument(
            f"--{which}-environment", metavar="NAME", help=f"as --environment, for the {name} side alone"
        )
    stubs = parser.add_argument_group("upstreams")
    stubs.add_argument("--mocks", type=Path, metavar="FILE", help="answers for outgoing calls (YAML or JSON)")
    stubs.add_argument(
        "--on-miss",
        choices=("closest", "default", "fail", "passthrough"),
        default="closest",
        help="what answers a call that nothing fits: the closest recorded one (default), a 200 that tells what was called, "
        "a failed connection, or the real upstream",
    )
    stubs.add_argument(
        "--connect-to",
        action="append",
        default=[],
        metavar="HOST[:PORT]=URL",
        help="really send the outgoing calls for HOST, and there (repeatable)",
    )
    judging = parser.add_argument_group("what is expected")
    judging.add_argument(
        "--accept",
        action="append",
        default=[],
        type=Path,
        metavar="RULES.yaml",
        help="accepted differences (repeatable)",
    )
    judging.add_argument(
        "--rules",
        action="append",
        default=[],
        metavar="PACK",
        help="rule pack: apigee-to-kong (default from a bundle to a kong.yml), edge-to-x, or none (repeatable)",
    )
    judging.add_argument(
        "--no-noise",
        action="store_true",
        help="do not run the old side twice to learn what differs by itself",
    )
    running = parser.add_argument_group("the run")
    running.add_argument(
        "--seed", type=int, default=0, metavar="N", help="of ids and randomness (default: 0)"
    )
    running.add_argument(
        "--gap",
        type=float,
        default=1.0,
        metavar="SECONDS",
        help="virtual time between cases without recorded times",
    )
    running.add_argument("--limit", type=int, metavar="N", help="the first N cases only")
    running.add_argument(
        "--resume", type=Path, metavar="FILE", help="journal to keep, and to go on from if it exists"
    )
    running.add_argument(
        "--rate", type=float, default=20.0, metavar="N", help="cases a second to a live side (default: 20)"
    )
    running.add_argument(
        "--timeout", type=float, default=30.0, metavar="SECONDS", help="for one answer of a live side"
    )
    running.add_argument(
        "--allow-side-effects",
        action="store_true",
        help="send POST, PUT, PATCH and DELETE to a live side too",
    )
    report = parser.add_argument_group("report")
    report.add_argument(
        "--format",
        action="append",
        default=[],
        choices=FORMATS,
        help="form of the report (default: text; repeatable, each with its -o)",
    )
    report.add_argument(
        "-o",
        "--output",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="write the report there (repeatable)",
    )


COMMAND = Command(
    "apiproxy_runtime.cli.rehearse",
    "run the old and the new side beside each other",
    "Run traffic through an old and a new side, and show every difference. Exit 0: nothing unexpected, 1: differences, 2: could not run.",
    declare,
    """example:
  apiproxy rehearse --traffic day.har --before ./apiproxy --after kong.yml --format html -o report.html
  apiproxy rehearse --traffic generated --before ./apiproxy --after kong --keep move
  apiproxy rehearse --traffic day.har --before recorded --after ./apiproxy --accept accepted.yaml""",
)
