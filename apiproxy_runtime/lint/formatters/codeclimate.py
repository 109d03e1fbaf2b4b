"""Code Climate's issues, as apigeelint's users name the format that GitLab reads."""

from __future__ import annotations

from apiproxy_runtime.lint.formatters.gitlab import render

__all__ = ["render"]
