"""Python 2 as Jython runs it, made into code that CPython 3 runs.

Scripts are written for Jython 2. What does not even compile as Python 3 is translated, its syntax only; what compiles
but would mean something else (`7 / 2`, `d.has_key(k)`, `text.encode('hex')`) is rewritten in the syntax tree to call
what the worker offers for it. Modules and built-in functions of Python 2 are the worker's business too.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from types import CodeType
from typing import NamedTuple

#: Attributes that Python 2's text and dictionaries have, or that mean something else there.
ATTRIBUTES = frozenset(
    (
        *("has_key", "iteritems", "iterkeys", "itervalues", "keys", "values", "items"),
        *("encode", "decode", "next", "message", "sort"),
    )
)
#: The names under which the worker offers the functions the rewritten code calls; no script can say them.
DIVIDE, ATTRIBUTE = "$divide", "$attribute"
#: Modules that Apigee refuses to load ("Python Script policy" of SAP API Management, which is the same engine).
REFUSED_MODULES = frozenset(("os", "sys"))

#: Only what changes syntax: the meaning of names is kept, since the worker has Python 2's modules and functions.
_FIXERS = ("except", "exec", "ne", "numliterals", "paren", "print", "raise", "repr", "throw", "tuple_params")


class ScriptError(Exception):
    """A script that is neither Python 3 nor Python 2.

    file, line, column  where, counted from 1
    """

    def __init__(self, message: str, file: str, line: int, column: int = 1) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.message = message
        self.file = file
        self.line = line
        self.column = column


class TranslatorMissing(Exception):
    """The script is Python 2, and the package that translates it is not installed."""


class Import(NamedTuple):
    """A module that a script imports; `certain` says that it does so whatever happens before."""

    module: str
    line: int
    certain: bool

    @property
    def is_java(self) -> bool:
        """Whether only a JVM has it."""
        first, dot, _ = self.module.partition(".")
        return first in ("java", "javax") or (bool(dot) and first in ("com", "org"))

    @property
    def is_refused(self) -> bool:
        return self.module in REFUSED_MODULES or self.module.startswith("os.")


def compile_python(name: str, source: bytes) -> tuple[CodeType, tuple[Import, ...]]:
    """The code of a script, and what it imports. Raises ScriptError, or TranslatorMissing."""
    text = source.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    tree = _parse(name, text)
    divides = not any(
        isinstance(node, ast.ImportFrom)
        and node.module == "__future__"
        and any(alias.name == "division" for alias in node.names)
        for node in tree.body
    )
    imported = tuple(_imports(tree))
    rewritten = ast.fix_missing_locations(_Rewrite(divides).visit(tree))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return compile(rewritten, name, "exec", dont_inherit=True), imported
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise _script_error(name, error) from None


def _parse(name: str, text: str) -> ast.Module:
    try:
        return _parse3(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        first = error
    if isinstance(first, RecursionError | MemoryError):
        raise _script_error(name, first)
    # Python 2 lets tabs and blanks indent one block, a tab reaching to the next multiple of eight
    expanded = re.sub(r"^[ \t]*\t[ \t]*", lambda match: match[0].expandtabs(8), text, flags=re.MULTILINE)
    try:
        return _parse3(translate(name, expanded))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise _script_error(name, first) from None


def _parse3(text: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def translate(name: str, text: str) -> str:
    """A Python 2 script in Python 3's syntax. Raises ScriptError or TranslatorMissing."""
    try:
        # an extra, and slow to load: few scripts need it
        from fissix import refactor
        from fissix.pgen2.parse import ParseError
        from fissix.pgen2.tokenize import TokenError
    except ImportError:
        raise TranslatorMissing(name) from None
    tool = refactor.RefactoringTool([f"fissix.fixes.fix_{fixer}" for fixer in _FIXERS])
    try:
        return str(tool.refactor_string(text if text.endswith("\n") else text + "\n", name))
    except ParseError as error:
        line, column = error.context[1] if error.context else (1, 0)
        found = (error.value or "").strip() or "end of line"
        raise ScriptError(f"invalid syntax at {found}", name, line, column + 1) from None
    except TokenError as error:
        message, (line, column) = error.args
        raise ScriptError(str(message), name, line, column + 1) from None
    except IndentationError as error:
        raise _script_error(name, error) from None


def _script_error(name: str, error: Exception) -> ScriptError:
    if isinstance(error, SyntaxError):
        return ScriptError(error.msg, name, error.lineno or 1, error.offset or 1)
    text = str(error) if isinstance(error, ValueError) else "the script is nested too deeply"
    return ScriptError(text, name, 1)


class _Rewrite(ast.NodeTransformer):
    """Puts calls of the worker's functions in place of what means something else in Python 3."""

    def __init__(self, divides: bool) -> None:
        self.divides = divides

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        """Print statements that are expressions in Python 3: `print`, `print >>file, x` and `print (x), y`."""
        self.generic_visit(node)
        first, *rest = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
        if _is_print(first):
            node.value = self._call(node, "print", [])
        elif isinstance(first, ast.BinOp) and isinstance(first.op, ast.RShift) and _is_print(first.left):
            node.value = self._call(node, "print", rest)
            node.value.keywords.append(ast.keyword("file", first.right))
        elif rest and isinstance(first, ast.Call) and _is_print(first.func):
            node.value = self._call(node, "print", [*first.args, *rest])
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if self.divides and isinstance(node.op, ast.Div):
            return self._call(node, DIVIDE, [node.left, node.right])
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        self.generic_visit(node)
        target = node.target
        if self.divides and isinstance(node.op, ast.Div) and isinstance(target, ast.Name):
            read = ast.copy_location(ast.Name(target.id, ast.Load()), node)
            value = self._call(node, DIVIDE, [read, node.value])
            return ast.copy_location(ast.Assign([target], value), node)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        self.generic_visit(node)
        if node.attr in ATTRIBUTES and isinstance(node.ctx, ast.Load):
            return self._call(node, ATTRIBUTE, [node.value, ast.Constant(node.attr)])
        return node

    @staticmethod
    def _call(place: ast.expr | ast.stmt, name: str, arguments: list[ast.expr]) -> ast.Call:
        return ast.copy_location(ast.Call(ast.Name(name, ast.Load()), arguments, []), place)


def _is_print(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "print"


def _imports(tree: ast.Module) -> Iterator[Import]:
    # a try statement may expect the failure, so what stands in one is as uncertain as what stands in a branch
    certain = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, id(node) in certain)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield Import(node.module, node.lineno, id(node) in certain)
