"""The `apiproxy` command: parses the command line, and imports only what the command needs."""

from __future__ import annotations

import argparse
import gc
import importlib
import sys
from collections.abc import Sequence

from apiproxy_runtime import __version__
from apiproxy_runtime.cli.options.command import Command

#: In the order of the overview; each has its options in `cli/options/NAME.py`.
COMMANDS = (
    "new",
    "serve",
    "call",
    "lint",
    "record",
    "traffic",
    "rehearse",
    "readiness",
    "convert",
    "explain",
    "schema",
    "version",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    gc.disable()  # what is loaded stays, so there is nothing to collect yet
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = next((word for word in words if not word.startswith("-")), None)
    if name not in COMMANDS:
        return _overview(words, name)
    command = find_command(name)
    parser = argparse.ArgumentParser(
        prog=f"apiproxy {name}",
        description=command.description,
        epilog=command.example,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.declare(parser)
    words.remove(name)
    options = parser.parse_args(words)
    try:
        run = importlib.import_module(command.module).run
        gc.freeze()
        gc.enable()
        code = int(run(options))
        gc.freeze()  # the process ends, and need not look for garbage once more
        return code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def find_command(name: str) -> Command:
    """A command of the table: its options, and the module that does its work."""
    command: Command = importlib.import_module(f"apiproxy_runtime.cli.options.{name}").COMMAND
    return command


def _overview(words: Sequence[str], name: str | None) -> int:
    """What `apiproxy` alone prints; an unknown command is an error."""
    if "--version" in words:
        print(f"apiproxy {__version__}")
        return 0
    lines = [
        "usage: apiproxy COMMAND [OPTIONS]",
        "",
        "The open runtime for Apigee proxy bundles.",
        "",
        "commands:",
    ]
    lines += [f"  {word:<10} {find_command(word).summary}" for word in COMMANDS]
    lines += ["", "apiproxy COMMAND --help tells more.  Try: apiproxy serve ./apiproxy"]
    if name is not None:
        print(f"apiproxy: there is no command {name!r}\n", file=sys.stderr)
        print("\n".join(lines), file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
