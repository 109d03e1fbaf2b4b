"""From the text of `--before` and `--after` to a side."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.cli.workload import Loaded, load
from apiproxy_runtime.kong.runtime import load_kong
from apiproxy_runtime.rehearsal.remarks import Remarks, remarks_in
from apiproxy_runtime.rehearsal.side import Side
from apiproxy_runtime.rehearsal.sides.bundle import BundleSide
from apiproxy_runtime.rehearsal.sides.kong import KongSide
from apiproxy_runtime.rehearsal.sides.live import LiveSide
from apiproxy_runtime.rehearsal.sides.recorded import RecordedSide
from apiproxy_runtime.rehearsal.standins.asked import StandIns
from apiproxy_runtime.rehearsal.stubs import Policy

_KONG = (".yml", ".yaml", ".json")
#: As `--after`: the kong.yml that the old side is converted to, which `options.converted` names.
CONVERTED = "kong"


class BadSide(ValueError):
    """A side that cannot be made of what was named; the text says why."""


class Made(Struct, frozen=True):
    """A side, the hash of what it was made of, and what that says of itself."""

    side: Side
    hash: str
    which: str
    remarks: Remarks = field(default_factory=Remarks)


def make_side(
    which: str,
    options: argparse.Namespace,
    policy: Policy,
    connect_to: Mapping[str, str],
    *,
    twin: bool = False,
) -> Made:
    """The side `before` or `after` of the options; `twin` makes the second run of the old one, with another seed.

    Raises BadSide, NoBundleFound, DeployError for a kong.yml that cannot be read.
    """
    text = str(getattr(options, which))
    seed = options.seed + 1 if twin else options.seed
    if text == "recorded":
        return Made(RecordedSide(), "", which)
    if text.startswith(("http://", "https://")):
        return Made(LiveSide(text, connect_to, options.rate, options.timeout), "", which)
    paths = [options.converted] if text == CONVERTED and which == "after" else _paths(which, text)
    if paths[0].suffix.lower() in _KONG or text == CONVERTED:
        if len(paths) > 1:
            raise BadSide(f"--{which}: one kong.yml makes a side, not {len(paths)} files")
        findings = Findings()
        configuration = load_kong(paths[0], findings)
        findings.raise_errors()
        if configuration is None:
            raise BadSide(f"--{which}: {paths[0]} holds no Kong configuration")
        data = paths[0].read_bytes()
        digest = hashlib.sha256(data).hexdigest()[:16]
        title = "kong.yml, converted from the old side" if text == CONVERTED else text
        side = KongSide(title, configuration, findings, policy, connect_to, seed, explains=not twin)
        return Made(side, digest, which, remarks_in(data.decode("utf-8", "replace")))
    stand_ins = _stand_ins(options)
    loaded = load_bundles(which, options)
    loaded.findings.raise_errors()
    bundle_side = BundleSide(
        text,
        loaded.bundles,
        loaded.environment,
        loaded.test_data,
        loaded.findings,
        policy,
        connect_to,
        seed,
        explains=not twin,
        folders=loaded.folders,
        stand_ins=bool(stand_ins),
    )
    return Made(bundle_side, _hash(loaded), which)


def load_bundles(which: str, options: argparse.Namespace) -> Loaded:
    """The bundles that `--before` or `--after` names, with the stand-ins of `options`. Raises BadSide, NoBundleFound."""
    loaded = load(_paths(which, str(getattr(options, which))), _own(which, options))
    environment, test_data = _stand_ins(options).added_to(loaded.environment, loaded.test_data)
    return replace(loaded, environment=environment, test_data=test_data)


def _stand_ins(options: argparse.Namespace) -> StandIns:
    """Those that were made for generated traffic."""
    made: StandIns = getattr(options, "stand_ins", None) or StandIns()
    return made


def names_bundles(text: str) -> bool:
    """Whether what `--before` or `--after` says names bundles, and neither Kong nor something that runs elsewhere."""
    elsewhere = text in ("recorded", CONVERTED) or text.startswith(("http://", "https://"))
    return not elsewhere and Path(text.partition(",")[0].strip()).suffix.lower() not in _KONG


def make_twin(
    old: Made, options: argparse.Namespace, policy: Policy, connect_to: Mapping[str, str]
) -> Made | None:
    """The old side once more; None when it would say the same anyway, and where asking twice would do harm."""
    if old.side.kind == "recorded" or (old.side.kind == "live" and options.allow_side_effects):
        return None
    return make_side(old.which, options, policy, connect_to, twin=True)


def _paths(which: str, text: str) -> list[Path]:
    paths = [Path(part.strip()) for part in text.split(",") if part.strip()]
    if not paths:
        raise BadSide(f"--{which} names nothing: give a bundle, a kong.yml, a URL, or recorded")
    for path in paths:
        if not path.exists():
            raise BadSide(f"--{which}: there is no {path}")
    return paths


def _own(which: str, options: argparse.Namespace) -> argparse.Namespace:
    """The options with what is said of this side alone in place of what is said of both."""
    return argparse.Namespace(
        environment=getattr(options, f"{which}_environment") or options.environment,
        organization=options.organization,
        env_dir=getattr(options, f"{which}_env_dir") or options.env_dir,
    )


def _hash(loaded: Loaded) -> str:
    digest = hashlib.sha256()
    for bundle in loaded.bundles:
        for file in sorted(bundle.files):
            digest.update(file.encode() + b"\0" + bundle.source.read(file) + b"\0")
    return digest.hexdigest()[:16]
