"""Applies the edits that rules brought along. Where two of one file overlap, the first is made; run again for the rest."""

from __future__ import annotations

import codecs

from apiproxy_runtime.bundle.archive import FolderSource
from apiproxy_runtime.lint.linter import Report
from apiproxy_runtime.lint.result import Fix


def apply_fixes(report: Report) -> int:
    """Mend what can be mended in folders (zips and files in other encodings than UTF-8 stay); how many edits were made."""
    done = 0
    for result in report.files:
        fixes = [problem.fix for problem in result.problems if problem.fix is not None]
        if not fixes or not isinstance(result.source, FolderSource):
            continue
        path = result.source.folder / result.file
        data = path.read_bytes()
        try:
            data.decode("utf-8")
        except UnicodeDecodeError:
            continue
        mark = codecs.BOM_UTF8 if data.startswith(codecs.BOM_UTF8) else b""
        mended, count = edited(data[len(mark) :], fixes)
        path.write_bytes(mark + mended)
        done += count
    return done


def edited(data: bytes, fixes: list[Fix]) -> tuple[bytes, int]:
    """The bytes with all edits made that do not overlap an earlier one, and their number."""
    pieces: list[bytes] = []
    at = count = 0
    for fix in sorted(set(fixes), key=lambda fix: (fix.start, fix.end)):
        if fix.start < at:
            continue
        pieces += [data[at : fix.start], fix.text.encode()]
        at = fix.end
        count += 1
    return b"".join((*pieces, data[at:])), count
