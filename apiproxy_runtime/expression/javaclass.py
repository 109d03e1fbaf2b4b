"""Sets of characters as Java regular expressions write them: `[a-z&&[^b]]`, `\\p{Alpha}`, `\\h`.

Source: the class documentation of java.util.regex.Pattern. A set becomes Python source that matches exactly one
character; `re` has neither intersections nor properties, so the first become look-aheads and the second ranges.
"""

from __future__ import annotations

import re
from functools import lru_cache

from msgspec import Struct


class CharacterSet(Struct, frozen=True):
    """One character out of a set.

    source  Python regular expression (with DOTALL) that matches one such character
    inner   what stands between the brackets of a plain positive class; None where that is not enough
    wide    whether characters beyond U+00FF may belong to it
    """

    source: str
    inner: str | None
    wide: bool

    @classmethod
    def of(cls, inner: str, wide: bool = False) -> CharacterSet:
        return cls(f"[{inner}]" if inner else "(?!)", inner, wide)

    @classmethod
    def character(cls, character: str) -> CharacterSet:
        source = re.escape(character)
        return cls(source, source, character > "\xff")

    def negated(self) -> CharacterSet:
        if self.inner is None:
            return CharacterSet(f"(?:(?!{self.source}).)", None, True)
        return CharacterSet(f"[^{self.inner}]" if self.inner else ".", None, True)

    def intersected(self, other: CharacterSet) -> CharacterSet:
        return CharacterSet(f"(?:(?={self.source}){other.source})", None, self.wide and other.wide)


def union(sets: list[CharacterSet]) -> CharacterSet:
    plain = [each for each in sets if each.inner is not None]
    rest = [each for each in sets if each.inner is None]
    wide = any(each.wide for each in sets)
    together = CharacterSet.of("".join(each.inner or "" for each in plain), wide)
    if not rest:
        return together
    choices = [each.source for each in ([together] if plain else []) + rest]
    return CharacterSet(f"(?:{'|'.join(choices)})" if len(choices) > 1 else choices[0], None, wide)


def span(first: str, last: str) -> CharacterSet:
    return CharacterSet.of(f"{re.escape(first)}-{re.escape(last)}", last > "\xff")


TERMINATORS = r"\n\r\x85\u2028\u2029"
_HORIZONTAL = r" \t\xa0\u1680\u180e\u2000-\u200a\u202f\u205f\u3000"
_VERTICAL = r"\n\x0b\f\r\x85\u2028\u2029"

ANY = CharacterSet(".", None, True)
NO_TERMINATOR = CharacterSet.of(TERMINATORS, True).negated()
NO_NEWLINE = CharacterSet.of(r"\n").negated()

#: `\d`, `\h`, … in their ASCII meaning; the capital letter is the complement.
_SHORTHANDS = {
    "d": CharacterSet.of("0-9"),
    "w": CharacterSet.of("a-zA-Z0-9_"),
    "s": CharacterSet.of(r" \t\n\x0b\f\r"),
    "h": CharacterSet.of(_HORIZONTAL, True),
    "v": CharacterSet.of(_VERTICAL, True),
}
#: The same under UNICODE_CHARACTER_CLASS.
_UNICODE_SHORTHANDS = {"d": "Nd", "s": "White_Space"}

_POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": " -~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
}
_UNICODE_POSIX = {
    "Lower": "Lowercase",
    "Upper": "Uppercase",
    "Alpha": "Alphabetic",
    "Digit": "Nd",
    "Punct": "P",
    "Cntrl": "Cc",
    "Space": "White_Space",
}
#: `\p{javaLowerCase}` and its kind, from java.lang.Character's methods.
_JAVA = {
    "javaLowerCase": ("Lowercase",),
    "javaUpperCase": ("Uppercase",),
    "javaTitleCase": ("Lt",),
    "javaAlphabetic": ("Alphabetic",),
    "javaLetter": ("L",),
    "javaDigit": ("Nd",),
    "javaLetterOrDigit": ("L", "Nd"),
    "javaSpaceChar": ("Z",),
    "javaDefined": ("Assigned",),
}


def shorthand(letter: str, unicode: bool) -> CharacterSet:
    """The set of `\\d`, `\\W`, …; `letter` is one of d, w, s, h, v or its capital."""
    lower = letter.lower()
    if not unicode or lower in "hv":
        found = _SHORTHANDS[lower]
    elif lower == "w":
        found = CharacterSet.of("".join(map(_ranges, ("Alphabetic", "M", "Nd", "Pc", "Join_Control"))), True)
    else:
        found = CharacterSet.of(_ranges(_UNICODE_SHORTHANDS[lower]), True)
    return found if letter == lower else found.negated()


def named(name: str, unicode: bool) -> CharacterSet:
    """The set of `\\p{name}`. Raises KeyError for a property that is not known."""
    if unicode and name in _UNICODE_POSIX:
        return CharacterSet.of(_ranges(_UNICODE_POSIX[name]), True)
    if name in _POSIX:
        return CharacterSet.of(_POSIX[name])
    if name == "L1":
        return CharacterSet.of(r"\x00-\xff")
    if name in ("all", "Isall"):
        return ANY
    if name == "LC":
        return CharacterSet.of("".join(map(_ranges, ("Lu", "Ll", "Lt"))), True)
    if name in _JAVA:
        return CharacterSet.of("".join(map(_ranges, _JAVA[name])), True)
    if name == "javaWhitespace":
        return CharacterSet.of(
            r"\t-\r\x1c-\x20\u1680\u2000-\u2006\u2008-\u200a\u2028\u2029\u205f\u3000", True
        )
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_ \-]*(=[A-Za-z0-9_ \-]+)?", name):
        raise KeyError(name)
    return CharacterSet.of(_ranges(name), True)


@lru_cache(maxsize=64)
def _ranges(name: str) -> str:
    """The characters of a Unicode property, as ranges; slow the first time (every code point is looked at)."""
    import regex  # few expressions name such a class

    try:
        runs = regex.compile(rf"\p{{{name}}}+")
    except regex.error:
        raise KeyError(name) from None
    everything = "".join(map(chr, range(0x110000)))
    found = (match.span() for match in runs.finditer(everything))
    return "".join(f"\\U{start:08x}-\\U{end - 1:08x}" for start, end in found)
