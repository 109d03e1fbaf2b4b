"""A bundle's scripts: their text, where each stands in what the engine runs, and what they use of the runtime."""

from __future__ import annotations

import json
import re
from functools import cached_property

from msgspec import Struct

from apiproxy_runtime.scripting.javascript.tokens import Token, bare, tokenize


class Script(Struct, frozen=True):
    """One file: its name as errors tell it (`setHeaders.js`) and its text."""

    name: str
    text: str


class ScriptError(Exception):
    """A script that cannot be compiled; `line` and `column` count from 1."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file = file
        self.line = line
        self.column = column
        self.message = message


#: The names that the runtime gives to scripts, and the part of the prelude that has each.
GLOBALS = {
    "context": "core",
    "print": "core",
    "properties": "core",
    "request": "message",
    "response": "message",
    "message": "message",
    "httpClient": "http",
    "Request": "http",
    "crypto": "crypto",
    "XML": "e4x",
    "XMLList": "e4x",
    "Namespace": "e4x",
    "QName": "e4x",
    "isXMLName": "e4x",
    "$e4x": "e4x",
}
_MESSAGE_WORDS = frozenset(("asJSON", "asForm", "asXML"))
_NOT_IN_RHINO = frozenset(
    (
        "queueMicrotask",
        "performance",
        "atob",
        "btoa",
        "DOMException",
        "SharedArrayBuffer",
        "Atomics",
        "WeakRef",
        "FinalizationRegistry",
        "AggregateError",
        "SuppressedError",
        "DisposableStack",
        "AsyncDisposableStack",
        "Iterator",
        "Float16Array",
        "InternalError",
    )
)
#: What only Rhino has: `equals` of texts, methods that take their `this` as an argument, and what was matched last.
_ONLY_IN_RHINO = frozenset(("equals", "equalsIgnoreCase"))
_GENERIC = re.compile(r"(?<![.\w$])(?:Array|String)\s*\.\s*(?!prototype\b|isArray\b|fromCharCode\b)\w")
_LAST_MATCH = re.compile(
    r"(?<![.\w$])RegExp\s*(?:\.\s*(?:\$[1-9_]|lastMatch|lastParen|leftContext|rightContext|input)\b|\[)"
)
#: Built-ins whose work grows with their input; see the part `bounded`.
SLOW = frozenset(
    (
        "sort",
        "join",
        "slice",
        "concat",
        "indexOf",
        "lastIndexOf",
        "includes",
        "reverse",
        "fill",
        "splice",
        "shift",
        "unshift",
        "flat",
        "split",
        "replace",
        "replaceAll",
        "repeat",
        "padStart",
        "padEnd",
        "toUpperCase",
        "toLowerCase",
        "trim",
        "parse",
        "stringify",
    )
)
_BUILT_INS = (
    r"(?<![.\w$])(?:Object|Array|String|Number|Boolean|Date|RegExp|Function|Math|JSON|Symbol|Map|Set|WeakMap|WeakSet"
    r"|Promise|Reflect|Proxy|BigInt|ArrayBuffer|DataView|(?:Eval|Range|Reference|Syntax|Type|URI)?Error"
    r"|(?:Uint8|Uint16|Uint32|Int8|Int16|Int32|Float32|Float64|Uint8Clamped|BigInt64|BigUint64)Array|isNaN|isFinite"
    r"|parseInt|parseFloat|escape|unescape|encodeURI|encodeURIComponent|decodeURI|decodeURIComponent)"
)
#: Methods of arrays, functions and dates that a script may shadow in one of them; on a frozen prototype that is lost.
_METHODS = (
    "map|filter|forEach|reduce|reduceRight|some|every|find|findIndex|includes|indexOf|lastIndexOf|push|pop|shift|unshift"
    "|slice|splice|concat|join|reverse|sort|fill|flat|flatMap|call|apply|bind|getTime|toISOString"
)
#: What a script may do to the built-ins or to the global object that a context for many requests must not suffer,
#: or that such a context does not show as a context of its own does.
_UNSHAREABLE = re.compile(
    rf"""
      \b(?:eval|Function\s*\(|__proto__|setPrototypeOf|__define[GS]etter__|globalThis|FinalizationRegistry)
    | \bwith\s*\(
    | {_BUILT_INS}\s*(?:\.\s*prototype\s*)?(?:\.\s*\w+\s*|\[[^\]]*\]\s*)?(?:=(?!=)|[-+*/|&]=|\+\+|--)
    | {_BUILT_INS}\s*\.\s*prototype\s*(?:[,;)\]=]|\[|$)
    | \bObject\s*\.\s*(?:assign|defineProperty|defineProperties|freeze|seal|preventExtensions)\s*\(\s*(?:{_BUILT_INS}\b|this)
    | \bdelete\s+(?:{_BUILT_INS}\b|this\b)
    | \.\s*(?:{_METHODS})\s*=(?!=)
    | \bthis\b(?!\s*[.,)])
    """,
    re.VERBOSE | re.MULTILINE,
)
_DECLARED = re.compile(r"\b(?:var|let|const|function|class)\s+([\w$]+)|,\s*([\w$]+)\s*=")
_OF_THIS = re.compile(r"\bthis\s*\.\s*([\w$]+)")
_FUNCTION = re.compile(r"\bfunction\s+([\w$]+)")


class Sources:
    """The scripts of one policy, in the order in which they run; includes first.

    The engine knows one file only. So each script gets a range of lines of its own, from line 2 on; line 1 is the
    prelude's and that of what is written around scripts.
    """

    def __init__(self, scripts: tuple[Script, ...]) -> None:
        self.scripts = scripts
        self.starts: list[int] = []
        line = 2
        for script in scripts:
            self.starts.append(line)
            line += script.text.count("\n") + 1

    def place(self, line: int) -> tuple[Script, int] | None:
        """The script, and the line in it, at a line of the engine's."""
        for script, start in zip(reversed(self.scripts), reversed(self.starts), strict=True):
            if line >= start:
                return script, line - start + 1
        return None

    @cached_property
    def files(self) -> str:
        """For the prelude: JSON of [first line, name] for each script."""
        return json.dumps(
            [[start, script.name] for script, start in zip(self.scripts, self.starts, strict=True)]
        )

    def standing(self, index: int) -> str:
        """A script moved down to its lines."""
        return "\n" * (self.starts[index] - 1) + self.scripts[index].text

    @cached_property
    def _tokens(self) -> list[list[Token]]:
        return [tokenize(script.text) for script in self.scripts]

    @cached_property
    def words(self) -> frozenset[str]:
        """Every word of the scripts, those in strings too, since properties may be named so."""
        return frozenset(word for script in self.scripts for word in re.findall(r"[\w$]+", script.text))

    @cached_property
    def code(self) -> str:
        """The code of all scripts without what strings and comments say."""
        return "\n".join(bare(tokens) for tokens in self._tokens)

    @cached_property
    def names(self) -> list[str]:
        """The runtime's names that the code mentions."""
        words = frozenset(re.findall(r"[\w$]+", self.code))
        return [name for name in GLOBALS if name in words]

    @cached_property
    def parts(self) -> list[str]:
        """The parts of the prelude that are needed, in the order in which they build on each other."""
        parts = {GLOBALS[name] for name in self.names}
        if "http" in parts or self.words & _MESSAGE_WORDS:
            parts.add("message")
        if "asXML" in self.words:
            parts.add("e4x")
        if "session" in self.words:
            # exchanges are what sessions are for
            parts |= {"message", "http"}
        if self.words & (_NOT_IN_RHINO | _ONLY_IN_RHINO) or _GENERIC.search(self.code):
            parts.add("rhino")
        if self._asks_last_match:
            parts.add("regexp")
        if "Date" in self.words:
            parts.add("dates")
        if "JSON" in self.words:
            parts.add("json")
        order = ("rhino", "regexp", "dates", "json", "message", "http", "crypto", "e4x")
        return [part for part in order if part in parts]

    @cached_property
    def _asks_last_match(self) -> bool:
        return "RegExp" in self.words and _LAST_MATCH.search(self.code) is not None

    @cached_property
    def slow(self) -> str:
        """The built-ins that the scripts use and whose work grows with their input, separated by commas.

        None of them matters in scripts without loops: what they do is bounded by the size of the script then.
        """
        if not re.search(r"\b(?:while|for|do)\b", self.code):
            return ""
        return ",".join(sorted(self.words & SLOW))

    @cached_property
    def waits(self) -> bool:
        """Whether the scripts may wait for calls."""
        return bool(self.words & {"httpClient", "session"})

    @property
    def has_session(self) -> bool:
        return "session" in self.words

    @cached_property
    def shareable(self) -> bool:
        """Whether a context that serves many requests shows these scripts the same as one of their own."""
        code = self.code
        if _UNSHAREABLE.search(code) or self._asks_last_match:
            return False
        if len(self.scripts) > 1:
            functions = [name for tokens in self._tokens for name in set(_FUNCTION.findall(bare(tokens)))]
            if len(functions) != len(set(functions)):
                return False
        declared = {name for names in _DECLARED.findall(code) for name in names if name}
        return not declared & set(_OF_THIS.findall(code))

    def as_function(self) -> str:
        """The scripts as the body of one function, inside one whose parameters are the runtime's names."""
        body = "\n".join(script.text for script in self.scripts)
        return f"(function ({', '.join(self.names)}) {{ return function $script() {{\n{body}\n}} }})"

    def thrown_at(self) -> tuple[Script, int] | None:
        """Where a script throws something that is no Error, if there is one such place."""
        found = []
        for script, tokens in zip(self.scripts, self._tokens, strict=True):
            code = bare(tokens)
            found += [
                (script, code.count("\n", 0, match.start()) + 1)
                for match in re.finditer(r"\bthrow\b(?!\s*new\b)", code)
            ]
        return found[0] if len(found) == 1 else None
