"""How a template function says that it has no result."""

from __future__ import annotations


class CallFailed(ValueError):
    """The call has no result: a number that is none, an unknown encoding, a bad pattern.

    It then counts as an unresolved variable: empty where those are ignored, a fault elsewhere.
    """
