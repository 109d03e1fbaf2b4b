"""From a template to the Python function that expands it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_runtime.expression.template.failure import CallFailed
from apiproxy_runtime.expression.template.functions import FUNCTIONS, Function
from apiproxy_runtime.expression.template.nodes import (
    Call,
    Literal,
    ParsedTemplate,
    TemplateWarning,
    Text,
    Variable,
)
from apiproxy_runtime.expression.template.parser import TemplateSyntaxError, parse_template
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.world import World

__all__ = ["Template", "TemplateSyntaxError", "TemplateWarning", "UnresolvedVariable", "compile_template"]

Getter = Callable[[MessageContext], Any]
Render = Callable[[MessageContext], str]


class UnresolvedVariable(Exception):
    """A reference without a default led nowhere; `name` is the variable's, or a failed call's text."""

    def __init__(self, name: str, reason: str | None = None) -> None:
        super().__init__(f"{name}: {reason}" if reason else name)
        self.name = name
        self.reason = reason


class Template:
    """A compiled message template.

    text       as written
    constant   the whole result when it refers to nothing, else None
    render     context → text; what does not resolve is empty (`IgnoreUnresolvedVariables` true)
    strict     the same, but raises UnresolvedVariable
    variables  the names it reads
    warnings   what deploys but hardly does what was meant

    `render` and `strict` are generated when first asked for, as policies need one of them: take it when you compile.
    """

    __slots__ = ("_generate", "constant", "render", "strict", "text", "variables", "warnings")

    render: Render
    strict: Render

    def __init__(self, text: str, parsed: ParsedTemplate, generate: Callable[[bool], Render]) -> None:
        self.text = text
        self.variables = parsed.variables
        self.warnings = parsed.warnings
        plain = [node.text for node in parsed.nodes if isinstance(node, Text)]
        self.constant = "".join(plain) if len(plain) == len(parsed.nodes) else None
        self._generate = generate

    def __getattr__(self, name: str) -> Render:
        if name == "render":
            self.render = self._generate(False)
            return self.render
        if name == "strict":
            self.strict = self._generate(True)
            return self.strict
        raise AttributeError(name)


def compile_template(
    text: str,
    getter: Callable[[str], Getter],
    *,
    world: World,
    prefix: str | None = None,
    suffix: str | None = None,
    quotes: bool = False,
) -> Template:
    """Compile a message template (message templates page).

    getter          name → the function that reads that flow variable, None meaning unset
    world           where functions take time, ids and randomness from
    prefix, suffix  the old delimiters of a Payload, which replace the braces
    quotes          double quotes around the whole template are not part of it (headers, parameters)

    Raises TemplateSyntaxError.
    """
    parsed = parse_template(text, prefix=prefix, suffix=suffix, quotes=quotes)
    return Template(text, parsed, lambda strict: _function(parsed, getter, world, strict))


def _function(parsed: ParsedTemplate, getter: Callable[[str], Getter], world: World, strict: bool) -> Render:
    """Generate a function that reads each variable once and joins the parts in one f-string."""
    scope: dict[str, Any] = {"text_of": text_of, "UnresolvedVariable": UnresolvedVariable}
    lines, result = list[str](), list[str]()
    known = dict[tuple[str, str | None], str]()
    for node in parsed.nodes:
        if isinstance(node, Text):
            result.append(_f_string_text(node.text))
            continue
        if isinstance(node, Call):
            name = f"v{len(scope)}"
            scope[f"f_{name}"] = _call(node, getter, world, strict)
            lines.append(f"    {name} = f_{name}(ctx)")
        else:
            key = (node.name, node.default)
            name = known.get(key, "")
            if not name:
                name = known[key] = f"v{len(scope)}"
                scope[f"f_{name}"] = getter(node.name)
                lines += _variable_lines(node, name, strict)
        result.append(f"{{{name}}}")
    source = "\n".join(["def expand(ctx):", *lines, f"    return f'{''.join(result)}'"])
    exec(compile(source, "<message template>", "exec"), scope)
    expand: Render = scope["expand"]
    return expand


def _variable_lines(node: Variable, name: str, strict: bool) -> list[str]:
    lines = [f"    {name} = f_{name}(ctx)", f"    if {name}.__class__ is not str:"]
    if node.default is not None:
        return [*lines, f"        {name} = {node.default!r} if {name} is None else text_of({name})"]
    if strict:
        lines.append(f"        if {name} is None: raise UnresolvedVariable({node.name!r})")
    return [*lines, f"        {name} = text_of({name})"]


def _f_string_text(text: str) -> str:
    # With a double quote in front, repr always chooses single quotes, and escapes those in the text.
    return repr('"' + text)[2:-1].replace("{", "{{").replace("}", "}}")


def _call(node: Call, getter: Callable[[str], Getter], world: World, strict: bool) -> Render:
    function = FUNCTIONS[node.function]
    call, source = function.call, node.source
    arguments = [_argument(argument, getter, strict, function.nulls) for argument in node.arguments]
    if not function.least <= len(arguments) <= function.most:

        def call_with_wrong_arity(ctx: MessageContext) -> str:
            if strict:
                raise UnresolvedVariable(source, f"{function.name}() takes {function.arity}")
            return ""

        return call_with_wrong_arity

    def lenient_call(ctx: MessageContext) -> str:
        try:
            return call(world, [argument(ctx) for argument in arguments]) or ""
        except CallFailed:
            return ""

    def strict_call(ctx: MessageContext) -> str:
        try:
            result = call(world, [argument(ctx) for argument in arguments])
        except CallFailed as error:
            raise UnresolvedVariable(source, str(error)) from None
        if result is None:
            raise UnresolvedVariable(source, "no argument is set")
        return result

    call_it = strict_call if strict else lenient_call
    return _of_message(node, function, getter, call_it) or call_it


def _of_message(
    node: Call, function: Function, getter: Callable[[str], Getter], otherwise: Render
) -> Render | None:
    """The function of a message's content, asked of the message itself, where it knows a faster way."""
    document, others = node.arguments[1:2], (*node.arguments[:1], *node.arguments[2:])
    constants = [argument.text for argument in others if isinstance(argument, Literal)]
    if function.of_message is None or not document or len(constants) < len(others):
        return None
    content = document[0]
    if not isinstance(content, Variable) or not content.name.endswith(".content"):
        return None
    try:
        ask = function.of_message(*constants)
    except ValueError:
        return None
    get_message = getter(content.name.removesuffix(".content"))

    def call_of_message(ctx: MessageContext) -> str:
        message = get_message(ctx)
        if message.__class__ is Message:
            try:
                return ask(message)
            except CallFailed:
                pass
        return otherwise(ctx)

    return call_of_message


def _argument(
    argument: Literal | Variable, getter: Callable[[str], Getter], strict: bool, nulls: bool
) -> Callable[[MessageContext], str | None]:
    if isinstance(argument, Literal):
        literal = argument.text
        return lambda ctx: literal
    get, name, default = getter(argument.name), argument.name, argument.default
    # Where unresolved variables are ignored, a name that is no variable stands for itself: {substring(ABC,1)}.
    fallback = default if default is not None or nulls else name
    # Published templates write jsonPath's last argument without quotes, also where unresolved variables are faults.
    fails = strict and default is None and not nulls and name not in ("true", "false")

    def value(ctx: MessageContext) -> str | None:
        found = get(ctx)
        if found is not None:
            return text_of(found)
        if fails:
            raise UnresolvedVariable(name)
        return fallback

    return value
