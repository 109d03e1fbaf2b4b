"""Files in memory: what a bundle or an environment was when it came in, whatever happens to its folder afterwards."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterable, Mapping
from functools import cached_property

from apiproxy_runtime.bundle.archive import Source, SourceError

#: The date that every member of a packed archive has, so that equal files make equal archives.
_DATE = (1980, 1, 1, 0, 0, 0)


class Files:
    """A tree of files that never changes: path → content. It is a `bundle.archive.Source`."""

    def __init__(self, content: Mapping[str, bytes], name: str) -> None:
        self.content = dict(sorted(content.items()))
        self.name = name

    @classmethod
    def of(cls, source: Source, below: Iterable[str] = ("",), name: str = "") -> Files:
        """Everything in some folders of a source. Raises SourceError."""
        paths = [path for folder in below for path in source.files(folder)]
        return cls({path: source.read(path) for path in paths}, name or source.name)

    @property
    def stem(self) -> str:
        return self.name.rsplit("/", 1)[-1].removesuffix(".zip")

    def files(self, below: str = "") -> tuple[str, ...]:
        prefix = f"{below}/" if below else ""
        return tuple(path for path in self.content if path.startswith(prefix))

    def folders(self, below: str = "") -> tuple[str, ...]:
        prefix = f"{below}/" if below else ""
        inside = (path[len(prefix) :] for path in self.content if path.startswith(prefix))
        return tuple(sorted({path.partition("/")[0] for path in inside if "/" in path}))

    def read(self, path: str) -> bytes:
        try:
            return self.content[path]
        except KeyError:
            raise SourceError(f"{self.name}: {path}: no such file") from None

    def changed(self, path: str, content: bytes | None) -> Files:
        """The same files but for one, which is added or replaced; None removes it."""
        others = {name: value for name, value in self.content.items() if name != path}
        return Files(others if content is None else {**others, path: content}, self.name)

    def pack(self) -> bytes:
        """A zip of the files."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path, content in self.content.items():
                member = zipfile.ZipInfo(path, _DATE)
                member.compress_type = zipfile.ZIP_DEFLATED
                member.external_attr = 0o644 << 16
                archive.writestr(member, content)
        return packed.getvalue()

    @cached_property
    def digest(self) -> str:
        """Tells whether two trees hold the same."""
        sha = hashlib.sha256()
        for path, content in self.content.items():
            for part in (path.encode("utf-8", "surrogatepass"), content):
                sha.update(len(part).to_bytes(8, "big"))
                sha.update(part)
        return sha.hexdigest()
