"""What a message template consists of."""

from __future__ import annotations

from msgspec import Struct


class Text(Struct, frozen=True):
    """Text that is copied as it stands."""

    text: str


class Variable(Struct, frozen=True):
    """`{name}` or `{name:default}`; `offset` is where the reference opens."""

    name: str
    default: str | None
    offset: int


class Literal(Struct, frozen=True):
    """A function's argument in single quotes."""

    text: str
    offset: int


class Call(Struct, frozen=True):
    """`{function(arg,arg)}`; `source` is the text between the delimiters."""

    function: str
    arguments: tuple[Literal | Variable, ...]
    source: str
    offset: int


Node = Text | Variable | Call


class TemplateWarning(Struct, frozen=True):
    """Something that deploys but hardly does what was meant; `offset` counts characters from the template's start."""

    message: str
    offset: int


class ParsedTemplate(Struct, frozen=True):
    nodes: tuple[Node, ...]
    warnings: tuple[TemplateWarning, ...]

    @property
    def variables(self) -> tuple[str, ...]:
        """The names it reads, each once, in order of first appearance."""
        names = dict[str, None]()
        for node in self.nodes:
            if isinstance(node, Variable):
                names[node.name] = None
            elif isinstance(node, Call):
                names.update((arg.name, None) for arg in node.arguments if isinstance(arg, Variable))
        return tuple(names)
