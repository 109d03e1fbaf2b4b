"""XPath 1.0 expressions that answer with text, as ExtractVariables and the template function `xpath` need it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Mapping
from typing import Any, Literal

from lxml import etree
from msgspec import Struct

from apiproxy_runtime.message.text import double_text

Kind = Literal["nodeset", "node", "string", "number", "boolean", "integer", "long", "float", "double"]
Find = Callable[[etree._Element], str | None]

_STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"")
_PREFIX = re.compile(r"(?<![\w.\-$])([^\W\d][\w.\-]*)\s*:(?!:)\s*(?=[^\W\d]|\*)")
_CALL = re.compile(r"(?<![\w.\-:$])([^\W\d][\w.\-]*)\s*\(")
_NODE_TESTS = frozenset({"text", "node", "comment", "processing-instruction"})
_OPERATORS = frozenset({"and", "or", "div", "mod"})
_FUNCTIONS = frozenset(
    re.findall(
        r"[a-z-]+",
        "boolean ceiling concat contains count false floor id lang last local-name name namespace-uri normalize-space "
        "not number position round starts-with string string-length substring substring-after substring-before sum "
        "translate true",
    )
)
#: XPath has no limit of its own; libxml2's parser would use up the stack before it says no.
_MAX_LENGTH = 10_000


class XPathSyntaxError(ValueError):
    """An expression that does not compile: grammar, an undeclared prefix, a function XPath 1.0 does not have."""


class NotANodeset(XPathSyntaxError):
    """Nodes are asked for, but the expression gives text, a number or a boolean."""


class XPathFailed(ValueError):
    """The value found cannot be cast to the declared type; `value` is its text."""

    def __init__(self, value: str, kind: str) -> None:
        super().__init__(f"Unable to cast value {value} as {kind.upper()}.")
        self.value = value
        self.kind = kind


class XPath(Struct, frozen=True):
    """A compiled expression; call it with the element that is the context node.

    returns  what the expression itself yields: nodeset, string, number or boolean

    It answers with text: markup of the nodes found (without what follows them), the string value, a number as XPath
    prints it, `true` or `false`; None where a nodeset is empty (except as boolean, which is then `false`). Raises
    XPathFailed where the text found is none of the type.
    """

    text: str
    kind: Kind
    returns: str
    find: Find

    def __call__(self, element: etree._Element) -> str | None:
        return self.find(element)


def compile_xpath(text: str, namespaces: Mapping[str, str], *, kind: Kind = "nodeset") -> XPath:
    """Compile an XPath 1.0 expression. Raises XPathSyntaxError, of its kind NotANodeset too."""
    declared = {prefix: uri for prefix, uri in namespaces.items() if prefix}
    _check_names(text, declared)
    try:
        evaluate = etree.XPath(text, namespaces=declared, smart_strings=False, regexp=False)
        # The kind of an XPath 1.0 result depends on the expression alone, so any document tells it.
        sample = evaluate(etree.Element("sample"))
    except (etree.XPathError, ValueError, TypeError) as error:
        raise XPathSyntaxError(f"{text!r} is not an XPath 1.0 expression: {error}") from None
    returns = _returns(sample)
    if kind in ("nodeset", "node") and returns != "nodeset":
        raise NotANodeset(f"{text!r} gives a {returns}, which cannot be converted to a nodeset")
    convert = _CONVERSIONS[kind]

    def find(element: etree._Element) -> str | None:
        try:
            result = evaluate(element)
        except etree.XPathError as error:
            raise XPathFailed(str(error), kind) from None
        if result.__class__ is list and not result:
            return "false" if kind == "boolean" else None
        return convert(result)

    return XPath(text, kind, returns, find)


def _check_names(text: str, declared: Mapping[str, str]) -> None:
    if not text.strip():
        raise XPathSyntaxError("the XPath expression is empty")
    if len(text) > _MAX_LENGTH or "\x00" in text:
        raise XPathSyntaxError(f"the XPath expression is longer than {_MAX_LENGTH} characters, or no text")
    bare = _STRINGS.sub("''", text)
    for match in _PREFIX.finditer(bare):
        if match[1] not in declared and match[1] != "xml":
            raise XPathSyntaxError(
                f"the namespace prefix {match[1]!r} in {text!r} is not declared: add "
                f'<Namespace prefix="{match[1]}">…</Namespace>'
            )
    for match in _CALL.finditer(bare):
        if match[1] not in _FUNCTIONS | _NODE_TESTS | _OPERATORS:
            raise XPathSyntaxError(f"{match[1]}() in {text!r} is not a function of XPath 1.0")
    if "$" in bare:
        raise XPathSyntaxError(f"{text!r} refers to a variable, but there are none")


def _returns(result: Any) -> str:
    if isinstance(result, bool):
        return "boolean"
    if isinstance(result, float):
        return "number"
    return "string" if isinstance(result, str) else "nodeset"


# ---- results as text


def _markup(node: Any) -> str:
    if isinstance(node, str):
        return node
    if isinstance(node, tuple):  # a namespace node: prefix and URI
        return str(node[1])
    return str(etree.tostring(node, encoding="unicode", with_tail=False))


def _string_value(result: Any) -> str:
    """As XPath's string()."""
    if isinstance(result, bool):
        return "true" if result else "false"
    if isinstance(result, float):
        return _number_text(result)
    if isinstance(result, list):
        result = result[0]
    if isinstance(result, (str, tuple)):
        return _markup(result)
    if isinstance(result, (etree._Comment, etree._ProcessingInstruction)):
        return result.text or ""
    return "".join(result.itertext(etree.Element))


def _number_text(number: float) -> str:
    """XPath 1.0, string(): whole numbers without a point, never an exponent."""
    if number != number:
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    if number == int(number):
        return str(int(number))
    shortest = repr(number)
    return shortest if "e" not in shortest else f"{number:.20f}".rstrip("0")


def _number(result: Any) -> str:
    if isinstance(result, (bool, float)):
        return _number_text(float(result))
    try:
        return _number_text(float(_string_value(result)))
    except ValueError:
        return "NaN"


def _boolean(result: Any) -> str:
    return "true" if result == result and result else "false"


def _whole(bits: int, kind: Kind) -> Callable[[Any], str]:
    limit = 2 ** (bits - 1)

    def cast(result: Any) -> str:
        text = _string_value(result).strip()
        try:
            number = int(text)
        except ValueError:
            raise XPathFailed(text, kind) from None
        if not -limit <= number < limit:
            raise XPathFailed(text, kind)
        return str(number)

    return cast


def _double(result: Any) -> str:
    text = _string_value(result).strip()
    try:
        return double_text(float(text))
    except ValueError:
        raise XPathFailed(text, "double") from None


def _float(result: Any) -> str:
    text = _string_value(result).strip()
    try:
        packed = struct.pack("f", float(text))
    except ValueError:
        raise XPathFailed(text, "float") from None
    except OverflowError:
        return "-Infinity" if text.startswith("-") else "Infinity"
    single = struct.unpack("f", packed)[0]
    # The shortest decimal that is this single-precision number, which is what Java prints.
    for digits in range(1, 10):
        shortest = float(f"{single:.{digits}g}")
        if struct.pack("f", shortest) == packed:
            return double_text(shortest)
    return double_text(single)


_CONVERSIONS: dict[Kind, Callable[[Any], str]] = {
    "nodeset": lambda result: "".join(map(_markup, result)),
    "node": lambda result: _markup(result[0]),
    "string": _string_value,
    "number": _number,
    "boolean": _boolean,
    "integer": _whole(32, "integer"),
    "long": _whole(64, "long"),
    "float": _float,
    "double": _double,
}
