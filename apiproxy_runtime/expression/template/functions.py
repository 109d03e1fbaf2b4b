"""The functions of message templates, in one table.

Source: message templates page, "Function reference"; `xPath` and the names' case after apigeelint's list.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from msgspec import Struct, field

from apiproxy_runtime.expression.template import digest, random, text, time
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.world import World

#: arguments → result; None in the arguments is an unset variable (only where `nulls`), as a result it is null.
Implementation = Callable[[World, list[str | None]], str | None]
Check = Callable[[str], object]
OfMessage = Callable[..., Callable[[Message], str]]


class Function(Struct, frozen=True):
    """One function.

    least, most  how many arguments it takes
    nulls        unset variables arrive as None; elsewhere they stand for their own name, or fail
    of_message   the same function of a message whose content is the second argument, made of the constant others
    checks       position → raises ValueError for a quoted argument that can never work
    """

    name: str
    call: Implementation
    least: int
    most: int
    signature: str
    doc: str
    nulls: bool = False
    checks: dict[int, Check] = field(default_factory=dict)
    of_message: OfMessage | None = None

    @property
    def arity(self) -> str:
        if self.least == self.most:
            return f"{self.least} argument{'' if self.least == 1 else 's'}"
        return (
            f"{self.least} to {self.most} arguments"
            if self.most < 100
            else f"at least {self.least} arguments"
        )


def _pure(implementation: Callable[..., str]) -> Implementation:
    return lambda world, arguments: implementation(*arguments)


def _later(module: str, name: str) -> Callable[..., Any]:
    """A function whose module is loaded when it is first called.

    JSONPath, XPath and regular expressions take longer to load than all else that templates need.
    """
    loaded: list[Callable[..., Any]] = []

    def call(*arguments: Any) -> Any:
        if not loaded:
            loaded.append(getattr(import_module(f"apiproxy_runtime.expression.template.{module}"), name))
        return loaded[0](*arguments)

    return call


def _worldly(implementation: Callable[..., str]) -> Implementation:
    return lambda world, arguments: implementation(world, *arguments)


def _first_set(world: World, arguments: list[str | None]) -> str | None:
    return next((argument for argument in arguments if argument is not None), None)


def _table() -> dict[str, Function]:
    functions = list[Function]()

    def add(
        signature: str,
        least: int,
        most: int,
        call: Implementation,
        doc: str,
        nulls: bool = False,
        checks: dict[int, Check] | None = None,
        of_message: OfMessage | None = None,
    ) -> None:
        name, _, _ = signature.partition("(")
        functions.append(Function(name, call, least, most, signature, doc, nulls, checks or {}, of_message))

    for algorithm in ("md5", "sha1", "sha256", "sha384", "sha512"):
        hex_of, base64_of = digest.hashers(algorithm)
        add(
            f"{algorithm}Hex(s)",
            1,
            1,
            _pure(hex_of),
            f"{algorithm.upper()} of the UTF-8 bytes, in lower-case hex.",
        )
        add(
            f"{algorithm}Base64(s)",
            1,
            1,
            _pure(base64_of),
            f"{algorithm.upper()} of the UTF-8 bytes, in base64.",
        )
    for algorithm in ("Md5", "Sha1", "Sha224", "Sha256", "Sha384", "Sha512"):
        add(
            f"hmac{algorithm}(key,value[,keyencoding[,outputencoding]])",
            2,
            4,
            _pure(digest.signer(algorithm.lower())),
            f"HMAC with {algorithm.upper()}. The key is utf-8 (default), hex, base16 or base64; "
            "the result is base64 (default), hex or base16.",
        )
    add("encodeBase64(s)", 1, 1, _pure(text.encode_base64), "Standard base64 of the UTF-8 bytes.")
    add(
        "decodeBase64(s)", 1, 1, _pure(text.decode_base64), "The decoded text; empty for anything but base64."
    )
    add("toUpperCase(s)", 1, 1, _pure(str.upper), "Upper case.")
    add("toLowerCase(s)", 1, 1, _pure(str.lower), "Lower case.")
    add(
        "substring(s,start[,end])",
        2,
        3,
        _pure(text.substring),
        "From start up to end, or to the end; negative numbers count from the end.",
    )
    add(
        "replaceAll(s,regex,value)",
        3,
        3,
        _pure(_later("replacing", "replace_all")),
        "Every match of a Java regular expression replaced; $1 and \\ are special in value.",
        checks={1: _later("replacing", "regex")},
    )
    add(
        "replaceFirst(s,regex,value)",
        3,
        3,
        _pure(_later("replacing", "replace_first")),
        "The first match of a Java regular expression replaced.",
        checks={1: _later("replacing", "regex")},
    )
    add(
        "escapeJSON(s)",
        1,
        1,
        _pure(text.escape_json),
        'Ready to stand between double quotes in JSON: \\" for ".',
    )
    add("escapeXML(s)", 1, 1, _pure(text.escape_xml), "< > ' \" & as entities, for XML 1.0.")
    add(
        "escapeXML11(s)", 1, 1, _pure(text.escape_xml11), "The same for XML 1.1, control characters included."
    )
    for name in ("encodeHTML", "escapeHTML"):
        add(f"{name}(s)", 1, 1, _pure(text.encode_html), "< > ' \" & as HTML entities.")
    for name, divisor in (
        ("timeFormat", 1),
        ("timeFormatUTC", 1),
        ("timeFormatMs", 1000),
        ("timeFormatUTCMs", 1000),
    ):
        unit = "milliseconds" if divisor == 1000 else "seconds"
        add(
            f"{name}(format,{unit})",
            2,
            2,
            _pure(time.formatter(divisor)),
            f"A time in {unit} since 1970, in UTC, after a SimpleDateFormat pattern.",
            checks={0: time.pattern},
        )
    add("createUuid()", 0, 0, lambda world, arguments: world.uuid(), "A random UUID.")
    add(
        "randomLong([min[,max]])",
        0,
        2,
        _worldly(random.random_long),
        "A random 64-bit integer, max included.",
    )
    add(
        "xeger(regex)", 1, 1, _worldly(_later("xeger", "xeger")), "Random text that matches a regular expression.",
        checks={0: _later("xeger", "generator")},
    )  # fmt: skip
    add("firstnonnull(v1[,v2…])", 1, 1000, _first_set, "The first argument that is set.", nulls=True)
    for name in ("xpath", "xPath"):
        add(
            f"{name}(expression,xml[,type][,prefix:uri…])",
            2,
            13,
            _pure(_later("query", "xpath")),
            "What an XPath 1.0 expression finds, as nodeset (markup, the default), node, string, number or boolean.",
        )
    add(
        "jsonPath(path,json[,wantArray])",
        2,
        3,
        _pure(_later("query", "json_path")),
        "What a JSONPath finds; of an array its first element, unless wantArray is true.",
        checks={0: _later("query", "path")},
        of_message=_later("query", "json_path_of_message"),
    )
    return {function.name: function for function in functions}


FUNCTIONS: dict[str, Function] = _table()
