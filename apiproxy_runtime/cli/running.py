"""What the commands that serve share: their loop, their log, where they keep records, how long they wait at the end."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import signal
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

#: Seconds that requests in flight get when the server is told to stop.
GRACE = 10.0


def run_loop(work: Coroutine[Any, Any, int]) -> int:
    """Run on uvloop where it is installed: it takes a tenth off the CPU of each request."""
    try:
        import uvloop  # optional, from the extra "speed"
    except ImportError:
        return asyncio.run(work)
    return int(uvloop.run(work))


def told_to_stop() -> asyncio.Event:
    """Set by SIGINT and SIGTERM from now on; where loops take no signals (Windows), by nothing."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(number, stop.set)
    return stop


def records_folder(options: argparse.Namespace) -> Path | None:
    """Where logs and analytics of policies are kept: beside the SQLite database; in memory with other stores."""
    scheme, _, path = str(options.state).partition(":")
    return Path(path).expanduser().parent / "records" if scheme == "sqlite" and not options.check else None


@contextlib.contextmanager
def unlogged() -> Iterator[None]:
    """Log nothing meanwhile: requests that are tried out on purpose fail in every way there is."""
    logger = logging.getLogger("apiproxy")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def configure_logging(form: str) -> None:
    """Warnings and worse, on standard error."""
    handler = logging.StreamHandler()
    if form == "json":
        from apiproxy_runtime.cli.jsonlog import JsonFormatter  # only when asked for

        handler.setFormatter(JsonFormatter())
    else:
        handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
