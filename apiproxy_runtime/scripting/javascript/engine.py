"""The JavaScript engine: one QuickJS context behind six calls, with a CPU limit that allows host functions.

The binding refuses host functions while a time limit is set. But the interrupt handler that it installs when a call
begins is only taken away if the limit is still set when the call ends. So the limit is cleared while the call runs,
from the finaliser of a callable that the script's first action drops: the handler stays, host functions work, and a
script that loops, sorts or backtracks for ever is stopped inside C code, uncatchable. `probe` tells whether this
holds for the engine at hand.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, cast

MEMORY_LIMIT = 64 << 20
STACK_SIZE = 2 << 20

Primitive = str | int | float | bool | None
HostFunction = Callable[..., Primitive]


class Value(Protocol):
    """A JavaScript object or function, as Python holds it."""

    def __call__(self, *args: object) -> object: ...


class Context(Protocol):
    """What is used of the binding's context."""

    def eval(self, code: str) -> object: ...
    def add_callable(self, name: str, function: Callable[..., object]) -> None: ...
    def execute_pending_job(self) -> bool: ...
    def set_time_limit(self, seconds: float) -> None: ...
    def set_memory_limit(self, size: int) -> None: ...
    def set_max_stack_size(self, size: int) -> None: ...


class JavaScriptError(Exception):
    """What JavaScript code threw and did not catch; `text` is the value as a string, `stack` its stack or ''."""

    def __init__(self, text: str, stack: str) -> None:
        super().__init__(text)
        self.text = text
        self.stack = stack


class Interrupted(Exception):
    """The CPU limit was reached; the context is in no defined state and must not be used again."""


class OutOfMemory(Exception):
    """The memory limit was reached; the context must not be used again."""


# The package `quickjs` starts a thread when it is imported; the extension module beneath it does not.
_quickjs = importlib.import_module("_quickjs")
_ENGINE_ERROR: type[Exception] = _quickjs.JSException

#: The engine's own stacks indent frames by blanks, the prelude's as Rhino by a tab.
_FRAMES = re.compile(r"\n(?:    |\t)at ")

#: The code that ends the arming of a context: to be the first thing that an armed call runs.
DISARM = "delete globalThis.__arm;"


class _Disarm:
    """Clears the limit of a context when it is finalised."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def __call__(self) -> None:
        return None

    def __del__(self) -> None:
        self._context.set_time_limit(-1.0)


class Engine:
    """One context: its own heap, its own globals.

    memory  bytes the heap may take
    """

    __slots__ = ("_context",)

    def __init__(self, memory: int = MEMORY_LIMIT) -> None:
        context = cast(Context, _quickjs.Context())
        context.set_memory_limit(memory)
        context.set_max_stack_size(STACK_SIZE)
        self._context = context

    def add(self, name: str, function: HostFunction) -> None:
        """Make a Python function a global.

        It must not raise and must return a primitive: integers of 32 bits, any float, text without lone surrogates.
        """
        self._context.add_callable(name, function)

    def eval(self, code: str) -> object:
        """The value of a script. Raises JavaScriptError, Interrupted, OutOfMemory, ValueError (NUL in the code)."""
        try:
            return self._context.eval(code)
        except _ENGINE_ERROR as error:
            raise _translate(error) from None

    def function(self, code: str) -> Value:
        """The function that an expression makes. Raises like `eval`."""
        return cast(Value, self.eval(code))

    def call(self, function: Value, *args: object) -> object:
        """Call a function that `function` gave, without a limit of its own. Raises like `eval`."""
        try:
            return function(*args)
        except _ENGINE_ERROR as error:
            raise _translate(error) from None

    def call_limited(self, function: Value, seconds: float, *args: object) -> object:
        """Call a function whose first action is DISARM; it may use `seconds` of CPU. Raises like `eval`."""
        context = self._context
        context.add_callable("__arm", _Disarm(context))
        context.set_time_limit(seconds)
        return self.call(function, *args)

    def arm(self, seconds: float) -> None:
        """Start the CPU limit anew, for the code that runs next or that waits for a host function to return."""
        context = self._context
        context.add_callable("__arm", _Disarm(context))
        context.set_time_limit(seconds)
        context.eval(DISARM)

    def disarm(self) -> None:
        """Take the limit away."""
        context = self._context
        context.set_time_limit(1.0)
        context.eval("0")
        context.set_time_limit(-1.0)

    def run_jobs(self) -> None:
        """Run what promises have queued, within the limit of the call before. Raises like `eval`."""
        try:
            while self._context.execute_pending_job():
                pass
        except _ENGINE_ERROR as error:
            raise _translate(error) from None


def _translate(error: Exception) -> Exception:
    text = str(error)
    if text.startswith("InternalError: interrupted"):
        return Interrupted()
    if text.startswith("InternalError: out of memory"):
        return OutOfMemory()
    frames = _FRAMES.search(text)
    if frames is None:
        # a thrown value that is no Error has no stack, an Error of a script without frames an empty one
        return JavaScriptError(text.removesuffix("\nundefined").removesuffix("\n"), "")
    return JavaScriptError(text[: frames.start()], text[frames.start() + 1 :])


@lru_cache(1)
def probe() -> bool:
    """Whether the CPU limit works together with host functions in the engine that is installed; about 3 ms, once."""
    engine = Engine()
    engine.add("f", lambda: 1)
    loop = engine.function(f"(function () {{ {DISARM} while (true) f(); }})")
    try:
        engine.call_limited(loop, 0.002)
    except Interrupted:
        return True
    except JavaScriptError:
        return False
    return False
