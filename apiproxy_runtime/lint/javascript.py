"""Linters of others for the scripts of a bundle: run where a team has set one up, and left alone everywhere else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from apiproxy_runtime.bundle.archive import FolderSource
from apiproxy_runtime.lint.bundle import LintBundle
from apiproxy_runtime.lint.parts import ResourceFile

#: Seconds that a linter gets for all scripts of a bundle.
PATIENCE = 60


class LinterFailed(Exception):
    """A linter could not run; the text is what it said."""


class Remark(Struct, frozen=True):
    """What a linter says of a script; lines and columns count from 1."""

    script: ResourceFile
    line: int
    column: int
    rule: str
    text: str
    is_error: bool


def scripts_of(bundle: LintBundle, suffixes: Sequence[str]) -> list[ResourceFile]:
    """The scripts of a bundle by the ends of their names."""
    return [resource for resource in bundle.resources if resource.file.lower().endswith(tuple(suffixes))]


def find_config(bundle: LintBundle, names: Sequence[str]) -> Path | None:
    """A linter's configuration in the bundle's folder or above it; None in archives."""
    source = bundle.model.source
    if not isinstance(source, FolderSource):
        return None
    start = source.folder.resolve()
    for folder in (start, *start.parents):
        for name in names:
            if (folder / name).is_file():
                return folder / name
    return None


def find_command(name: str, config: Path) -> str | None:
    """A linter: the one that is installed beside its configuration or above it, else the one on PATH."""
    for folder in (config.parent, *config.parent.parents):
        command = folder / "node_modules" / ".bin" / name
        if command.is_file():
            return str(command)
    return shutil.which(name)


def run_linter(
    command: Sequence[str], scripts: Sequence[ResourceFile], bundle: LintBundle, config: Path
) -> str:
    """What a linter prints about scripts, run where its configuration lies. Raises LinterFailed."""
    import subprocess  # few bundles have such a linter beside them

    source = bundle.model.source
    assert isinstance(source, FolderSource)
    files = [str((source.folder / script.file).resolve()) for script in scripts]
    try:
        done = subprocess.run(
            [*command, *files],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            cwd=config.parent,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LinterFailed(str(error)) from None
    # both linters exit with 2 when they find something grave and when they cannot run: the output tells
    if not done.stdout.strip() and done.returncode:
        raise LinterFailed((done.stderr.strip().splitlines() or ["it said nothing"])[0])
    return done.stdout


def eslint_remarks(printed: str, scripts: Sequence[ResourceFile], bundle: LintBundle) -> list[Remark]:
    """ESLint's JSON. Raises LinterFailed for anything else."""
    try:
        results = json.loads(printed)
    except ValueError:
        raise LinterFailed(
            printed.strip().splitlines()[0] if printed.strip() else "it said nothing"
        ) from None
    by_file = _by_file(scripts, bundle)
    return [
        Remark(
            by_file[result["filePath"]],
            message.get("line") or 1,
            message.get("column") or 1,
            message.get("ruleId") or "syntax",
            message["message"],
            message["severity"] == 2,
        )
        for result in results
        if result["filePath"] in by_file
        for message in result["messages"]
    ]


def jshint_remarks(printed: str, scripts: Sequence[ResourceFile], bundle: LintBundle) -> list[Remark]:
    """JSHint's lines of its `unix` reporter with codes: `FILE:LINE:COLUMN: TEXT (CODE)`."""
    by_file = _by_file(scripts, bundle)
    remarks = []
    for printed_line in printed.splitlines():
        for file, script in by_file.items():
            if printed_line.startswith(f"{file}:"):
                line, _, rest = printed_line[len(file) + 1 :].partition(":")
                column, _, text = rest.partition(": ")
                said, _, code = text.rpartition(" (")
                if line.isdigit() and column.isdigit():
                    code = code.rstrip(")")
                    remarks.append(Remark(script, int(line), int(column), code, said, code.startswith("E")))
    return remarks


def _by_file(scripts: Sequence[ResourceFile], bundle: LintBundle) -> dict[str, ResourceFile]:
    source = bundle.model.source
    assert isinstance(source, FolderSource)
    return {str((source.folder / script.file).resolve()): script for script in scripts}
