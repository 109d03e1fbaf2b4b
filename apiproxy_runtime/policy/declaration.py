"""Declarations: the fields of a class say which XML an element may hold.

    class SpikeArrest(Policy):
        rate: Value[str] = child("Rate", ref=True, required=True, doc="how many messages in which interval")

From the fields alone come the parser, the deploy-time errors with file and line, the linter's schema findings, the
reference pages, the support table and the schema for editors. A declaration knows no request.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Any, ClassVar, Generic, Literal, TypeVar

from msgspec import Struct

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.policy.kinds import BOOLEAN, TEXT, Kind

T = TypeVar("T")
Shape = Literal["attribute", "text", "child", "children", "element", "elements", "sequence"]


class Field(Struct):
    """One place in the XML: an attribute, the element's own text, a child with text, or a nested element."""

    shape: Shape
    tag: str
    kind: Kind
    default: Any
    required: bool
    ref: bool
    template: bool
    doc: str
    error: str
    message: str
    cure: str
    element: type[Element] | None = None
    sequence: tuple[type[Element], ...] = ()
    aliases: tuple[str, ...] = ()
    name: str = ""

    @property
    def many(self) -> bool:
        return self.shape in ("children", "elements", "sequence")

    @property
    def valued(self) -> bool:
        """Whether the parsed field is a `Value` (it may depend on flow variables) and not the literal itself."""
        return self.ref or self.template


class Value(Generic[T]):
    """A setting that may come from a flow variable (`ref`) or hold a message template.

    text     the element's text, None when empty; with `ref` it is the fallback
    ref      name of the flow variable, None without
    literal  the parsed text, when that can be known at deploy time
    """

    __slots__ = ("default", "kind", "literal", "node", "ref", "template", "text")

    def __init__(
        self,
        node: Node,
        text: str | None,
        ref: str | None,
        kind: Kind,
        template: bool,
        literal: T | None,
        default: T | None,
    ) -> None:
        self.node = node
        self.text = text
        self.ref = ref
        self.kind = kind
        self.template = template
        self.literal = literal
        self.default = default

    def convert(self, value: Any) -> T:
        """A resolved value as this setting's kind. Raises ValueError."""
        text = text_of(value)
        converted: T = self.kind.parse(text if self.kind.keep_blanks else text.strip())
        return converted

    def __repr__(self) -> str:
        return f"Value(text={self.text!r}, ref={self.ref!r})"


def _field(shape: Shape, tag: str, kind: Kind, **rest: Any) -> Any:
    settings = {
        "default": None,
        "required": False,
        "ref": False,
        "template": False,
        "doc": "",
        "error": "",
        "message": "",
        "cure": "",
    }
    return Field(shape=shape, tag=tag, kind=kind, **(settings | rest))


def attribute(tag: str, kind: Kind = TEXT, **rest: Any) -> Any:
    """An attribute of this element. Keywords: default, required, doc, error, message, cure."""
    return _field("attribute", tag, kind, **rest)


def text(kind: Kind = TEXT, **rest: Any) -> Any:
    """The element's own text. With ref=True the `ref` attribute is read too."""
    return _field("text", "", kind, **rest)


def child(tag: str, kind: Kind = TEXT, **rest: Any) -> Any:
    """A child element that holds text (and a `ref` attribute with ref=True), at most once."""
    return _field("child", tag, kind, **rest)


def children(tag: str, kind: Kind = TEXT, **rest: Any) -> Any:
    """Child elements that hold text, any number of them: a tuple."""
    return _field("children", tag, kind, **rest)


def nested(tag: str, element: type[Element], **rest: Any) -> Any:
    """A child element with a declaration of its own, at most once: an instance or None."""
    return _field("element", tag, TEXT, element=element, **rest)


def many(tag: str, element: type[Element], **rest: Any) -> Any:
    """Child elements with a declaration of their own, any number: a tuple."""
    return _field("elements", tag, TEXT, element=element, **rest)


def sequence(*elements: type[Element], **rest: Any) -> Any:
    """Child elements of several kinds whose order in the document matters: one tuple of instances."""
    return _field("sequence", "|".join(element.tag for element in elements), TEXT, sequence=elements, **rest)


class Element:
    """An XML element with a declaration. Subclasses declare fields; `parse` fills them.

    tag       the element's name where it is a member of a `sequence`, or the root of a policy
    ignored   children that bundles carry and Apigee ignores: no warning for them
    open      any child is allowed (nobody reads them here)
    """

    tag: ClassVar[str] = ""
    ignored: ClassVar[tuple[str, ...]] = ()
    open: ClassVar[bool] = False
    fields: ClassVar[tuple[Field, ...]] = ()
    _tags: ClassVar[dict[str, Field]] = {}

    node: Node

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        found = {field.name: field for field in cls.fields}
        for name, value in vars(cls).items():
            if isinstance(value, Field):
                value.name = name
                found[name] = value
        cls.fields = tuple(found.values())
        cls._tags = {}
        for field in cls.fields:
            if field.shape == "sequence":
                cls._tags.update((element.tag, field) for element in field.sequence)
            elif field.shape not in ("attribute", "text"):
                cls._tags.update((tag, field) for tag in (field.tag, *field.aliases))

    @classmethod
    def parse(cls: type[E], node: Node, findings: Findings) -> E:
        """Read the element; what is wrong with it goes to `findings`, and the field gets its default."""
        self = cls()
        self.node = node
        values: dict[str, list[Any]] = {}
        for child_node in node.children:
            field = cls._tags.get(child_node.tag)
            if field is None:
                _unknown_child(cls, child_node, findings)
                continue
            values.setdefault(field.name, []).append(_read_child(field, child_node, findings))
        for field in cls.fields:
            setattr(self, field.name, _settle(field, node, values.get(field.name), findings))
        known = {field.tag for field in cls.fields if field.shape == "attribute"}
        if any(field.shape == "text" and field.ref for field in cls.fields):
            known.add("ref")
        for name in node.attributes:
            if name not in known and not cls.open and name != "xmlns" and ":" not in name:
                findings.warning(
                    node,
                    "UnknownAttribute",
                    f'<{node.tag}> has no attribute "{name}"',
                    _did_you_mean(name, known) or "Remove it; Apigee ignores it.",
                )
        return self

    def place(self, tag: str) -> Node:
        """Where to report what is wrong with a child: its node, or this element's own where there is none."""
        return self.node.child(tag) or self.node


E = TypeVar("E", bound=Element)


def _read_child(field: Field, node: Node, findings: Findings) -> Any:
    if field.shape == "sequence":
        element = next(element for element in field.sequence if element.tag == node.tag)
        return element.parse(node, findings)
    if field.element is not None:
        return field.element.parse(node, findings)
    return _read_text(field, node, findings)


def _read_text(field: Field, node: Node, findings: Findings) -> Any:
    """The value of an element with text: the literal, or a `Value` where it may depend on variables."""
    raw = node.text if field.kind.keep_blanks else node.text.strip()
    ref = (node.attributes.get("ref", "").strip() or None) if field.ref else None
    if not raw.strip():
        if field.required and ref is None:
            _complain(field, node, findings, f"<{node.tag}> is empty", raw)
        if field.valued:
            return Value(node, None, ref, field.kind, field.template, None, field.default)
        return field.kind.parse(raw) if field.kind in (TEXT,) and field.default is None else field.default
    literal = None
    if not (field.template and "{" in raw):
        try:
            literal = field.kind.parse(raw)
        except (ValueError, ArithmeticError):
            _complain(field, node, findings, f'<{node.tag}> must be {field.kind.describe}, not "{raw}"', raw)
            literal = field.default
    if field.valued:
        return Value(node, raw, ref, field.kind, field.template, literal, field.default)
    return literal


def _settle(field: Field, node: Node, found: list[Any] | None, findings: Findings) -> Any:
    if field.shape == "attribute":
        return _attribute(field, node, findings)
    if field.shape == "text":
        value = _read_text(field, node, findings)
        return field.default if value is None else value
    if found is None:
        if field.required:
            _complain(field, node, findings, f"<{node.tag}> needs a <{field.tag}>", "")
        if field.many:
            return ()
        if field.valued and field.default is not None:
            return Value(node, None, None, field.kind, field.template, None, field.default)
        return field.default
    if field.many:
        return tuple(found)
    if len(found) > 1:
        findings.warning(
            node,
            "RepeatedElement",
            f"<{field.tag}> stands {len(found)} times in <{node.tag}>",
            "Keep one; the first counts.",
        )
    return found[0]


def _attribute(field: Field, node: Node, findings: Findings) -> Any:
    raw = node.attributes.get(field.tag)
    if raw is None or (field.required and not raw.strip()):
        if field.required:
            _complain(field, node, findings, f'<{node.tag}> needs the attribute "{field.tag}"', "")
        return field.default
    try:
        return field.kind.parse(raw.strip())
    except (ValueError, ArithmeticError):
        _complain(
            field,
            node,
            findings,
            f'{field.tag} of <{node.tag}> must be {field.kind.describe}, not "{raw}"',
            raw,
        )
        return field.default


def _complain(field: Field, node: Node, findings: Findings, what: str, value: str) -> None:
    message = (
        field.message.replace("{element}", node.tag).replace("{value}", value) if field.message else what
    )
    cure = field.cure or (what + "." if field.message else f"Write {field.kind.describe}.")
    findings.error(node, field.error or "InvalidElement", message, cure)


def _unknown_child(cls: type[Element], node: Node, findings: Findings) -> None:
    if cls.open or node.tag in cls.ignored:
        return
    findings.warning(
        node,
        "UnknownElement",
        f"<{node.tag}> is not known here",
        _did_you_mean(node.tag, cls._tags) or "Remove it; Apigee ignores it.",
    )


def _did_you_mean(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, list(known), 1)
    return f'Did you mean "{close[0]}"?' if close else ""


def walk(cls: type[Element], seen: frozenset[type[Element]] = frozenset()) -> Iterator[tuple[str, Field]]:
    """Every field below a declaration with its path (`Set/Headers/Header`), for references and schemas."""
    if cls in seen:
        return
    for field in cls.fields:
        yield field.tag, field
        for element in (field.element, *field.sequence):
            if element is not None:
                prefix = element.tag if field.shape == "sequence" else field.tag
                for path, inner in walk(element, seen | {cls}):
                    yield f"{prefix}/{path}" if path else prefix, inner


#: fields that every policy's root element may hold and the runtime does not read
COMMON_IGNORED = ("DisplayName", "Description", "Properties", "FaultRules")
__all__ = [
    "BOOLEAN",
    "COMMON_IGNORED",
    "Element",
    "Field",
    "Value",
    "attribute",
    "child",
    "children",
    "many",
    "nested",
    "sequence",
    "text",
    "walk",
]
