"""A compiled Python program: scripts checked when a bundle is deployed, run by a worker for each request."""

from __future__ import annotations

import marshal
import weakref
from collections.abc import Sequence
from itertools import count
from types import CodeType

from msgspec import Struct

from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.variables import Getter
from apiproxy_runtime.scripting.python.dialect import Import, ScriptError, TranslatorMissing, compile_python
from apiproxy_runtime.scripting.python.host import PythonHost

__all__ = ["Import", "PythonProgram", "Script", "ScriptError", "TranslatorMissing", "compile_scripts"]

#: How many variables a worker is sent beforehand because the program has asked for them before.
_MOST_LEARNED = 64

_numbers = count(1)


class Script(Struct, frozen=True):
    """A script: the name that errors and traces call it by, and its source."""

    name: str
    source: bytes


class PythonProgram:
    """Scripts ready to run, in one scope, in the order given. Made by `compile_scripts`.

    code     the frame that gives them to a worker
    imports  what each of them imports
    """

    def __init__(
        self,
        host: PythonHost,
        codes: tuple[CodeType, ...],
        imports: tuple[tuple[Import, ...], ...],
        limit_ms: int,
    ) -> None:
        self.number = next(_numbers)
        self.code = marshal.dumps(("load", self.number, codes))
        self.imports = imports
        self.seconds = limit_ms / 1000
        self._host = host
        self._learned: dict[str, Getter] = {}
        weakref.finalize(self, host.forget, self.number).atexit = False

    async def run(self, ctx: MessageContext) -> None:
        """Run the scripts. Raises ScriptFailed, ScriptTimedOut or WorkerLost."""
        await self._host.run(self, ctx)

    def known(self, ctx: MessageContext) -> dict[str, object]:
        """The variables that earlier runs asked for, as they are now."""
        return {name: get(ctx) for name, get in self._learned.items()}

    def learn(self, name: str) -> None:
        """Remember that the program asks for a variable."""
        if len(self._learned) < _MOST_LEARNED:
            self._learned[name] = variables.getter(name)


def compile_scripts(host: PythonHost, scripts: Sequence[Script], limit_ms: int) -> PythonProgram:
    """Check scripts and make them ready to run. Raises ScriptError or TranslatorMissing."""
    compiled = [compile_python(script.name, script.source) for script in scripts]
    return PythonProgram(
        host,
        tuple(code for code, _ in compiled),
        tuple(imports for _, imports in compiled),
        limit_ms,
    )
