"""The host of Java callouts: one sidecar process that runs those of all bundles, each in a thread of its own.

A callout that uses up its time is interrupted. Java cannot end a thread that does not heed that, so a sidecar with
such a thread gets no more work: the next callout starts a new one, and the old one is ended when its other callouts
are done. So it is when a callout calls System.exit.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.scripting.detour import detours_of
from apiproxy_runtime.scripting.java.forwardproxy import ForwardProxy
from apiproxy_runtime.scripting.java.run import CalloutTimedOut, Run
from apiproxy_runtime.scripting.java.sidecar import Sidecar
from apiproxy_runtime.scripting.process import time_left

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.java.program import JavaProgram


class JavaHost:
    """Runs the callouts of all bundles. Calls that they make by themselves take the detours of `connect_to`."""

    def __init__(self, connect_to: Mapping[str, str] | None = None) -> None:
        detours = detours_of(connect_to or {})
        self._proxy = ForwardProxy(detours) if detours else None
        self._sidecars: set[Sidecar] = set()
        self._current: Sidecar | None = None
        self._starting: asyncio.Task[Sidecar] | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self.bundles: weakref.WeakValueDictionary[int, object] = weakref.WeakValueDictionary()

    async def run(self, program: JavaProgram, ctx: MessageContext) -> None:
        """Run a callout. Raises CalloutThrew, CalloutAborted, CalloutTimedOut, SidecarLost or JavaMissing.

        When `api.timeout` is used up first it returns, for then the transaction ends anyway.
        """
        sidecar = self._current
        if sidecar is None or sidecar.retired:
            sidecar = await self._ready()
        seconds = time_left(program.seconds, ctx)
        if seconds <= 0:
            return
        number, run = sidecar.begin(program, ctx)
        timer = asyncio.get_running_loop().call_later(seconds, _time_out, run)
        try:
            await run.done
        except CalloutTimedOut:
            sidecar.interrupt(number)
            if seconds < program.seconds:
                return
            raise
        except asyncio.CancelledError:
            sidecar.interrupt(number)
            raise
        finally:
            timer.cancel()

    async def _ready(self) -> Sidecar:
        """The sidecar that takes work, started if there is none."""
        while self._current is None or self._current.retired:
            if self._starting is None:
                self._starting = asyncio.get_running_loop().create_task(self._start())
            # shielded, since whoever else waits for it must not be cancelled with this one
            await asyncio.shield(self._starting)
        return self._current

    async def _start(self) -> Sidecar:
        try:
            sidecar = Sidecar(self._sidecars.discard)
            self._sidecars.add(sidecar)
            try:
                await sidecar.start(await self._options())
            except BaseException:
                self._sidecars.discard(sidecar)
                raise
            self._current = sidecar
            return sidecar
        finally:
            self._starting = None

    async def _options(self) -> tuple[str, ...]:
        """What tells a JVM of the detours."""
        proxy = self._proxy
        if proxy is None:
            return ()
        if not proxy.port:
            await proxy.start()
        return f"-Dapiproxy.detour.port={proxy.port}", f"-Dapiproxy.detour.hosts={','.join(proxy.detours)}"

    def keep(self, content: bytes) -> Path:
        """Write a jar where JVMs can read it as long as this runtime lives."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="apiproxy-java-", ignore_cleanup_errors=True)
        path = Path(self._folder.name) / f"{hashlib.sha256(content).hexdigest()}.jar"
        if not path.exists():
            path.write_bytes(content)
        return path

    def forget(self, kind: str, number: int) -> None:
        """Let go of jars or a program in every sidecar."""
        for sidecar in self._sidecars:
            sidecar.forget(kind, number)

    async def close(self) -> None:
        """End the JVMs and remove the jars."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        await asyncio.gather(*(sidecar.process.close() for sidecar in list(self._sidecars)))
        if self._proxy is not None:
            await self._proxy.close()
        if self._folder is not None:
            self._folder.cleanup()


def _time_out(run: Run) -> None:
    if not run.done.done():
        run.done.set_exception(CalloutTimedOut())
