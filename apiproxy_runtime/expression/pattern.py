"""The patterns of ExtractVariables: literal text, wildcards, and `{name}` for what is captured.

Source: "ExtractVariables policy" (URIPath, QueryParam, Header, FormParam and Variable patterns).
"""

from __future__ import annotations

import re

from apiproxy_runtime.expression.glob import Part, Wildcard, backtrack, limit, split, to_regex

_NAME = re.compile(r"[^\W\d][\w.\-]*")


class PatternError(ValueError):
    """A pattern that Apigee refuses to deploy; `error` is the name of the deployment error."""

    error = ""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class PatternWithoutVariable(PatternError):
    error = "PatternWithoutVariable"


class InvalidPattern(PatternError):
    error = "InvalidPattern"


class Pattern:
    """A compiled pattern.

    text       as written
    variables  the names it captures, in order
    segments   how many path segments it has; of several URIPath patterns that match, the one with the most wins
    """

    __slots__ = ("_expression", "_ignore_case", "_longest", "_parts", "segments", "text", "variables")

    def __init__(self, text: str, parts: list[Part], ignore_case: bool) -> None:
        self.text = text
        self.segments = sum(1 for segment in text.split("/") if segment)
        self.variables = tuple(
            part.name for part in parts if isinstance(part, Wildcard) and part.name is not None
        )
        source, degree = to_regex(parts)
        self._expression = re.compile(source, re.DOTALL | (re.IGNORECASE if ignore_case else 0))
        self._longest = None if degree == 1 else limit(degree)
        self._ignore_case = ignore_case
        self._parts: list[Part] = parts
        if ignore_case:
            self._parts = [_fold(part) if isinstance(part, str) else part for part in parts]

    def match(self, text: str) -> dict[str, str] | None:
        """The captured values when the whole text matches, else None. Linear in the text's length."""
        if self._longest is None or len(text) <= self._longest:
            match = self._expression.fullmatch(text)
            return None if match is None else dict(zip(self.variables, match.groups(), strict=True))
        spans = backtrack(self._parts, _fold(text) if self._ignore_case else text)
        if spans is None:
            return None
        wildcards = [part for part in self._parts if isinstance(part, Wildcard)]
        return {
            part.name: text[start:end]
            for part, (start, end) in zip(wildcards, spans, strict=True)
            if part.name is not None
        }


def _fold(text: str) -> str:
    """Without case, and as long as before: a character whose lower case is several stays as it is."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)


def compile_pattern(text: str, *, path: bool, ignore_case: bool = False) -> Pattern:
    """Compile a pattern; `path` for URIPath, where `*` and `{name}` stop at a `/` and `**` does not.

    Elsewhere every wildcard is any run of characters: `{name}` takes what stands before the first place where
    the text after it is found, the last one all that remains. `%` takes the next character literally.
    Raises PatternWithoutVariable and InvalidPattern, named as Apigee's deployment errors.
    """
    _check_braces(text)
    parts = split(text, path=path, braces=True)
    names = [part.name for part in parts if isinstance(part, Wildcard) and part.name is not None]
    for name in names:
        if not _NAME.fullmatch(name):
            raise InvalidPattern(
                f"Pattern {text} is invalid: {{{name}}} does not hold a variable name; "
                "write {name}, or %{ and %} for literal braces"
            )
    if not names:
        raise PatternWithoutVariable(f"Pattern {text} should have at least one variable, written {{name}}")
    return Pattern(text, parts, ignore_case)


def _check_braces(text: str) -> None:
    opened = False
    position = 0
    while position < len(text):
        character = text[position]
        if character == "%" and not opened:
            position += 1
        elif character == "{":
            if opened:
                raise InvalidPattern(
                    f"Pattern {text} is invalid: a '{{' stands inside {{ }}; escape it as %{{"
                )
            opened = True
        elif character == "}":
            opened = False
        position += 1
    if opened:
        raise InvalidPattern(f"Pattern {text} is invalid: a '{{' is never closed; escape it as %{{")
