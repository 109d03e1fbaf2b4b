"""The XML Schema (1.0) of all files of a bundle, made from the declarations: for editors that complete and explain.

Children stand in any order, as Apigee reads them. A word that is no choice, a number that is none, a missing or unknown
name are marked; what depends on more than one place is the linter's business. XSD 1.0, since few editors read 1.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.sax.saxutils import escape, quoteattr

from apiproxy_runtime.policy.declaration import Element, Field
from apiproxy_runtime.policy.kinds import BOOLEAN, Kind
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.reference.elements import one_line, summary

_INTEGER = r"\s*[+\-]?\d+\s*"
#: Text of any kind: what may hold a message template, or nothing because a `ref` stands in its place.
_TEXT = "xs:string"


def schema(roots: Iterable[type[Element]]) -> str:
    """One schema document with a global element for each root; no target namespace, since bundles have none."""
    writer = _Writer()
    declared = [line for root in roots for line in writer.root(root)]
    return "\n".join(
        [
            '<?xml version="1.0" encoding="UTF-8"?>',
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">',
            *declared,
            *writer.types,
            "</xs:schema>",
            "",
        ]
    )


class _Writer:
    def __init__(self) -> None:
        self.types: list[str] = []
        self._names: dict[type[Element], str] = {}
        self._simple: dict[str, str] = {}

    def root(self, element: type[Element]) -> list[str]:
        tags = [element.tag, *(element.aliases if issubclass(element, Policy) else ())]
        address = element.docs if issubclass(element, Policy) else ""
        return [
            line
            for tag in tags
            for line in (
                f"  <xs:element name={quoteattr(tag)} type={quoteattr(self.type_of(element))}>",
                *_documented(f"{summary(element)} {address}".strip(), 4),
                "  </xs:element>",
            )
        ]

    def type_of(self, element: type[Element]) -> str:
        """The name of the type of a declaration, which is written when it is first asked for."""
        name = self._names.get(element)
        if name is None:
            name = element.__name__
            taken = set(self._names.values())
            while name in taken:
                name += "_"
            self._names[element] = name
            self.types += self._complex(name, element)
        return name

    def _complex(self, name: str, element: type[Element]) -> list[str]:
        """An element with children, or with text and attributes only."""
        attributes = [line for field in element.fields for line in self._attribute(field)]
        text = next((field for field in element.fields if field.shape == "text"), None)
        if text is not None and text.ref:
            attributes.append('    <xs:attribute name="ref" type="xs:string"/>')
        particles = [line for field in element.fields for line in self._particles(field)]
        ignored = [
            f'      <xs:element name={quoteattr(tag)} type="xs:anyType"/>' for tag in _ignored(element)
        ]
        head = f"  <xs:complexType name={quoteattr(name)}"
        if element.open:
            anything = '<xs:any minOccurs="0" maxOccurs="unbounded" processContents="skip"/>'
            others = '    <xs:anyAttribute processContents="skip"/>'
            return [
                f'{head} mixed="true">',
                f"    <xs:sequence>{anything}</xs:sequence>",
                *attributes,
                others,
                "  </xs:complexType>",
            ]
        if not particles and not ignored and text is not None:
            base = self._simple_type(text)
            return [
                f"{head}>",
                f"    <xs:simpleContent><xs:extension base={quoteattr(base)}>",
                *attributes,
                "    </xs:extension></xs:simpleContent>",
                "  </xs:complexType>",
            ]
        mixed = ' mixed="true"' if text is not None else ""
        return [
            f"{head}{mixed}>",
            '    <xs:choice minOccurs="0" maxOccurs="unbounded">',
            *particles,
            *ignored,
            "    </xs:choice>",
            *attributes,
            # tools leave attributes of their own, which Apigee ignores
            '    <xs:anyAttribute namespace="##other" processContents="skip"/>',
            "  </xs:complexType>",
        ]

    def _attribute(self, field: Field) -> list[str]:
        if field.shape != "attribute":
            return []
        use = ' use="required"' if field.required else ""
        kind = self._kind(field.kind)
        head = f"    <xs:attribute name={quoteattr(field.tag)} type={quoteattr(kind)}{use}"
        doc = _documented(_about(field), 6)
        return [f"{head}>", *doc, "    </xs:attribute>"] if doc else [f"{head}/>"]

    def _particles(self, field: Field) -> list[str]:
        if field.shape in ("attribute", "text"):
            return []
        members: list[tuple[str, type[Element] | None]] = [
            *((element.tag, element) for element in field.sequence),
            *((tag, field.element) for tag in (field.tag, *field.aliases) if not field.sequence),
        ]
        lines = []
        for tag, element in members:
            kind = self.type_of(element) if element is not None else self._text_type(field)
            about = _about(field) or (summary(element) if element is not None else "")
            head = f"      <xs:element name={quoteattr(tag)} type={quoteattr(kind)}"
            doc = _documented(about, 8)
            lines += [f"{head}>", *doc, "      </xs:element>"] if doc else [f"{head}/>"]
        return lines

    def _text_type(self, field: Field) -> str:
        """The type of a child that holds text: with `ref` a complex one, which has that attribute."""
        base = self._simple_type(field)
        if not field.ref:
            return base
        name = f"{base.removeprefix('xs:')}-or-ref"
        if name not in self._simple:
            self._simple[name] = name
            self.types += [
                f"  <xs:complexType name={quoteattr(name)}>",
                f"    <xs:simpleContent><xs:extension base={quoteattr(base)}>",
                '    <xs:attribute name="ref" type="xs:string"/>',
                "    </xs:extension></xs:simpleContent>",
                "  </xs:complexType>",
            ]
        return name

    def _simple_type(self, field: Field) -> str:
        """Templates may be any text; so may what a `ref` stands in for, since it may be empty."""
        return (
            _TEXT
            if field.template or field.ref or (not field.required and field.shape == "text")
            else self._kind(field.kind)
        )

    def _kind(self, kind: Kind) -> str:
        if kind is BOOLEAN:
            return self._restricted(
                "boolean-word", [f"<xs:pattern value={quoteattr(_any_case('true', 'false'))}/>"]
            )
        if kind.choices:
            name = "choice-" + "-".join(choice.lower() for choice in kind.choices)
            if _ignores_case(kind):
                return self._restricted(name, [f"<xs:pattern value={quoteattr(_any_case(*kind.choices))}/>"])
            return self._restricted(
                name, [f"<xs:enumeration value={quoteattr(each)}/>" for each in kind.choices]
            )
        if kind.name == "integer":
            return self._restricted("integer-text", [f"<xs:pattern value={quoteattr(_INTEGER)}/>"])
        return _TEXT

    def _restricted(self, name: str, facets: list[str]) -> str:
        name = "".join(character if character.isalnum() or character in "-._" else "_" for character in name)
        if name not in self._simple:
            self._simple[name] = name
            base = "xs:token" if facets[0].startswith("<xs:enumeration") else "xs:string"
            self.types += [
                f"  <xs:simpleType name={quoteattr(name)}>",
                f'    <xs:restriction base="{base}">{"".join(facets)}</xs:restriction>',
                "  </xs:simpleType>",
            ]
        return name


def _ignored(element: type[Element]) -> list[str]:
    """What bundles carry and Apigee ignores, where the declaration does not read it."""
    known = {tag for field in element.fields for tag in (field.tag, *field.aliases)}
    return [tag for tag in element.ignored if tag not in known]


def _ignores_case(kind: Kind) -> bool:
    try:
        kind.parse(kind.choices[0].swapcase())
    except ValueError:
        return False
    return True


def _any_case(*words: str) -> str:
    """A pattern for words in any mixture of cases, and for none."""
    letters = (
        "".join(
            f"[{letter.lower()}{letter.upper()}]"
            if letter.isalpha()
            else f"\\{letter}"
            if letter in ".-"
            else letter
            for letter in word
        )
        for word in words
    )
    return rf"\s*({'|'.join(letters)})?\s*"


def _about(field: Field) -> str:
    """What a field is for, and its default."""
    doc = one_line(field.doc)
    default = {True: "true", False: "false", None: ""}.get(field.default, str(field.default))
    if default and not field.element and not field.many:
        doc = f"{doc} (default: {default})".strip()
    if field.template:
        doc = f"{doc} May be a message template.".strip()
    return doc


def _documented(text: str, indent: int) -> list[str]:
    if not text:
        return []
    blank = " " * indent
    return [f"{blank}<xs:annotation><xs:documentation>{escape(text)}</xs:documentation></xs:annotation>"]
