"""A bundle that stays what it was when it was deployed: files that were read are read again as they were."""

from __future__ import annotations

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.archive import Source
from apiproxy_runtime.bundle.model import Bundle


class HeldSource(Struct, eq=False):
    """Keeps the content of each file that was read once."""

    source: Source
    held: dict[str, bytes] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def stem(self) -> str:
        return self.source.stem

    def files(self, below: str = "") -> tuple[str, ...]:
        return self.source.files(below)

    def folders(self, below: str = "") -> tuple[str, ...]:
        return self.source.folders(below)

    def read(self, path: str) -> bytes:
        """The content of one file as it was when it was first read. Raises SourceError."""
        content = self.held.get(path)
        if content is None:
            content = self.held[path] = self.source.read(path)
        return content


def hold(bundle: Bundle) -> Bundle:
    """The same bundle; compiled again, it is the same program, whatever became of its files meanwhile."""
    if isinstance(bundle.source, HeldSource):
        return bundle
    source = HeldSource(bundle.source)
    resources = {key: replace(resource, source=source) for key, resource in bundle.resources.items()}
    return replace(bundle, source=source, resources=resources)
