"""What a command is, and the options that several have. Nothing heavy is imported here, so that `--help` answers at once."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct


class Command(Struct, frozen=True):
    """A command: the module whose `run(options)` does the work, what it does, its options, an example."""

    module: str
    summary: str
    description: str
    declare: Callable[[argparse.ArgumentParser], None]
    example: str


def add_paths(parser: argparse.ArgumentParser, count: str) -> None:
    parser.add_argument(
        "paths", nargs=count, type=Path, metavar="PATH", help="bundle, zip of one, or workspace"
    )


def add_environment(parser: argparse.ArgumentParser) -> None:
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


def add_stand_ins(parser: argparse.ArgumentParser) -> None:
    """Whether what an environment lacks is made up for generated requests."""
    parser.add_argument(
        "--no-stand-ins",
        action="store_true",
        help="make up no test data (keys, tokens, map entries, target servers) that bundles ask for and the environment "
        "lacks",
    )


def add_setting(parser: argparse.ArgumentParser) -> None:
    """What is said to all policies of a kind."""
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="tell all policies that heed it, such as jwt.claim-faults=InvalidClaim (repeatable; an unknown NAME "
        "lists those there are)",
    )


def add_masking(parser: argparse.ArgumentParser) -> None:
    """The options that say what of a recording is replaced by pseudonyms."""
    parser.add_argument("--overwrite", action="store_true", help="replace a recording that exists")
    parser.add_argument(
        "--mask",
        action="append",
        default=[],
        metavar="NAME",
        help="a name whose values are secret too (repeatable)",
    )
    parser.add_argument(
        "--no-mask",
        action="append",
        default=[],
        metavar="NAME",
        help="a name whose values are not (repeatable)",
    )
    parser.add_argument(
        "--vault",
        type=Path,
        metavar="FILE",
        help="keep what each pseudonym stands for there, to put it back when replaying; never share it",
    )


def add_nothing(parser: argparse.ArgumentParser) -> None:
    """A command without options."""
