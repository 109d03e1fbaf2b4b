"""Several worker processes on one port; the kernel spreads connections among them."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable


def run_workers(options: argparse.Namespace, work: Callable[[bool], int]) -> int:
    """Fork the workers, pass signals on, and end when all have ended; the worst of their exit codes.

    Workers share counters and caches through the store, so `--state memory` is refused: each would count alone.
    """
    if options.state == "memory":
        print("apiproxy serve: --workers needs a shared --state (sqlite:PATH or redis://…)", file=sys.stderr)
        return 2
    if options.port == 0:
        print("apiproxy serve: --workers needs a fixed --port", file=sys.stderr)
        return 2
    children = []
    for _ in range(options.workers):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                code = work(True)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.append(child)

    def pass_on(number: int, frame: object) -> None:
        for child in children:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                continue

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, pass_on)
    worst = 0
    for child in list(children):
        _, status = os.waitpid(child, 0)
        children.remove(child)
        worst = max(worst, os.waitstatus_to_exitcode(status))
    return worst
