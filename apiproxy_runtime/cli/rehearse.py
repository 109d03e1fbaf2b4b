"""Run traffic through an old and a new side, and report every difference."""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from apiproxy_runtime import __version__
from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.cli.announce import report
from apiproxy_runtime.cli.derived import derive
from apiproxy_runtime.cli.running import run_loop
from apiproxy_runtime.cli.sides import BadSide, Made, make_side, make_twin
from apiproxy_runtime.gateway.egress import read_connect_to
from apiproxy_runtime.rehearsal.acceptance import BadRules, Pack, Rule, read_pack, read_rules
from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.har import BadRecording
from apiproxy_runtime.rehearsal.journal import Journal, JournalMismatch
from apiproxy_runtime.rehearsal.judge import Judge
from apiproxy_runtime.rehearsal.mocks import BadMocks, read_mocks
from apiproxy_runtime.rehearsal.report.formats import FORMATS
from apiproxy_runtime.rehearsal.report.words import totals, verdict
from apiproxy_runtime.rehearsal.run import Progress, Rehearsal, rehearse
from apiproxy_runtime.rehearsal.sides.live import SAFE
from apiproxy_runtime.rehearsal.stubs import Policy
from apiproxy_runtime.rehearsal.tally import Tally
from apiproxy_runtime.rehearsal.traffic import read_traffic as read_file
from apiproxy_runtime.rehearsal.vault import Restoring
from apiproxy_runtime.rehearsal.virtual import Clock

_SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".xml": "junit", ".md": "markdown"}
#: Seconds between two lines of progress.
TICK = 0.2


class NothingToRun(ValueError):
    """The options leave nothing to compare; the text says why."""


def run(options: argparse.Namespace) -> int:
    """0 when nothing unexpected differs, 1 for differences, 2 when it could not run."""
    try:
        return run_loop(_run(options))
    except BrokenPipeError:
        raise
    except DeployError as error:
        report(error.findings, sys.stderr)
        print("apiproxy rehearse: a side cannot be deployed", file=sys.stderr)
    except (
        BadRules, BadMocks, BadRecording, BadSide, JournalMismatch, NoBundleFound, NothingToRun, SourceError, ValueError, OSError
    ) as error:  # fmt: skip
        print(f"apiproxy rehearse: {error}", file=sys.stderr)
    return 2


async def _run(options: argparse.Namespace) -> int:
    with tempfile.TemporaryDirectory() as folder:
        return await _rehearse(await derive(options, options.keep or Path(folder)), Path(folder))


async def _rehearse(options: argparse.Namespace, folder: Path) -> int:
    connect_to = read_connect_to(options.connect_to)
    outputs = read_outputs(options)
    mocks = read_mocks(options.mocks) if options.mocks is not None else []
    policy = Policy(mocks, options.on_miss, frozenset(connect_to))
    before = make_side("before", options, policy, connect_to)
    after = make_side("after", options, policy, connect_to)
    twin = None if options.no_noise else make_twin(before, options, policy, connect_to)
    packs, accepted = read_expected(options, before, after)
    for path in options.traffic:
        if not path.is_file():
            raise NothingToRun(f"{path}: no such recording")
    opened = [made.side for made in (before, after, twin) if made is not None]
    live = any(side.kind == "live" for side in opened)
    skip = _is_unsafe if live and not options.allow_side_effects else None
    elsewhere = any(side.kind in ("live", "recorded") for side in opened)
    judge = Judge(packs, accepted, datetime.now(UTC).date(), elsewhere=elsewhere)
    with contextlib.ExitStack() as stack:
        journal_path = options.resume or folder / "journal.jsonl"
        journal = stack.enter_context(
            Journal(journal_path, fingerprint(options, before, after), resume=options.resume is not None)
        )
        try:
            for side in opened:
                await side.open()
            # what is deployed lives as long as the process: the collector need not look at it again
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 50, 100)
            progress, finish = _progress()
            vault = Restoring(options.vault) if options.vault is not None else None
            result = await rehearse(
                read_traffic(options, vault),
                before.side,
                after.side,
                twin.side if twin is not None else None,
                judge,
                journal,
                clock=Clock(options.gap),
                skip=skip,
                progress=progress,
                hide=vault.hide if vault is not None else None,
            )
            finish()
            result.remarks = after.remarks
            if not result.tally.cases:
                raise NothingToRun(
                    "the traffic holds no case" + (" that may be sent" if result.skipped else "")
                )
            write_reports(result, outputs)
        finally:
            for side in opened:
                await side.close()
    return 0 if result.passed else 1


def read_traffic(options: argparse.Namespace, vault: Restoring | None) -> Iterator[Exchange]:
    """The cases of all recordings, one at a time, with the secrets that the vault holds."""
    cases: Iterator[Exchange] = chain.from_iterable(read_file(path) for path in options.traffic)
    if vault is not None:
        cases = map(vault.restore, cases)
    return islice(cases, options.limit) if options.limit is not None else cases


def read_expected(options: argparse.Namespace, before: Made, after: Made) -> tuple[list[Pack], list[Rule]]:
    """The rule packs and the accepted differences. Raises BadRules, OSError."""
    names = [name for name in options.rules if name != "none"]
    if not options.rules and after.side.kind == "kong" and before.side.kind != "kong":
        names = ["apigee-to-kong"]
    accepted = [rule for path in options.accept for rule in read_rules(path)]
    doubled = {
        rule.id for number, rule in enumerate(accepted) if rule.id in {one.id for one in accepted[:number]}
    }
    if doubled:
        raise BadRules(f"the id {sorted(doubled)[0]!r} stands in several files")
    return [read_pack(name) for name in dict.fromkeys(names)], accepted


def read_outputs(options: argparse.Namespace) -> list[tuple[str, Path | None]]:
    """Each form of the report with where it goes; None is standard output. Raises NothingToRun."""
    forms, files = list(options.format), list(options.output)
    while len(forms) < len(files):
        forms.append(_SUFFIXES.get(files[len(forms)].suffix.lower(), "text"))
    if len(forms) > len(files) + 1:
        raise NothingToRun("give each --format its -o FILE, or all but one")
    found: list[tuple[str, Path | None]] = list(zip(forms, files, strict=False))
    if len(forms) > len(files):
        found.append((forms[-1], None))
    return found or [("text", None)]


def write_reports(result: Rehearsal, outputs: list[tuple[str, Path | None]]) -> None:
    """Write all forms; when all go into files, the verdict is printed."""
    for form, path in outputs:
        if path is None:
            FORMATS[form](result, sys.stdout)
            sys.stdout.flush()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            FORMATS[form](result, file)
    if all(path is not None for _, path in outputs):
        print(f"{verdict(result)} ({result.tally.cases:,} cases: {totals(result)})")


def fingerprint(options: argparse.Namespace, before: Made, after: Made) -> dict[str, str]:
    """What must be the same for a run to be taken up again."""
    return {
        "version": __version__,
        "traffic": " ".join(_hash(path) for path in options.traffic),
        "before": f"{options.before} {before.hash}",
        "after": f"{options.after} {after.hash}",
        "expected": " ".join([*options.rules, *(_hash(path) for path in options.accept)]),
        "stubs": f"{options.on_miss} {_hash(options.mocks) if options.mocks is not None else ''}",
        "seed": f"{options.seed} {options.gap:g} {options.limit or ''}",
    }


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _is_unsafe(case: Exchange) -> bool:
    return case.request.method.upper() not in SAFE


def _progress() -> tuple[Progress | None, Callable[[], None]]:
    """A line on the terminal while it runs; nothing in a pipe."""
    if not sys.stderr.isatty():
        return None, lambda: None
    started = last = time.monotonic()

    def tell(done: int, tally: Tally) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < TICK:
            return
        last = now
        speed = done / (now - started)
        sys.stderr.write(
            f"\r{done:,} cases, {tally.unexpected:,} with unexpected differences, {speed:,.0f} a second "
        )
        sys.stderr.flush()

    def finish() -> None:
        sys.stderr.write("\r" + " " * 78 + "\r")

    return tell, finish
