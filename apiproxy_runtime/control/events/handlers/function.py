"""The handler `lambda`: calls Python functions that the configuration file names, and no others.

A function gets the data, the event, the source and the process id, as Kong's does, and returns true when it has dealt
with the event; otherwise it is called again later. One that is no coroutine function runs in a thread.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import inspect
import os
from pathlib import Path
from typing import Any

from apiproxy_runtime.control.events.handlers.handler import (
    Deliver,
    Event,
    Function,
    Handler,
    NotAllowed,
    Tools,
    Undelivered,
)
from apiproxy_runtime.control.events.schema import Field, array


def make(config: dict[str, Any], tools: Tools) -> Deliver:
    chosen = []
    for name in config["functions"]:
        function = tools.functions.get(name)
        if function is None:
            known = ", ".join(sorted(tools.functions)) or "none"
            raise NotAllowed(
                f'the configuration file does not allow a function "{name}" (allowed: {known}); '
                "whoever runs the server names it under `lambdas` in the file of --event-hooks"
            )
        chosen.append((name, function))

    async def deliver(event: Event) -> bool:
        for name, function in chosen:
            await call(name, function, event)
        return True

    return deliver


async def call(name: str, function: Function, event: Event) -> None:
    """Call one function. Raises Undelivered unless it returns true."""
    arguments = (event, str(event["event"]), str(event["source"]), os.getpid())
    try:
        if inspect.iscoroutinefunction(function):
            done = await function(*arguments)
        else:
            done = await asyncio.to_thread(function, *arguments)
    except Exception as error:
        raise Undelivered(f"the function {name} failed: {type(error).__name__}: {error}") from error
    if done is not True:
        raise Undelivered(f"the function {name} returned {done!r}, not True")


def load(place: str, folder: Path) -> Function:
    """The function that `module:name`, or `file.py:name` below a folder, means. Raises ValueError with a sentence."""
    where, mark, name = place.rpartition(":")
    if not mark or not where or not name:
        raise ValueError(f'"{place}" must be MODULE:FUNCTION or FILE.py:FUNCTION')
    try:
        if where.endswith(".py"):
            path = folder / where
            spec = importlib.util.spec_from_file_location(f"event_hooks_{path.stem}", path)
            if spec is None or spec.loader is None:
                raise ValueError(f"{path} is no Python file")
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            module = importlib.import_module(where)
    except (ImportError, OSError, SyntaxError) as error:
        raise ValueError(f"{where} cannot be loaded: {error}") from None
    found = getattr(module, name, None)
    if not callable(found):
        raise ValueError(f"{where} has no function {name}")
    function: Function = found
    return function


HANDLER = Handler("lambda", {"functions": Field(array, required=True)}, make)
