"""The command line of `apiproxy version`."""

from __future__ import annotations

from apiproxy_runtime.cli.options.command import Command, add_nothing

COMMAND = Command(
    "apiproxy_runtime.cli.version",
    "print the version",
    "Print the version of the runtime and of what it runs on.",
    add_nothing,
    "example: apiproxy version",
)
