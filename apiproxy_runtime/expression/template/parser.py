"""From a template's text to its nodes."""

from __future__ import annotations

import re

from apiproxy_runtime.expression.template.functions import FUNCTIONS, Function
from apiproxy_runtime.expression.template.lexer import Span, arguments, spans
from apiproxy_runtime.expression.template.nodes import (
    Call,
    Literal,
    Node,
    ParsedTemplate,
    TemplateWarning,
    Text,
    Variable,
)

_COULD_BE_A_NAME = re.compile(r"[A-Za-z_][^\s'\"()\[\]{}]*")
#: The brace of a JSON object behind a backslash.
_OLD_ESCAPE = re.compile(r"(?<!\\)\\\{(?=\s*\"|\\?\})")


class TemplateSyntaxError(ValueError):
    """A template that Apigee does not deploy.

    offset  characters from the template's start
    name    Apigee's name of the error (`entities.UnknownStringFunction`), where it has one
    """

    def __init__(self, message: str, offset: int, name: str | None = None) -> None:
        super().__init__(f"{message} (at character {offset + 1})")
        self.message = message
        self.offset = offset
        self.name = name


def parse_template(
    text: str, *, prefix: str | None = None, suffix: str | None = None, quotes: bool = False
) -> ParsedTemplate:
    """Parse a template (message templates page).

    prefix, suffix  the old delimiters of a Payload (`variablePrefix`, `variableSuffix`); with both given, braces
                    are text
    quotes          strip one pair of double quotes that wraps the whole template, as in a header's value

    Raises TemplateSyntaxError for an unknown function. Offsets always count from the start of `text`.
    """
    opening, closing = (prefix, suffix) if prefix and suffix else ("{", "}")
    warnings = list[TemplateWarning]()
    nodes = list[Node]()
    done = 0
    for span in spans(text, opening, closing, warnings):
        if span.start > done:
            nodes.append(Text(text[done : span.start]))
        nodes.append(_reference(text, span, len(opening), len(closing), warnings))
        done = span.end
    if done < len(text):
        nodes.append(Text(text[done:]))
    if opening == "{" and _OLD_ESCAPE.search(text):
        nodes = [_unescaped(node) if isinstance(node, Text) else node for node in nodes]
    if quotes:
        nodes = _unquoted(nodes)
    warnings.sort(key=lambda warning: warning.offset)
    return ParsedTemplate(tuple(nodes), tuple(warnings))


def _reference(
    text: str, span: Span, opening: int, closing: int, warnings: list[TemplateWarning]
) -> Variable | Call:
    if span.arguments is None:
        return Variable(span.name, span.default, span.start)
    function = FUNCTIONS.get(span.name)
    if function is None:
        raise TemplateSyntaxError(
            f"there is no template function {span.name}()", span.start, "entities.UnknownStringFunction"
        )
    found = tuple(
        _argument(text, start, end, colon, warnings) for start, end, colon in arguments(text, *span.arguments)
    )
    _check_call(text, span, function, found, warnings)
    return Call(span.name, found, text[span.start + opening : span.end - closing], span.start)


def _argument(
    text: str, start: int, end: int, colon: int, warnings: list[TemplateWarning]
) -> Literal | Variable:
    argument = text[start:end]
    if len(argument) > 1 and argument[0] == argument[-1] == "'" and "'" not in argument[1:-1]:
        literal = argument[1:-1]
        if ":" in literal:
            warnings.append(
                TemplateWarning(
                    "put text with a colon into a variable: Apigee may take it for a default", start
                )
            )
        return Literal(literal, start)
    if colon >= 0:
        return Variable(text[start:colon].rstrip(), text[colon + 1 : end], start)
    if argument.partition("(")[0] in FUNCTIONS and argument.endswith(")"):
        message = "functions cannot be nested: assign the inner one to a variable first"
    elif argument.startswith('"'):
        message = "text in a call is quoted with single quotes"
    elif not _COULD_BE_A_NAME.fullmatch(argument):
        message = (
            f"{argument!r} is looked up as a variable: it stands for itself only where unresolved variables are "
            "ignored; quote it or use a variable"
        )
    else:
        return Variable(argument, None, start)
    warnings.append(TemplateWarning(message, start))
    return Variable(argument, None, start)


def _check_call(
    text: str,
    span: Span,
    function: Function,
    found: tuple[Literal | Variable, ...],
    warnings: list[TemplateWarning],
) -> None:
    assert span.arguments is not None
    start, end = span.arguments
    if not function.least <= len(found) <= function.most:
        warnings.append(
            TemplateWarning(
                f"{span.name}() takes {function.arity}, not {len(found)}: it will fail", span.start
            )
        )
    if not found and end > start:
        warnings.append(TemplateWarning(f"nothing may stand between the parentheses of {span.name}()", start))
    for position, check in function.checks.items():
        if position < len(found):
            argument = found[position]
            if isinstance(argument, Literal):
                try:
                    check(argument.text)
                except ValueError as error:
                    warnings.append(TemplateWarning(f"{span.name}() will fail: {error}", argument.offset))


def _unescaped(node: Text) -> Text:
    """Without the backslashes that JSON's braces needed before Edge 16.08.17; payloads that have them work on.

    Source: release notes of Apigee Edge 16.08.17, APIRT-1160.
    """
    return Text(_OLD_ESCAPE.sub("{", node.text).replace("\\}", "}"))


def _unquoted(nodes: list[Node]) -> list[Node]:
    """Without the double quotes around the whole, if that is what they are: none inside, and a reference."""
    if len(nodes) < 3:
        return nodes
    first, last, inner = nodes[0], nodes[-1], nodes[1:-1]
    if not isinstance(first, Text) or not isinstance(last, Text):
        return nodes
    head, tail = first.text.lstrip(), last.text.rstrip()
    quotes = sum(node.text.count('"') for node in nodes if isinstance(node, Text))
    if quotes != 2 or not head.startswith('"') or not tail.endswith('"'):
        return nodes
    ends = [Text(head[1:]), *inner, Text(tail[:-1])]
    return [node for node in ends if not isinstance(node, Text) or node.text]
