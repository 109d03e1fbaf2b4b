"""Several worker processes on one port; the kernel spreads connections among them."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable

from msgspec import Struct


class Share(Struct, frozen=True):
    """A worker's part. The first one deploys, and tells the `others`; each of these listens to its `leader`."""

    others: tuple[socket.socket, ...] = ()
    leader: socket.socket | None = None


def run_workers(options: argparse.Namespace, work: Callable[[Share], int]) -> int:
    """Fork the workers, pass signals on, and end when all have ended; the worst of their exit codes.

    Workers end when this process does, even if it is killed: what would go on listening would share the port with the
    next start, and answer with what was deployed before. They end with their leader too, which alone can deploy.

    Workers share counters and caches through the store, so `--state memory` is refused: each would count alone.
    """
    if options.state == "memory":
        print("apiproxy serve: --workers needs a shared --state (sqlite:PATH or redis://…)", file=sys.stderr)
        return 2
    if options.port == 0:
        print("apiproxy serve: --workers needs a fixed --port", file=sys.stderr)
        return 2
    pairs = [socket.socketpair() for _ in range(options.workers - 1)]
    shares = [Share(tuple(first for first, _ in pairs)), *(Share(leader=second) for _, second in pairs)]
    ours, theirs = os.pipe()
    children = []
    for share in shares:
        child = os.fork()
        if child == 0:
            code = 1
            try:
                os.close(theirs)
                threading.Thread(target=_outlive_nobody, args=(ours,), daemon=True).start()
                _keep_only(share, pairs)
                code = work(share)
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        children.append(child)
    os.close(ours)
    _keep_only(Share(), pairs)

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
        code = os.waitstatus_to_exitcode(status)
        # as a shell tells of a signal
        worst = max(worst, code if code >= 0 else 128 - code)
    return worst


def _outlive_nobody(parent: int) -> None:
    """Stop this process once nobody has the other end of a pipe open any more."""
    os.read(parent, 1)
    os.kill(os.getpid(), signal.SIGTERM)


def _keep_only(share: Share, pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    """Close the ends that belong to other processes, so that a reader notices when the only writer ends."""
    for pair in pairs:
        for end in pair:
            if end not in share.others and end is not share.leader:
                end.close()
