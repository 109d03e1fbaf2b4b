"""What a rehearsal makes of its old side by itself: the traffic (`--traffic generated`), the new side (`--after kong`)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from pathlib import Path

from msgspec.structs import replace

from apiproxy_runtime.cli.convert import summary
from apiproxy_runtime.cli.progress import progress
from apiproxy_runtime.cli.running import unlogged
from apiproxy_runtime.cli.sides import CONVERTED, BadSide, load_bundles, names_bundles
from apiproxy_runtime.cli.workload import Loaded
from apiproxy_runtime.kong.convert.convert import convert
from apiproxy_runtime.rehearsal.exchange import Exchange
from apiproxy_runtime.rehearsal.generate.explore import generate
from apiproxy_runtime.rehearsal.har import write_har
from apiproxy_runtime.rehearsal.standins.asked import StandIns
from apiproxy_runtime.rehearsal.standins.files import write
from apiproxy_runtime.rehearsal.standins.kinds import stand_ins_for

GENERATED = Path("generated")


async def derive(options: argparse.Namespace, folder: Path) -> argparse.Namespace:
    """The options with what was made of the old side and lies in the folder now: `traffic`, `converted` for `kong`,
    `stand_ins` for both sides.

    What was made is told on stderr. Raises BadSide where the old side is no bundle, DeployError for one that cannot be
    deployed, OSError.
    """
    wanted = [
        *(["--traffic generated"] if GENERATED in options.traffic else ()),
        *(["--after kong"] if options.after == CONVERTED else ()),
    ]
    if not wanted:
        return options
    loaded = _old_side(options, wanted[0])
    derived = argparse.Namespace(**vars(options))
    made = StandIns()
    if GENERATED in options.traffic and not options.no_stand_ins:
        derived.stand_ins = made = _stand_ins(options, loaded)
        environment, test_data = made.added_to(loaded.environment, loaded.test_data)
        loaded = replace(loaded, environment=environment, test_data=test_data)
    if options.after == CONVERTED:
        derived.converted = _convert(loaded, folder)
    if GENERATED in options.traffic:
        cases = await _generate(loaded, folder, made.key_sets)
        derived.traffic = [cases if path == GENERATED else path for path in options.traffic]
    return derived


def _old_side(options: argparse.Namespace, wanted: str) -> Loaded:
    if not names_bundles(options.before) and options.before != CONVERTED:
        raise BadSide(f"{wanted} needs the bundle of the old side: name it with --before")
    loaded = load_bundles("before", options)
    loaded.findings.raise_errors()
    if not any(bundle.kind == "apiproxy" for bundle in loaded.bundles):
        raise BadSide(f"{wanted} needs an API proxy among the bundles of --before")
    return loaded


def _stand_ins(options: argparse.Namespace, loaded: Loaded) -> StandIns:
    """What the bundles of both sides ask for and the old side's environment lacks, kept with the rest. Raises OSError."""
    bundles = list(loaded.bundles)
    if names_bundles(options.after):
        bundles += load_bundles("after", options).bundles
    made = stand_ins_for(bundles, loaded.environment, loaded.test_data)
    if made:
        print(f"note: {made}", file=sys.stderr)
        if options.keep is not None:
            write(options.keep, made, loaded.workspace, loaded.environment.name)
    return made


def _convert(loaded: Loaded, folder: Path) -> Path:
    converted = convert(loaded.bundles, loaded.environment, loaded.test_data)
    file = folder / "kong.yml"
    folder.mkdir(parents=True, exist_ok=True)
    file.write_text(converted.text, encoding="utf-8")
    print("Converted:", summary(converted).replace("\n", "; "), file=sys.stderr)
    return file


async def _generate(loaded: Loaded, folder: Path, key_sets: Collection[str]) -> Path:
    with unlogged(), progress() as tell:
        made = await generate(
            loaded.bundles, loaded.environment, loaded.test_data, progress=tell, key_sets=key_sets
        )
    count = len(made.exchanges)
    text = f"{count} case{'s' * (count != 1)}, for {made.reached} of {made.branches} branches"
    print("Generated:", "; ".join((text, *made.remarks)), file=sys.stderr)
    return _write(folder / "cases.har", made.exchanges)


def _write(file: Path, exchanges: list[Exchange]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_har(file, exchanges)
    return file
