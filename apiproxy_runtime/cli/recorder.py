"""The recorder of `record` and `serve --record`: its file, what it masks, and what it tells when it ends."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from apiproxy_runtime.rehearsal.har import HarFile
from apiproxy_runtime.rehearsal.masking import Masking
from apiproxy_runtime.rehearsal.masks import Masks, with_names
from apiproxy_runtime.rehearsal.pseudonym import Pseudonyms
from apiproxy_runtime.rehearsal.recording import Recorder
from apiproxy_runtime.rehearsal.vault import BadVault, Vault

#: Seconds between two progress lines.
INTERVAL = 0.5


@contextlib.contextmanager
def recorder_of(path: Path, options: argparse.Namespace, masks: Masks) -> Iterator[Recorder]:
    """A recorder to a new file, and a summary when it ends. Raises ValueError, OSError."""
    if path.exists() and not options.overwrite and path.stat().st_size:
        raise ValueError(f"{path} exists. Name another file, or add --overwrite to replace it.")
    masks = with_names(masks, options.mask, options.no_mask)
    vault: Vault | None = None
    if options.vault is not None:
        try:
            vault = Vault(options.vault, masks)
        except BadVault as error:
            raise ValueError(str(error)) from None
    pseudonyms = Pseudonyms(vault.key, vault.note) if vault is not None else Pseudonyms.new()
    with HarFile(path) as file:
        recorder = Recorder(file, Masking(pseudonyms.of, masks).mask)
        try:
            yield recorder
        finally:
            if vault is not None:
                vault.close()
            if recorder.count:
                print(summary(recorder, path))


def summary(recorder: Recorder, path: Path) -> str:
    """What was recorded, in one line or two."""
    count, calls = recorder.count, recorder.calls
    lines = [
        f"Recorded {count} exchange{'s' * (count != 1)} with {calls} upstream call{'s' * (calls != 1)} to {path}"
    ]
    if recorder.masked:
        lines.append("Masked: " + ", ".join(sorted(recorder.masked)))
    return "\n".join(lines)


async def show_progress(recorder: Recorder) -> None:
    """A line that counts, on a terminal; for ever, until cancelled."""
    while True:
        line = f"{recorder.count} exchanges, {recorder.calls} upstream calls"
        print(f"\r{line:<60}", end="", file=sys.stderr, flush=True)
        await asyncio.sleep(INTERVAL)
