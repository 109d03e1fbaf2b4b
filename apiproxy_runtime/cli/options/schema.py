"""The command line of `apiproxy schema`."""

from __future__ import annotations

import argparse
from pathlib import Path

from apiproxy_runtime.cli.options.command import Command


def declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="DIR", help="folder to write to; it is made"
    )


COMMAND = Command(
    "apiproxy_runtime.cli.schema",
    "write the schema that editors complete and explain by",
    "Write an XML Schema of bundles, an XML catalogue, settings for VS Code and a JSON catalogue of all elements.",
    declare,
    """example:
  apiproxy schema -o .apigee-schema""",
)
