"""Names that clients give to things: each must be able to stand in a path, in a line and in a file's name."""

from __future__ import annotations

import re

from apiproxy_runtime.control.answer import Refused

_LONGEST = 255
#: control characters, slashes, and halves of characters (lone surrogates)
_UNFIT = re.compile(r"[\x00-\x1f\x7f/\\\ud800-\udfff]")


def check_name(name: str, noun: str) -> str:
    """The name. Raises Refused for one that no path could lead to."""
    if name in (".", "..") or len(name) > _LONGEST or _UNFIT.search(name):
        shown = ascii(name if len(name) <= _LONGEST else f"{name[:20]}…")
        raise Refused(
            400,
            "InvalidName",
            f"the {noun} cannot be named {shown}: a name has {_LONGEST} characters at most, none of them a slash or "
            "a control character, and is neither . nor ..",
        )
    return name
