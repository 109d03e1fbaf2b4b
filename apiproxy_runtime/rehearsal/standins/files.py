"""Stand-in data as files that `--env-dir` takes, beside what the environment has already."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from apiproxy_runtime.bundle.testdata import find_test_files
from apiproxy_runtime.bundle.workspace import APIGEE, Workspace
from apiproxy_runtime.rehearsal.standins.asked import TARGET_SERVERS, StandIns

FOLDER = "src/tests/stand-ins"
_README = """What `apiproxy` made because the environment lacks it: test data that lets generated requests in.

None of it is a secret. Keys and tokens are the same on every machine, and private keys, where there are some, are
computed from a text that everybody can read. Do not use them for anything but rehearsals.
"""
_ESCAPED = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def write(folder: Path, made: StandIns, workspace: Workspace | None, environment: str) -> None:
    """Write a workspace with one environment: a copy of what there is, and the stand-ins. Raises OSError, SourceError."""
    copied = dict(_copied(workspace, environment)) if workspace is not None else {}
    home = f"{APIGEE}/environments/{environment}"
    files = {file: content for file, content in copied.items() if not file.startswith(f"{FOLDER}/")}
    servers = made.documents.get(TARGET_SERVERS)
    if servers:
        file = next((file for file in files if file.lower() == f"{home}/{TARGET_SERVERS}".lower()), "")
        held = json.loads(files[file].decode("utf-8-sig")) if file else []
        files[file or f"{home}/{TARGET_SERVERS}"] = _json(_with(held, servers))
    for name, values in made.properties.items():
        text = "".join(f"{key}={value.translate(_ESCAPED)}\n" for key, value in values.items())
        files[f"{home}/resources/properties/{name}.properties"] = text.encode()
    for name, entries in made.documents.items():
        if name != TARGET_SERVERS:
            files[f"{FOLDER}/{name}"] = _json(entries)
    if not any(file.startswith(f"{home}/") for file in files):
        # without a file in it the folder, and so the workspace, would be lost in an archive or under version control
        files[f"{home}/{TARGET_SERVERS}"] = _json([])
    files[f"{FOLDER}/README.md"] = _README.encode()
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    for file, content in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _copied(workspace: Workspace, environment: str) -> Iterator[tuple[str, bytes]]:
    """The environment's files and the test data, by where they go."""
    source = workspace.source
    home = workspace.folder("environments", environment)
    root = workspace.apigee.removesuffix(APIGEE)
    for file in source.files(home):
        yield f"{APIGEE}/environments/{environment}{file.removeprefix(home)}", source.read(file)
    for file in find_test_files(source, workspace, environment):
        if not file.startswith(f"{home}/"):
            yield file.removeprefix(root), source.read(file)


def _with(held: Any, servers: list[dict[str, Any]]) -> Any:
    """A list of target servers, or the list answer of the API that holds one, with more."""
    if isinstance(held, dict):
        return {name: _with(value, servers) for name, value in held.items()}
    return [*held, *servers]


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
