"""xml-threat-protection: limits on the shape of XML bodies, checked while they are read; -1 is no limit. Other
bodies pass.

A DTD is refused unless `allow_dtd`. Source: plugin reference, XML Threat Protection (Enterprise).
"""

from __future__ import annotations

import logging
from typing import NoReturn
from xml.parsers import expat

from apiproxy_runtime.kong.answer import error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, Field, boolean, integer, number, set_of, string
from apiproxy_runtime.kong.site import KongSite

logger = logging.getLogger("apiproxy")


class TooMuch(Exception):
    """A document passes a limit; the text says which."""


def compile_xml_threat_protection(config: Config, site: KongSite) -> Phases:
    checked = [kind.lower() for kind in config["checked_content_types"]]
    allowed = [kind.lower() for kind in config["allowed_content_types"]]
    largest: int = config["document"]

    def wrong(ctx: KongContext) -> str:
        """What is wrong with the body; empty when nothing is."""
        request = ctx.request
        kind = request.content_type()
        if not request.body or matches(kind, allowed) or not matches(kind, checked):
            return ""
        if 0 <= largest < len(request.body):
            return f"the body has {len(request.body)} bytes"
        try:
            Reader(config).read(request.body)
        except TooMuch as found:
            return str(found)
        except expat.ExpatError as broken:
            return f"the body is not XML: {broken}"
        return ""

    def access(ctx: KongContext) -> None:
        reason = wrong(ctx)
        if reason:
            logger.warning("xml-threat-protection: %s", reason)
            raise error(ctx, 400)

    return Phases(access=access, reads_body=True)


def matches(kind: str, patterns: list[str]) -> bool:
    """Whether a media type is among others, in which `*` may stand for either half."""
    major, _, minor = kind.partition("/")
    for pattern in patterns:
        one, _, other = pattern.partition("/")
        if one in ("*", major) and other in ("*", minor):
            return True
    return False


class Reader:
    """Reads a document up to the first limit that it passes."""

    def __init__(self, config: Config) -> None:
        self.config = config
        #: how many children each open element has
        self.open: list[int] = [0]
        self.text = 0
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self.begin
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters
        self.parser.CommentHandler = self.comment
        self.parser.ProcessingInstructionHandler = self.instruction
        self.parser.ordered_attributes = True
        if not config["allow_dtd"]:
            self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.entity

    def read(self, body: bytes) -> None:
        """Raises TooMuch, ExpatError."""
        self.parser.Parse(body, True)

    def limit(self, name: str, count: int, what: str) -> None:
        if 0 <= self.config[name] < count:
            raise TooMuch(f"{count} {what}, more than {name} {self.config[name]}")

    def begin(self, name: str, attributes: list[str]) -> None:
        self.text = 0
        self.open[-1] += 1
        self.limit("max_children", self.open[-1], "children")
        self.open.append(0)
        self.limit("max_depth", len(self.open) - 1, "levels")
        prefix, colon, local = name.rpartition(":")
        self.limit("localname", len(local), "characters in a name")
        if colon:
            self.limit("prefix", len(prefix), "characters in a prefix")
        names, values = attributes[::2], attributes[1::2]
        spaces = [value for name, value in zip(names, values, strict=True) if name.startswith("xmlns")]
        self.limit("max_namespaces", len(spaces), "namespaces")
        for space in spaces:
            self.limit("namespaceuri", len(space), "characters in a namespace")
        self.limit("max_attributes", len(names) - len(spaces), "attributes")
        for name, value in zip(names, values, strict=True):
            self.limit("localname", len(name.rpartition(":")[2]), "characters in a name")
            self.limit("attribute", len(value), "characters in an attribute")

    def end(self, name: str) -> None:
        self.text = 0
        self.open.pop()

    def characters(self, text: str) -> None:
        self.text += len(text)
        self.limit("text", self.text, "characters of text")

    def comment(self, text: str) -> None:
        self.open[-1] += 1
        self.limit("max_children", self.open[-1], "children")
        self.limit("comment", len(text), "characters in a comment")

    def instruction(self, target: str, data: str) -> None:
        self.limit("pitarget", len(target), "characters in a target")
        self.limit("pidata", len(data), "characters in an instruction")

    def doctype(self, name: str, system: str | None, public: str | None, internal: bool) -> NoReturn:
        raise TooMuch("a document type declaration, which allow_dtd forbids")

    def entity(self, name: str, parameter: bool, value: str | None, *rest: str | None) -> None:
        self.limit("entityname", len(name), "characters in an entity's name")
        self.limit("entity", len(value or ""), "characters in an entity")


def _length(doc: str, default: int = 1024) -> Field:
    return integer(doc, default, between=(-1, 2**31 - 1))


PLUGIN = Plugin(
    "xml-threat-protection",
    1008,
    {
        "checked_content_types": set_of(string(), "types that are checked", ["application/xml"]),
        "allowed_content_types": set_of(string(), "types that pass unchecked", []),
        "allow_dtd": boolean("let a document type declaration pass", False),
        "namespace_aware": boolean("", True),
        "max_depth": _length("levels of elements", 50),
        "max_children": _length("children of an element", 100),
        "max_attributes": _length("attributes of an element", 100),
        "max_namespaces": _length("namespaces that an element declares", 20),
        "document": _length("bytes of a body", 10485760),
        "buffer": _length("not used", 1048576),
        "comment": _length("characters of a comment"),
        "localname": _length("characters of a name without its prefix"),
        "prefix": _length("characters of a prefix"),
        "namespaceuri": _length("characters of a namespace"),
        "attribute": _length("characters of an attribute", 1048576),
        "text": _length("characters of a text", 1048576),
        "pitarget": _length("characters of an instruction's target"),
        "pidata": _length("characters of an instruction"),
        "entityname": _length("characters of an entity's name"),
        "entity": _length("characters of an entity"),
        "entityproperty": _length("not used"),
        "bla_max_amplification": number("not used: the parser has limits of its own", 100, above=1),
        "bla_threshold": _length("not used", 8388608),
    },
    compile_xml_threat_protection,
    "Limits the shape of XML bodies.",
    "enterprise",
)
