"""Where a bundle lies: a folder or a zip, read through one narrow interface that lets nothing out of it.

Paths are relative, with slashes. A zip is refused when a member's name leaves the archive, when it is encrypted,
or when it would unpack to more than the limits below; a folder when a symbolic link leads out of it.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Protocol

from msgspec import Struct

MAX_MEMBERS = 20_000
MAX_MEMBER_BYTES = 64 * 1024 * 1024
MAX_TOTAL_BYTES = 256 * 1024 * 1024
#: Deflate cannot do better than about 1032 to 1, and text in a bundle stays far below; small members are let off.
MAX_RATIO = 200
_RATIO_FREE_BYTES = 1024 * 1024
_MAX_FOLDER_DEPTH = 32
_JUNK = frozenset(("__MACOSX", ".DS_Store", "Thumbs.db", ".git", ".svn", ".hg"))


class SourceError(Exception):
    """A folder or an archive that cannot be read, or that is refused; the text says which and why."""


class Source(Protocol):
    """A tree of files."""

    @property
    def name(self) -> str:
        """What to call it in messages: the path as the user gave it."""
        ...

    @property
    def stem(self) -> str:
        """The bare name of the folder, or of the zip without its suffix."""
        ...

    def files(self, below: str = "") -> tuple[str, ...]:
        """All files below a folder ("" is the root), at any depth, sorted; paths from the root, with slashes.

        Empty if there is no such folder. Raises SourceError if something there is refused.
        """
        ...

    def folders(self, below: str = "") -> tuple[str, ...]:
        """The names of the folders directly in a folder, sorted; empty if there is no such folder."""
        ...

    def read(self, path: str) -> bytes:
        """The content of one file. Raises SourceError."""
        ...


def is_junk(path: str) -> bool:
    """Whether archivers, desktops or version control left it behind; such files are never part of a bundle."""
    parts = path.split("/")
    return not _JUNK.isdisjoint(parts) or parts[-1].startswith("._")


class FolderSource:
    """A folder on disk. Version control folders are skipped."""

    def __init__(self, folder: Path, name: str | None = None) -> None:
        self.folder = folder
        self.name = name if name is not None else str(folder)
        self._real = folder.resolve()

    @property
    def stem(self) -> str:
        return self._real.name

    def files(self, below: str = "") -> tuple[str, ...]:
        return tuple(sorted(self._walk(self.folder / below, f"{below}/" if below else "", 0)))

    def folders(self, below: str = "") -> tuple[str, ...]:
        entries = self._entries(self.folder / below)
        return tuple(sorted(entry.name for entry in entries if entry.is_dir() and not is_junk(entry.name)))

    def read(self, path: str) -> bytes:
        file = self.folder / path
        self._inside(file, path)
        try:
            if file.stat().st_size > MAX_MEMBER_BYTES:
                raise SourceError(f"{self.name}: {path} is larger than {MAX_MEMBER_BYTES} bytes")
            return file.read_bytes()
        except (OSError, ValueError) as error:
            raise SourceError(f"{self.name}: {path}: {error}") from None

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                return list(entries)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise SourceError(f"{folder}: {error.strerror or error}") from None

    def _walk(self, folder: Path, prefix: str, depth: int) -> Iterator[str]:
        if depth > _MAX_FOLDER_DEPTH:
            raise SourceError(
                f"{self.name}: folders are nested too deeply at {prefix}; does a link form a circle?"
            )
        for entry in self._entries(folder):
            path = prefix + entry.name
            if is_junk(path):
                continue
            if entry.is_dir():
                if entry.is_symlink():
                    self._inside(folder / entry.name, path)
                yield from self._walk(folder / entry.name, path + "/", depth + 1)
            elif entry.is_file():
                yield path

    def _inside(self, entry: Path, path: str) -> None:
        """Refuse what a symbolic link, or a name with "..", leads out of the folder."""
        try:
            inside = entry.resolve().is_relative_to(self._real)
        except (OSError, RuntimeError, ValueError) as error:
            raise SourceError(f"{self.name}: {path}: {error}") from None
        if not inside:
            raise SourceError(
                f"{self.name}: {path} leads out of the folder; put the file itself there, not a link"
            )


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
            path = info.filename.replace("\\", "/")
            self._check(path, info)
            total += info.file_size
            if total > MAX_TOTAL_BYTES:
                raise SourceError(f"{name}: would unpack to more than {MAX_TOTAL_BYTES} bytes")
            if not path.endswith("/") and not is_junk(path):
                self._members[path] = info
        self._files = sorted(self._members)
        self._folders = _folder_index(self._files)

    @property
    def stem(self) -> str:
        return PurePath(self.name).stem

    @classmethod
    def open(cls, path: Path, name: str | None = None) -> ZipSource:
        try:
            if path.stat().st_size > MAX_TOTAL_BYTES:
                raise SourceError(f"{path}: larger than {MAX_TOTAL_BYTES} bytes")
            data = path.read_bytes()
        except OSError as error:
            raise SourceError(f"{path}: {error.strerror or error}") from None
        return cls(data, name if name is not None else str(path))

    def _check(self, path: str, info: zipfile.ZipInfo) -> None:
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or parts[0].endswith(":"):
            raise SourceError(
                f"{self.name}: the member {path!r} would be written outside the archive's folder"
            )
        if len(parts) > _MAX_FOLDER_DEPTH:
            raise SourceError(f"{self.name}: the member {path[:80]!r}… lies in too many folders")
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

    def files(self, below: str = "") -> tuple[str, ...]:
        if not below:
            return tuple(self._files)
        start = bisect_left(self._files, f"{below}/")
        end = bisect_left(self._files, f"{below}0", start)  # "0" is the character after the slash
        return tuple(self._files[start:end])

    def folders(self, below: str = "") -> tuple[str, ...]:
        return tuple(sorted(self._folders.get(below, ())))

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


def _folder_index(files: list[str]) -> dict[str, set[str]]:
    """The names of the folders directly in each folder."""
    index: dict[str, set[str]] = {}
    for file in files:
        folder, _, _ = file.rpartition("/")
        while folder:
            parent, _, name = folder.rpartition("/")
            names = index.setdefault(parent, set())
            if name in names:
                break
            names.add(name)
            folder = parent
    return index


class SubSource(Struct, frozen=True):
    """A folder of another source, seen as a source of its own."""

    parent: Source
    folder: str

    @property
    def name(self) -> str:
        return f"{self.parent.name}/{self.folder}"

    @property
    def stem(self) -> str:
        return self.folder.rsplit("/", 1)[-1]

    def files(self, below: str = "") -> tuple[str, ...]:
        skip = len(self.folder) + 1
        return tuple(path[skip:] for path in self.parent.files(self._path(below)))

    def folders(self, below: str = "") -> tuple[str, ...]:
        return self.parent.folders(self._path(below))

    def read(self, path: str) -> bytes:
        return self.parent.read(self._path(path))

    def _path(self, path: str) -> str:
        return f"{self.folder}/{path}" if path else self.folder


def sub_source(source: Source, folder: str) -> Source:
    """The folder of a source as a source; the source itself for ""."""
    return SubSource(source, folder) if folder else source


def open_source(path: Path) -> Source:
    """A folder or a zip file, by what is there. Raises SourceError if it is neither."""
    if path.is_dir():
        return FolderSource(path)
    if path.is_file():
        return ZipSource.open(path)
    raise SourceError(f"{path}: no such file or folder")
