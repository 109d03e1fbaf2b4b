"""The `apiproxy` command: parses the command line, and imports only what the command needs."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence

from apiproxy_runtime import __version__

#: command → (module, what it does)
COMMANDS = {
    "serve": ("apiproxy_runtime.cli.serve", "run bundles"),
    "call": ("apiproxy_runtime.cli.call", "send one request through a bundle and print its trace"),
    "lint": ("apiproxy_runtime.cli.lint", "find what is wrong with bundles"),
    "version": ("apiproxy_runtime.cli.version", "print the version"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    name = next((word for word in words if not word.startswith("-")), None)
    if name not in COMMANDS:
        return _overview(words, name)
    module = importlib.import_module(COMMANDS[name][0])
    parser = argparse.ArgumentParser(
        prog=f"apiproxy {name}",
        description=module.__doc__,
        epilog=module.EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.declare(parser)
    words.remove(name)
    options = parser.parse_args(words)
    try:
        return int(module.run(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 1


def _overview(words: Sequence[str], name: str | None) -> int:
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
    lines += [f"  {command:<10} {what}" for command, (_, what) in COMMANDS.items()]
    lines += ["", "apiproxy COMMAND --help tells more.  Try: apiproxy serve ./apiproxy"]
    if name is not None:
        print(f"apiproxy: there is no command {name!r}\n", file=sys.stderr)
        print("\n".join(lines), file=sys.stderr)
        return 2
    print("\n".join(lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
