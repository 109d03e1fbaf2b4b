"""Where a bundle lies: a folder or a zip, read through one narrow interface that lets nothing out of it.

Paths are relative, with slashes. A zip is refused when a member's name leaves the archive, when it is encrypted,
or when it would unpack to more than the limits below; a folder when a symbolic link leads out of it.
"""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
#: Deflate cannot do better than about 1032 to 1, and text in a bundle stays far below; small members are let off.
MAX_RATIO = 200
_RATIO_FREE_BYTES = 1024 * 1024


class SourceError(Exception):
    """A folder or an archive that cannot be read, or that is refused; the text says which and why."""


class Source(Protocol):
    """A tree of files."""

    @property
    def name(self) -> str:
        """What to call it in messages: the path as the user gave it."""
        ...

    def files(self) -> tuple[str, ...]:
        """All files, sorted; a path each, relative to the source, with slashes."""
        ...

    def read(self, path: str) -> bytes:
        """The content of one file. Raises SourceError."""
        ...


def is_junk(path: str) -> bool:
    """Files that archivers and desktops leave behind and that are never part of a bundle."""
    parts = path.split("/")
    return "__MACOSX" in parts or parts[-1].startswith("._") or parts[-1] in (".DS_Store", "Thumbs.db")


class FolderSource:
    """A folder on disk. Version control folders are skipped."""

    def __init__(self, folder: Path, name: str | None = None) -> None:
        self.folder = folder
        self.name = name if name is not None else str(folder)
        self._real = folder.resolve()

    def files(self) -> tuple[str, ...]:
        return tuple(sorted(self._walk(self.folder, "", 0)))

    def _walk(self, folder: Path, prefix: str, depth: int) -> Iterator[str]:
        if depth > 64:
            raise SourceError(f"{self.name}: folders are nested deeper than 64 levels at {prefix}")
        try:
            entries = list(folder.iterdir())
        except OSError as error:
            raise SourceError(f"{folder}: {error.strerror or error}") from None
        for entry in entries:
            path = prefix + entry.name
            if entry.name in (".git", ".svn", ".hg") or is_junk(path):
                continue
            if entry.is_dir():
                if entry.is_symlink():
                    self._inside(entry, path)
                yield from self._walk(entry, path + "/", depth + 1)
            elif entry.is_file():
                yield path

    def _inside(self, entry: Path, path: str) -> Path:
        real = entry.resolve()
        if not real.is_relative_to(self._real):
            raise SourceError(
                f"{self.name}: {path} is a symbolic link that leads out of the folder; put the file itself there"
            )
        return real

    def read(self, path: str) -> bytes:
        real = self._inside(self.folder / path, path)
        try:
            if real.stat().st_size > MAX_MEMBER_BYTES:
                raise SourceError(f"{self.name}: {path} is larger than {MAX_MEMBER_BYTES} bytes")
            return real.read_bytes()
        except OSError as error:
            raise SourceError(f"{self.name}: {path}: {error.strerror or error}") from None


class ZipSource:
    """A zip, from a file or from bytes received. Raises SourceError on creation if it is refused.

    The archive is held in memory and read member by member, so that the file may change or go meanwhile.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            infos = self._zip.infolist()
        except (
            zipfile.BadZipFile,
            ValueError,
            OSError,
            NotImplementedError,
            EOFError,
            UnicodeError,
        ) as error:
            raise SourceError(f"{name}: not a zip archive: {error}") from None
        if len(infos) > MAX_MEMBERS:
            raise SourceError(f"{name}: has {len(infos)} members, more than the {MAX_MEMBERS} that are read")
        total = 0
        self._members: dict[str, zipfile.ZipInfo] = {}
        for info in infos:
            self._check(info)
            total += info.file_size
            if total > MAX_TOTAL_BYTES:
                raise SourceError(f"{name}: would unpack to more than {MAX_TOTAL_BYTES} bytes")
            if not info.is_dir() and not is_junk(info.filename):
                self._members[info.filename] = info

    @classmethod
    def open(cls, path: Path, name: str | None = None) -> ZipSource:
        try:
            if path.stat().st_size > MAX_TOTAL_BYTES:
                raise SourceError(f"{path}: larger than {MAX_TOTAL_BYTES} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror or error}") from None
        return cls(data, name if name is not None else str(path))

    def _check(self, info: zipfile.ZipInfo) -> None:
        path = info.filename
        parts = PurePosixPath(path).parts
        if path.startswith("/") or "\\" in path or ".." in parts or (parts and parts[0].endswith(":")):
            raise SourceError(
                f"{self.name}: the member {path!r} would be written outside the archive's folder"
            )
        if stat.S_ISLNK(info.external_attr >> 16):
            raise SourceError(
                f"{self.name}: the member {path!r} is a symbolic link; put the file itself there"
            )
        if info.flag_bits & 1:
            raise SourceError(f"{self.name}: the member {path!r} is encrypted")
        if info.file_size > MAX_MEMBER_BYTES:
            raise SourceError(f"{self.name}: {path} would unpack to more than {MAX_MEMBER_BYTES} bytes")
        if info.file_size > _RATIO_FREE_BYTES and info.file_size > MAX_RATIO * max(info.compress_size, 1):
            raise SourceError(
                f"{self.name}: {path} is compressed more than {MAX_RATIO} to 1, as zip bombs are"
            )

    def files(self) -> tuple[str, ...]:
        return tuple(sorted(self._members))

    def read(self, path: str) -> bytes:
        info = self._members.get(path)
        if info is None:
            raise SourceError(f"{self.name}: {path}: no such file in the archive")
        try:
            with self._zip.open(info) as member:
                data = member.read(info.file_size + 1)
        except (
            zipfile.BadZipFile,
            zlib.error,
            OSError,
            NotImplementedError,
            EOFError,
            RuntimeError,
        ) as error:
            raise SourceError(f"{self.name}: {path}: {error}") from None
        if len(data) > info.file_size:
            raise SourceError(f"{self.name}: {path} is larger than the archive says")
        return data


@dataclass(frozen=True, slots=True)
class SubSource:
    """A folder of another source, seen as a source of its own."""

    parent: Source
    folder: str

    @property
    def name(self) -> str:
        return f"{self.parent.name}/{self.folder}"

    def files(self) -> tuple[str, ...]:
        prefix = self.folder + "/"
        return tuple(path[len(prefix) :] for path in self.parent.files() if path.startswith(prefix))

    def read(self, path: str) -> bytes:
        return self.parent.read(f"{self.folder}/{path}")


def open_source(path: Path) -> Source:
    """A folder or a zip file, by what is there. Raises SourceError if it is neither."""
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return ZipSource.open(path)
    raise SourceError(f"{path}: no such file or folder")
