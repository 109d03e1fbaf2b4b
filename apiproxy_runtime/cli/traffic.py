"""Generate cases for bundles, or convert traffic of other tools to HAR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.cli.announce import report
from apiproxy_runtime.cli.progress import progress
from apiproxy_runtime.cli.running import run_loop, unlogged
from apiproxy_runtime.cli.workload import Loaded, load
from apiproxy_runtime.rehearsal.generate.conclusion import Generated
from apiproxy_runtime.rehearsal.generate.explore import generate
from apiproxy_runtime.rehearsal.har import BadRecording, HarFile, write_har
from apiproxy_runtime.rehearsal.standins.asked import StandIns
from apiproxy_runtime.rehearsal.standins.files import write as write_stand_ins
from apiproxy_runtime.rehearsal.standins.kinds import stand_ins_for
from apiproxy_runtime.rehearsal.traffic import format_of, read_traffic


def run(options: argparse.Namespace) -> int:
    """0 when written, 1 when less is reached than --fail-under asks, 2 when it could not run."""
    sources = [Path(part.strip()) for source in options.sources for part in source.split(",") if part.strip()]
    try:
        if options.output.exists() and not options.overwrite:
            raise ValueError(f"{options.output} exists. Name another file, or add --overwrite to replace it.")
        if len(sources) == 1 and sources[0].is_file() and sources[0].suffix != ".zip":
            return convert(sources[0], options.output)
        if options.keep is not None and options.no_stand_ins:
            raise ValueError(
                "--keep writes the stand-ins that --no-stand-ins does without. Leave one of the two out."
            )
        loaded = load(sources, options)
        if not loaded.bundles:
            report(loaded.findings, sys.stderr)
            raise ValueError("no bundle could be read")
        return run_loop(explore(options, loaded, invent(options, loaded)))
    except (NoBundleFound, BadRecording, SourceError, ValueError, OSError) as error:
        print(f"apiproxy traffic: {error}", file=sys.stderr)
        return 2


def convert(source: Path, output: Path) -> int:
    """Write traffic of another format as HAR. Nothing is masked: it is what the file holds."""
    name = format_of(source)
    partial = output.with_name(f"{output.name}.part")
    notes: dict[str, int] = {}
    try:
        with HarFile(partial) as file:
            for exchange in read_traffic(source):
                file.add(exchange)
                for note in exchange.notes:
                    notes[note] = notes.get(note, 0) + 1
            count = file.count
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    print(f"Wrote {count} case{'s' * (count != 1)} from {source} ({name}) to {output}")
    for note, times in sorted(notes.items()):
        print(f"note: {note}{f' ({times} times)' if times > 1 else ''}")
    return 0


def invent(options: argparse.Namespace, loaded: Loaded) -> StandIns:
    """The stand-ins for what the environment lacks, written where they shall be kept. Raises OSError."""
    if options.no_stand_ins or not loaded.findings.ok:
        return StandIns()
    made = stand_ins_for(loaded.bundles, loaded.environment, loaded.test_data)
    if options.keep is not None:
        write_stand_ins(options.keep, made, loaded.workspace, loaded.environment.name)
    return made


async def explore(options: argparse.Namespace, loaded: Loaded, stand_ins: StandIns) -> int:
    """Generate, write, and tell what was not reached."""
    try:
        loaded.findings.raise_errors()
        with unlogged(), progress() as tell_progress:
            made = await generate(
                loaded.bundles,
                *stand_ins.added_to(loaded.environment, loaded.test_data),
                limit=options.limit,
                seconds=options.seconds,
                progress=tell_progress,
                key_sets=stand_ins.key_sets,
            )
    except DeployError as error:
        report(error.findings, sys.stderr)
        return 2
    write_har(options.output, made.exchanges)
    if stand_ins:
        made.remarks = (str(stand_ins), *made.remarks)
    tell(made, options.output)
    share = 100 * made.reached / made.branches if made.branches else 100.0
    return 1 if options.fail_under is not None and share < options.fail_under else 0


def tell(made: Generated, output: Path) -> None:
    """What was written, and what it does not reach."""
    count = len(made.exchanges)
    print(f"Wrote {count} case{'s' * (count != 1)} to {output} ({made.tries} requests tried)")
    print(f"Reached {made.reached} of {made.branches} branches")
    for remark in made.remarks:
        print(f"note: {remark}")
    for item in made.unreached:
        branch = item.branch
        way = "" if branch.way == "run" else f" is {branch.way}"
        print(f"not reached: {branch.kind} {branch.name}{way}\n             {item.why}")
