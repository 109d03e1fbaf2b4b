"""What ExtractVariables reads a message with: patterns for headers, parameters, paths and variables.

An `Extract` gets the context and the value of `<Source>`, and sets what it finds. Source: ExtractVariables policy
reference and its troubleshooting pages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from msgspec import Struct

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Element,
    Fault,
    Message,
    MessageContext,
    Node,
    Pattern,
    PatternError,
    Policy,
    Site,
    attribute,
    compile_pattern,
    many,
    one_of,
    text,
    text_of,
    variables,
)

Extract = Callable[[MessageContext, Any], None]
Put = Callable[[MessageContext, object], None]
Type = Literal["string", "boolean", "integer", "long", "float", "double", "nodeset"]

MISSING_NAME = "Error occurred while validation of bean {policy}.xml. Reason: - Required attribute name is missing in {element}"
TYPES = one_of("string", "boolean", "integer", "long", "float", "double", "nodeset")


class Extraction(Struct, frozen=True):
    """How the parts of one policy are compiled.

    source   name of the variable that is read, `message` by default
    prefix   of the variables that are set, empty for none
    lenient  whether what does not resolve is passed over
    """

    site: Site
    policy: Policy
    source: str
    prefix: str
    lenient: bool

    def fault(self, name: str, /, **values: object) -> Fault:
        return self.policy.fault(name, **values)

    def writer(self, name: str, node: Node) -> Put:
        """What sets a variable. A value that stands where the name has a dot keeps it from being set."""
        full = f"{self.prefix}.{name}" if self.prefix else name
        if variables.read_only(full):
            self.site.warning(
                node,
                "ImmutableVariable",
                f'"{full}" is a read-only variable; the policy fails when it extracts a value',
                "Choose another name, or set a VariablePrefix.",
            )

            def refuse(ctx: MessageContext, value: object) -> None:
                raise self.fault("ImmutableVariable", variable=full)

            return refuse
        put = self.site.setter(full)
        parts = full.split(".")
        parents = tuple(".".join(parts[:count]) for count in range(1, len(parts)))

        def write(ctx: MessageContext, value: object) -> None:
            held = ctx.variables
            for parent in parents:
                if parent in held and held[parent] is not None and held[parent].__class__ is not Message:
                    raise self.fault("SetVariableFailed", variable=full, value=text_of(value))
            put(ctx, value)

        return write

    def error(self, node: Node, name: str, cure: str, /, **values: object) -> None:
        """A deploy error; the place in the environment, which some messages tell, is filled in."""
        at = self.site.deployment
        place = {"rev": at.revision, "proxy": at.proxy, "org": at.organization, "env": at.environment}
        self.site.error(node, name, cure, **place, **values)


# ---- patterns


class PatternText(Element):
    """`{name}` captures, `*` is any run of characters (one path segment in URIPath), `**` several segments."""

    ignore_case: bool = attribute("ignoreCase", BOOLEAN, default=False, doc="match letters in either case")
    pattern: str = text(default="")


CompiledPattern = tuple[Pattern, tuple[tuple[str, Put], ...]]


def _compile_patterns(
    patterns: tuple[PatternText, ...], extraction: Extraction, *, path: bool
) -> list[CompiledPattern]:
    compiled = []
    for item in patterns:
        try:
            pattern = compile_pattern(item.pattern, path=path, ignore_case=item.ignore_case)
        except PatternError as error:
            extraction.error(item.node, error.error, error.message, pattern=item.pattern)
            continue
        puts = tuple((name, extraction.writer(name, item.node)) for name in dict.fromkeys(pattern.variables))
        compiled.append((pattern, puts))
    return compiled


def _first_match(ctx: MessageContext, value: str, patterns: list[CompiledPattern]) -> None:
    for pattern, puts in patterns:
        found = pattern.match(value)
        if found is not None:
            for name, put in puts:
                put(ctx, found[name])
            return


class URIPath(Element):
    """Patterns for `proxy.pathsuffix` of a request. Of those that match, the one with the most segments counts."""

    tag = "URIPath"
    patterns: tuple[PatternText, ...] = many("Pattern", PatternText)

    def compile(self, extraction: Extraction) -> Extract | None:
        patterns = _compile_patterns(self.patterns, extraction, path=True)
        if not patterns:
            return None
        patterns.sort(key=lambda item: -item[0].segments)
        path = extraction.site.getter("proxy.pathsuffix")

        def uri_path(ctx: MessageContext, source: Any) -> None:
            if source.__class__ is Message and source.is_request:
                _first_match(ctx, text_of(path(ctx)), patterns)

        return uri_path


class _Named(Element):
    """Patterns for one header, parameter or variable; the first that matches counts."""

    name: str = attribute("name", required=True, default="", error="MissingName", message=MISSING_NAME)
    patterns: tuple[PatternText, ...] = many("Pattern", PatternText)

    def variable(self, source: str) -> str:
        return self.name

    def compile(self, extraction: Extraction) -> Extract | None:
        patterns = _compile_patterns(self.patterns, extraction, path=False)
        if not patterns or not self.name:
            return None
        name = self.variable(extraction.source)
        get = extraction.site.getter(name)

        def named(ctx: MessageContext, source: Any) -> None:
            value = get(ctx)
            if value.__class__ is Message:
                raise extraction.fault("UnsupportedOperation", variable=name)
            if value is not None:
                _first_match(ctx, text_of(value), patterns)

        return named


class QueryParam(_Named):
    """A query parameter of a request; `w.2` is its second value."""

    tag = "QueryParam"

    def variable(self, source: str) -> str:
        return f"{source}.queryparam.{self.name}"


class Header(_Named):
    """A header; `h.2` is its second value, `h.values` all of them."""

    tag = "Header"

    def variable(self, source: str) -> str:
        return f"{source}.header.{self.name}"


class FormParam(_Named):
    """A parameter of a form-encoded body."""

    tag = "FormParam"

    def variable(self, source: str) -> str:
        return f"{source}.formparam.{self.name}"


class Variable(_Named):
    """Any flow variable, whatever the Source."""

    tag = "Variable"


class Path(Element):
    """A `<JSONPath>` or `<XPath>`."""

    expression: str = text(default="")
