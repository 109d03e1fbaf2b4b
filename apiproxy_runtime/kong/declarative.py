from __future__ import annotations

from pathlib import Path

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.kong.model import Configuration


def read_configuration(path: Path, findings: Findings) -> Configuration | None:
    """Read and check a kong.yml."""
    return Configuration(str(path))
