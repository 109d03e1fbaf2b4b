"""An OpenAPI 3 or Swagger 2 document, with what its references point to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml

from apiproxy_runtime.rehearsal.har import BadRecording


class Document:
    """A document with its references."""

    def __init__(self, path: Path, content: dict[str, Any]) -> None:
        self.path = path
        self.content = content
        self.old = "swagger" in content
        self._files: dict[Path, Any] = {path: content}

    def resolve(self, value: Any) -> Any:
        """What a `$ref` points to, in this file or one beside it; None when there is nothing."""
        for _ in range(20):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                return value
            file, _, pointer = value["$ref"].partition("#")
            value = self._at(self._file(file), pointer)
        return None

    def _file(self, name: str) -> Any:
        path = self.path.parent / name if name else self.path
        if path not in self._files:
            self._files[path] = yaml.safe_load(path.read_text("utf-8-sig")) if path.is_file() else None
        return self._files[path]

    @staticmethod
    def _at(value: Any, pointer: str) -> Any:
        for step in pointer.split("/")[1:]:
            name = unquote(step).replace("~1", "/").replace("~0", "~")
            if isinstance(value, list) and name.isdigit() and int(name) < len(value):
                value = value[int(name)]
            else:
                value = value.get(name) if isinstance(value, dict) else None
        return value

    @property
    def base(self) -> str:
        """The URL in front of all paths; only a path when the document names no host."""
        if self.old:
            host = self.content.get("host") or ""
            scheme = (self.content.get("schemes") or ["https"])[0]
            base = str(self.content.get("basePath") or "").rstrip("/")
            return f"{scheme}://{host}{base}" if host else base
        servers = self.content.get("servers") or [{}]
        url = str(servers[0].get("url") or "")
        for name, variable in (servers[0].get("variables") or {}).items():
            url = url.replace(f"{{{name}}}", str(variable.get("default", "")))
        return url.rstrip("/")


def load_openapi(path: Path) -> Document:
    """The document. Raises BadRecording, OSError."""
    try:
        content = yaml.safe_load(path.read_text("utf-8-sig"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        place = getattr(error, "problem_mark", None)
        where = f":{place.line + 1}" if place is not None else ""
        raise BadRecording(
            f"{path}{where}: neither YAML nor JSON: {error}. Mend the document there."
        ) from None
    if not isinstance(content, dict) or not ("openapi" in content or "swagger" in content):
        raise BadRecording(
            f"{path}: this is no OpenAPI document: it has neither openapi nor swagger at its top."
        )
    if not isinstance(content.get("paths"), dict):
        raise BadRecording(
            f"{path}: the document has no paths. Add the operations that cases are to be made for."
        )
    return Document(path, content)
