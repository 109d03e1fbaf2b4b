"""Endpoint files that cannot be read: what they refer to is not known, so nothing is said about it."""

from __future__ import annotations

from apiproxy_runtime.bundle.xml import XmlError
from apiproxy_runtime.lint.bundle import LintBundle


def has_unreadable_endpoint(bundle: LintBundle) -> bool:
    """Whether a proxy endpoint, target endpoint or shared flow is not well-formed. For `bundle.table`."""
    return any(
        isinstance(bundle.xml(file), XmlError)
        for folder in ("proxies", "targets", "sharedflows")
        for file in bundle.in_folder(folder)
    )
