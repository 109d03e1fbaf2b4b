"""Print the version of the runtime and of what it runs on."""

from __future__ import annotations

import argparse
import platform

from apiproxy_runtime import __version__


def run(options: argparse.Namespace) -> int:
    print(
        f"apiproxy {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})"
    )
    return 0
