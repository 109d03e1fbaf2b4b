"""Checks of the files that git tracks: links between pages lead somewhere, and no file names a path of one machine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: `[text](target)` and `![text](target)`; a title after the target is allowed
_LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1\s*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)
#: homes of people; documentation writes ~ or a relative path
_HOME = re.compile(r"(?<![\w.{}])/(?:home|Users)/[A-Za-z][\w.-]*/")


def tracked(root: Path = ROOT) -> list[Path]:
    """The files of the checkout that git knows."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    return [root / name for name in listed.stdout.decode().split("\0") if name and (root / name).is_file()]


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", page)):
        plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        count = 0
        while (name := f"{anchor}-{count}" if count else anchor) in found:
            count += 1
        found.add(name)
    return found


def broken_links(page: Path, root: Path = ROOT) -> Iterator[str]:
    """A line for each link of a page that leads to no file, or to no heading of it. The web is not asked."""
    # blanked and not removed, so that lines keep their numbers
    text = page.read_text(encoding="utf-8")
    for pattern in (_FENCE, _CODE):
        text = pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for match in _LINK.finditer(text):
        target = match[1]
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        line = text.count("\n", 0, match.start()) + 1
        where = f"{page.relative_to(root)}:{line}"
        if not file.exists():
            yield f"{where}: there is no {target}"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file.read_text(encoding="utf-8")):
            yield f"{where}: {path or 'this page'} has no heading #{anchor}"


def machine_paths(file: Path, root: Path = ROOT) -> Iterator[str]:
    """A line for each place that names the checkout's own folder or somebody's home."""
    try:
        text = file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if f"{root}/" in line or _HOME.search(line):
            yield f"{file.relative_to(root)}:{number}: a path of one machine: {line.strip()[:100]}"


def main() -> int:
    """0, or 1 with a line for each thing that is wrong."""
    files = tracked()
    wrong = [line for file in files for line in machine_paths(file)]
    wrong += [line for file in files if file.suffix == ".md" for line in broken_links(file)]
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
