"""XMLThreatProtection: bounds the names, the structure and the values of an XML body."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.parsers import expat

from lxml import etree

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    INTEGER,
    Element,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    nested,
    text,
)

#: libxml2 parses nothing deeper.
_DEEPEST = 256
#: A declaration of an encoding in which a byte below 128 is always the ASCII character, or of none.
_ASCII_BASED = re.compile(
    rb"<\?xml(?![^>]*encoding)|<\?xml[^>]*encoding=[\"'](?:utf-8|us-ascii|iso-8859-\d+|windows-125\d)[\"']",
    re.IGNORECASE,
).match


class NameLimits(Element):
    """Longest names, in characters; missing or negative: any."""

    element: int | None = child("Element", INTEGER)
    attribute: int | None = child("Attribute", INTEGER)
    prefix: int | None = child("NamespacePrefix", INTEGER)
    target: int | None = child("ProcessingInstructionTarget", INTEGER)


class ChildCount(Element):
    """Most children of an element, and what counts as a child."""

    ignored = ()
    count: int = text(INTEGER, default=-1)
    comments: bool = attribute("includeComment", BOOLEAN, default=True)
    elements: bool = attribute("includeElement", BOOLEAN, default=True)
    instructions: bool = attribute("includeProcessingInstruction", BOOLEAN, default=True)
    instructions_plural: bool = attribute("includeProcessingInstructions", BOOLEAN, default=True)
    texts: bool = attribute("includeText", BOOLEAN, default=True)


class StructureLimits(Element):
    depth: int | None = child("NodeDepth", INTEGER, doc="depth of elements, the root's is 1")
    attributes: int | None = child(
        "AttributeCountPerElement", INTEGER, doc="attributes of an element, without xmlns"
    )
    namespaces: int | None = child("NamespaceCountPerElement", INTEGER, doc="namespaces an element declares")
    children: ChildCount | None = nested("ChildCount", ChildCount)


class ValueLimits(Element):
    """Longest values, in characters; missing or negative: any."""

    text: int | None = child("Text", INTEGER)
    attribute: int | None = child("Attribute", INTEGER)
    namespace: int | None = child("NamespaceURI", INTEGER)
    comment: int | None = child("Comment", INTEGER)
    instruction: int | None = child("ProcessingInstructionData", INTEGER)


class XMLThreatProtection(Policy):
    """Limit XML before other policies read it. Only messages with an XML Content-Type are judged.

    Entity declarations are refused whatever the limits say: Apigee's parser does not expand them either. Text of
    white space only does not count as a child.
    """

    tag = "XMLThreatProtection"
    family = "security"
    prefix = "xmlattack"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/xml-threat-protection-policy"
    faults = fault_table(
        "steps.xmlthreatprotection",
        (
            "ExecutionFailed",
            500,
            "XMLThreatProtection stepDefinition {policy}: Execution failed. reason: {reason}",
        ),
        (
            "SourceUnavailable",
            500,
            "XMLThreatProtection stepDefinition {policy}: Source {variable} is not available",
        ),
        ("NonMessageVariable", 500, "Variable {variable} does not resolve to a Message"),
    )
    example = """
<XMLThreatProtection name="XTP-Orders">
  <StructureLimits><NodeDepth>5</NodeDepth><ChildCount includeComment="false">30</ChildCount></StructureLimits>
  <ValueLimits><Text>200</Text></ValueLimits>
</XMLThreatProtection>"""

    source: str = child(
        "Source", default="message", doc="message to judge; the message of the moment by default"
    )
    names: NameLimits | None = nested("NameLimits", NameLimits)
    structure: StructureLimits | None = nested("StructureLimits", StructureLimits)
    values: ValueLimits | None = nested("ValueLimits", ValueLimits)

    def failed_variables(self) -> tuple[str, ...]:
        # the short one is read by bundles that run on Apigee (threat-protect of apigee/devrel)
        return (f"xmlattack.{self.name}.failed", "xmlattack.failed")

    def compile(self, site: Site) -> StepFunction:
        name = self.source.strip() or "message"
        get = site.getter(name)
        harmless = self._harmless()

        def xml_threat_protection(ctx: MessageContext) -> None:
            message = get(ctx)
            if message is None:
                raise self.fault("SourceUnavailable", variable=name)
            if message.__class__ is not Message:
                raise self.fault("NonMessageVariable", variable=name)
            kind = message.content_type()
            if not message.body or not (kind in ("text/xml", "application/xml") or kind.endswith("+xml")):
                return
            if harmless(message):
                return
            try:
                _Judge(self, message.body).run()
            except _Exceeded as broken:
                place = f"at line {broken.line}(possibly around char {broken.offset})"
                reason = f"XMLThreatProtection stepDefinition {self.name}: {broken.what} {place}"
                raise self.fault("ExecutionFailed", reason=reason) from None
            except expat.ExpatError as error:
                raise self.fault("ExecutionFailed", reason=_parser_text(error)) from None

        return xml_threat_protection

    def _harmless(self) -> Callable[[Message], bool]:
        """Whether a body certainly keeps every limit, told by its tree, which later policies need anyway.

        One XPath looks for what may break a limit, in C. It may suspect too much (it counts the namespaces in scope, and
        white space as children), never too little; what it suspects, or cannot parse, is judged with `_Judge`. Most
        bodies are cleared by a shorter one: where every piece from one `<` to the next is short, no value in it is too
        long, and where few elements are children of one, so are all nodes: between n elements lie n + 1 texts at most.
        """
        limits = _Judge(self, b"")
        parts = (
            (limits.attributes, "/descendant::*/@*[{more}]"),
            (limits.namespaces, "/descendant::*/namespace::*[{more}]"),
            (limits.element_name, "/descendant::*[string-length(local-name()) > {}]"),
            (limits.attribute_name, "/descendant::*/@*[string-length(local-name()) > {}]"),
            (limits.prefix, "/descendant::*/namespace::*[string-length(name()) > {}]"),
            (
                0 if limits.depth is not None and limits.depth < _DEEPEST else None,
                "/*" * ((limits.depth or 0) + 1),
            ),
        )
        values = (
            (limits.text, "/descendant::text()[string-length() > {}]"),
            (limits.attribute, "/descendant::*/@*[string-length() > {}]"),
            (limits.namespace, "/descendant::*/namespace::*[string-length() > {}]"),
        )
        asides = (
            (limits.target, "/descendant::processing-instruction()[string-length(name()) > {}]"),
            (limits.comment, "/descendant::comment()[string-length() > {}]"),
            (limits.instruction, "/descendant::processing-instruction()[string-length() > {}]"),
        )
        elements = "/descendant::*/*[{half}]" if limits.children else "/*"
        quick = _search(*parts, (limits.children, elements))
        thorough = _search(*parts, *values, *asides, (limits.children, "/descendant::*/node()[{more}]"))
        all_short = _all_short(min((limit for limit, _ in values if limit is not None), default=None))

        def harmless(message: Message) -> bool:
            try:
                root = message.xml()
            except (etree.XMLSyntaxError, ValueError):
                return False
            if all_short(message.body) and not quick(root):
                return True
            return root.getroottree().docinfo.internalDTD is None and not thorough(root)

        return harmless


def _search(*suspects: tuple[int | None, str]) -> Callable[[etree._Element], object]:
    """What looks for the first of several things, each an XPath for a limit; limits that are None are none.

    Numbers are worked out here: libxml2 stops counting at a plain one.
    """
    tests = [
        path.format(limit, more=limit + 1, half=(limit + 1) // 2)
        for limit, path in suspects
        if limit is not None
    ]
    return etree.XPath(" or ".join(tests)) if tests else lambda root: False


def _all_short(limit: int | None) -> Callable[[bytes], bool]:
    """Whether surely no run of bytes between two `<` is longer than the limit; None limits nothing.

    Not sure are bodies with comments, CDATA, declarations and instructions, which may hold a `<`, and those in
    encodings that have, or may have, another byte for it.
    """
    longer = (
        re.compile(rb"<[^<]{%d}" % (min(limit, 10**9) + 1)).search if limit is not None else lambda body: None
    )

    def all_short(body: bytes) -> bool:
        if b"<!" in body or body[1:2] == b"\0" or body[:1] != b"<" or body.find(b"<?", 1) > 0:
            return False
        if body[:5] == b"<?xml" and not _ASCII_BASED(body):
            return False
        return longer(body) is None

    return all_short


def _parser_text(error: expat.ExpatError) -> str:
    if error.code == 3:
        return f"Premature end of document while parsing at line {error.lineno}(possibly  around char {error.offset})"
    if error.lineno == 1 and error.offset == 0:
        return "Syntax error while parsing XML prologue"
    return f"{expat.ErrorString(error.code)} at line {error.lineno}(possibly around char {error.offset})"


class _Exceeded(Exception):
    def __init__(self, what: str, line: int, offset: int) -> None:
        super().__init__(what)
        self.what = what
        self.line = line
        self.offset = offset


def _limit(value: int | None) -> int | None:
    return None if value is None or value < 0 else value


class _Judge:
    """One pass over a body with expat; raises _Exceeded at the first limit broken."""

    def __init__(self, policy: XMLThreatProtection, body: bytes) -> None:
        names, structure, values = policy.names, policy.structure, policy.values
        children = structure.children if structure else None
        self.body = body
        self.element_name = _limit(names.element) if names else None
        self.attribute_name = _limit(names.attribute) if names else None
        self.prefix = _limit(names.prefix) if names else None
        self.target = _limit(names.target) if names else None
        self.depth = _limit(structure.depth) if structure else None
        self.attributes = _limit(structure.attributes) if structure else None
        self.namespaces = _limit(structure.namespaces) if structure else None
        self.children = _limit(children.count) if children else None
        self.text = _limit(values.text) if values else None
        self.attribute = _limit(values.attribute) if values else None
        self.namespace = _limit(values.namespace) if values else None
        self.comment = _limit(values.comment) if values else None
        self.instruction = _limit(values.instruction) if values else None
        self.counts_elements = children is None or children.elements
        self.counts_comments = children is None or children.comments
        self.counts_texts = children is None or children.texts
        self.counts_instructions = children is None or (
            children.instructions and children.instructions_plural
        )
        self.open: list[int] = []
        self.pending: list[str] = []
        self.parser = expat.ParserCreate()

    def run(self) -> None:
        parser = self.parser
        parser.buffer_text = True
        parser.StartElementHandler = self.start
        parser.EndElementHandler = self.end
        if self.text is not None or (self.children is not None and self.counts_texts):
            parser.CharacterDataHandler = self.pending.append
        # comments and instructions end a text, so they are seen even where nothing limits themselves
        parser.CommentHandler = self.on_comment
        parser.ProcessingInstructionHandler = self.on_instruction
        parser.EntityDeclHandler = self.on_entity
        parser.Parse(self.body, True)

    def exceeded(self, what: str, limit: int) -> _Exceeded:
        return _Exceeded(
            f"{what} exceeded {limit}", self.parser.CurrentLineNumber, self.parser.CurrentByteIndex
        )

    def check(self, size: int, limit: int | None, what: str) -> None:
        if limit is not None and size > limit:
            raise self.exceeded(what, limit)

    def count_child(self) -> None:
        if self.children is not None and self.open:
            self.open[-1] += 1
            self.check(self.open[-1], self.children, "Children count")

    def flush(self) -> None:
        """The text before a tag, comment or instruction is complete."""
        if not self.pending:
            return
        value = "".join(self.pending)
        self.pending.clear()
        self.check(len(value), self.text, "Text length")
        if self.counts_texts and value.strip():
            self.count_child()

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.flush()
        if self.counts_elements:
            self.count_child()
        self.open.append(0)
        self.check(len(self.open), self.depth, "Node depth")
        prefix, colon, local = name.rpartition(":")
        self.check(len(local), self.element_name, "Element name length")
        if colon:
            self.check(len(prefix), self.prefix, "Namespace prefix length")
        if attributes:
            self.judge_attributes(attributes)

    def judge_attributes(self, attributes: dict[str, str]) -> None:
        plain = declared = 0
        for name, value in attributes.items():
            if name == "xmlns" or name.startswith("xmlns:"):
                declared += 1
                self.check(len(name[6:]), self.prefix, "Namespace prefix length")
                self.check(len(value), self.namespace, "Namespace uri length")
                continue
            plain += 1
            self.check(len(name.rpartition(":")[2]), self.attribute_name, "Attribute name length")
            self.check(len(value), self.attribute, "Attribute value length")
        self.check(plain, self.attributes, "Attribute count")
        self.check(declared, self.namespaces, "Namespace count")

    def end(self, name: str) -> None:
        self.flush()
        self.open.pop()

    def on_comment(self, value: str) -> None:
        self.flush()
        self.check(len(value), self.comment, "Comment length")
        if self.counts_comments:
            self.count_child()

    def on_instruction(self, target: str, data: str) -> None:
        self.flush()
        self.check(len(target), self.target, "Processing Instruction target length")
        self.check(len(data), self.instruction, "Processing Instruction data length")
        if self.counts_instructions:
            self.count_child()

    def on_entity(self, name: str, *rest: object) -> None:
        raise _Exceeded(
            f"Entity {name} is declared, which is not allowed,",
            self.parser.CurrentLineNumber,
            self.parser.CurrentByteIndex,
        )
