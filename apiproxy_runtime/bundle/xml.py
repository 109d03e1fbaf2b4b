"""XML of a bundle as a frozen tree in which every element knows its file, line and column.

The tree is built by expat, which tells where each tag begins and leaves the text of the file at hand, so that
markup inside `<Payload>` can be given back exactly as written. When a file is not well-formed, lxml reads it once
more for its better explanation. Nothing is ever fetched or expanded: a DOCTYPE with declarations of its own is
refused before parsing, an external DTD is not read, and size, depth and number of elements are bounded.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import overload
from xml.parsers import expat

from msgspec import Struct

#: Apigee's own limit on a whole bundle. Source: docs.cloud.google.com/apigee, "Best practices for API proxy design".
MAX_BYTES = 15 * 1024 * 1024
MAX_DEPTH = 256
MAX_ELEMENTS = 200_000

_START_TAG = re.compile(rb"""<[^\s/>]+(?:[^"'>]|"[^"]*"|'[^']*')*>""")
#: A prolog up to the document type; the group is "[" if it declares anything. Atomic, hence linear.
_DOCTYPE = re.compile(
    rb"""(?>\s+|<\?.*?\?>|<!--.*?-->)*+<!DOCTYPE(?>[^"'>\[]+|"[^"]*"|'[^']*')*+(\[?)""", re.DOTALL
)
#: Not meant for files, and slow on purpose-made input.
_NO_FILE_ENCODINGS = frozenset(("idna", "punycode"))
_DECLARED_ENCODING = re.compile(rb"""^<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][A-Za-z0-9._-]*)["']""")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class XmlError(Exception):
    """A file that cannot be read as XML, or that is refused as dangerous. Line and column count from 1."""

    def __init__(self, file: str, line: int, column: int, message: str) -> None:
        super().__init__(f"{file}:{line}: {message}")
        self.file = file
        self.line = line
        self.column = column
        self.message = message


class Comment(Struct, frozen=True):
    """A comment, or (with `target`) a processing instruction; neither is part of the tree's text."""

    text: str
    file: str
    line: int
    column: int
    target: str | None = None


class Node(Struct, frozen=True, eq=False):
    """One element. Names are as written, prefix included; `text` is all direct text joined, CDATA resolved.

    The root's `comments` include those before and after it. Two nodes are equal only if they are the same one.
    """

    tag: str
    attributes: dict[str, str]
    text: str
    children: tuple[Node, ...]
    comments: tuple[Comment, ...]
    file: str
    line: int
    column: int
    _source: bytes
    _start: int
    _end: int

    @property
    def name(self) -> str | None:
        """The `name` attribute, stripped."""
        name = self.attributes.get("name")
        return name.strip() if name is not None else None

    def child(self, tag: str) -> Node | None:
        """The first child of that name."""
        for node in self.children:
            if node.tag == tag:
                return node
        return None

    def all(self, tag: str) -> tuple[Node, ...]:
        """The children of that name, in order."""
        return tuple(node for node in self.children if node.tag == tag)

    @overload
    def child_text(self, tag: str) -> str | None: ...
    @overload
    def child_text(self, tag: str, default: str) -> str: ...
    @overload
    def child_text(self, tag: str, default: None) -> str | None: ...
    def child_text(self, tag: str, default: str | None = None) -> str | None:
        """The stripped text of the first child of that name, "" if it is empty; `default` without such a child."""
        node = self.child(tag)
        return node.text.strip() if node is not None else default

    def walk(self) -> Iterator[Node]:
        """This node and all below it, in document order."""
        yield self
        for node in self.children:
            yield from node.walk()

    @property
    def span(self) -> tuple[int, int]:
        """Where the whole element begins and ends, in bytes of the file's text as UTF-8 without byte order mark."""
        tag = self._start_tag()
        end = self._start + len(tag) if tag.endswith(b"/>") else self._source.index(b">", self._end) + 1
        return self._start, end

    @property
    def start_tag(self) -> str:
        """Its start tag exactly as it stands in the file, line ends too."""
        return self._start_tag().decode()

    def inner_xml(self) -> str:
        """The content between start and end tag as markup, exactly as it stands in the file ("" if empty).

        Prefixes, comments, CDATA sections and character references are kept; line ends become \\n.
        """
        tag = self._start_tag()
        return "" if tag.endswith(b"/>") else _markup(self._source[self._start + len(tag) : self._end])

    def outer_xml(self) -> str:
        """The whole element as markup, tags included, exactly as it stands in the file."""
        start, end = self.span
        return _markup(self._source[start:end])

    def _start_tag(self) -> bytes:
        tag = _START_TAG.match(self._source, self._start)
        return tag.group() if tag else b"/>"


def _markup(source: bytes) -> str:
    return source.decode().replace("\r\n", "\n").replace("\r", "\n")


class _Open:
    """An element whose end tag has not come yet."""

    __slots__ = ("attributes", "children", "column", "comments", "line", "start", "tag", "text")

    def __init__(self, tag: str, attributes: dict[str, str], line: int, column: int, start: int) -> None:
        self.tag = tag
        self.attributes = attributes
        self.line = line
        self.column = column
        self.start = start
        self.text: list[str] = []
        self.children: list[Node] = []
        self.comments: list[Comment] = []


class _Refused(Exception):
    """Raised inside the parser's callbacks, where only the message is known."""


def parse_xml(data: bytes, file: str, max_bytes: int = MAX_BYTES) -> Node:
    """Parse one file. `file` is what findings will call it.

    Raises XmlError if the text is not well-formed, has a DTD of its own, or exceeds `max_bytes` (bytes), 256 levels or
    200,000 elements.
    """
    if len(data) > max_bytes:
        raise XmlError(file, 1, 1, f"the file has {len(data)} bytes, more than the {max_bytes} that are read")
    source = _as_utf8(data, file)
    doctype = _DOCTYPE.match(source)
    if doctype and doctype.group(1):
        line = source.count(b"\n", 0, doctype.end()) + 1
        raise XmlError(
            file, line, 1, "a DOCTYPE that declares entities or anything else is refused; remove it"
        )
    parser = expat.ParserCreate("utf-8")
    parser.buffer_text = True
    document = _Open("", {}, 1, 1, 0)
    stack = [document]
    elements = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        if len(stack) > MAX_DEPTH:
            raise _Refused(f"elements are nested deeper than {MAX_DEPTH} levels")
        if elements > MAX_ELEMENTS:
            raise _Refused(f"the file has more than {MAX_ELEMENTS} elements")
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        stack.append(_Open(tag, attributes, line, column, parser.CurrentByteIndex))

    def end(_tag: str) -> None:
        done = stack.pop()
        stack[-1].children.append(
            Node(
                tag=done.tag,
                attributes=done.attributes,
                text="".join(done.text),
                children=tuple(done.children),
                comments=tuple(done.comments if len(stack) > 1 else document.comments + done.comments),
                file=file,
                line=done.line,
                column=done.column,
                _source=source,
                _start=done.start,
                _end=parser.CurrentByteIndex,
            )
        )

    def text(value: str) -> None:
        stack[-1].text.append(value)

    def comment(value: str) -> None:
        note(Comment(value, file, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1))

    def instruction(target: str, value: str) -> None:
        note(Comment(value, file, parser.CurrentLineNumber, parser.CurrentColumnNumber + 1, target))

    def note(remark: Comment) -> None:
        if not document.children:
            stack[-1].comments.append(remark)

    def skipped_entity(name: str, _parameter: bool) -> None:
        raise _Refused(f"the entity &{name}; is not defined")

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.CommentHandler = comment
    parser.ProcessingInstructionHandler = instruction
    parser.SkippedEntityHandler = skipped_entity
    try:
        parser.Parse(source, True)
    except expat.ExpatError as error:
        raise XmlError(file, error.lineno, error.offset + 1, _explain(source, error)) from None
    except _Refused as refused:
        line, column = parser.CurrentLineNumber, parser.CurrentColumnNumber + 1
        raise XmlError(file, line, column, str(refused)) from None
    return document.children[0]


def _as_utf8(data: bytes, file: str) -> bytes:
    """The text in UTF-8 without byte order mark, whatever encoding it came in."""
    for mark, name in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return _recoded(data[len(mark) :], name, file)
    if data.startswith(b"<\x00"):
        return _recoded(data, "utf-16-le", file)
    if data.startswith(b"\x00<"):
        return _recoded(data, "utf-16-be", file)
    declared = _DECLARED_ENCODING.match(data[:256])
    return _recoded(data, declared.group(1).decode() if declared else "utf-8", file)


def _recoded(data: bytes, encoding: str, file: str) -> bytes:
    try:
        if encoding.lower() in _NO_FILE_ENCODINGS:
            raise LookupError(encoding)
        text = data.decode(encoding)
    except LookupError:
        raise XmlError(file, 1, 1, f"the encoding {encoding!r} is not known") from None
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = error.start - before.rfind(b"\n")
        raise XmlError(file, line, column, f"a byte that is not valid in {encoding}") from None
    except UnicodeError as error:
        raise XmlError(file, 1, 1, f"not readable as {encoding}: {error}") from None
    return data if encoding.lower() in ("utf-8", "utf8") else text.encode()


def _explain(source: bytes, error: expat.ExpatError) -> str:
    """libxml2's words for what expat stumbled over (it names both tags of a mismatch, for example)."""
    from lxml import etree  # only to tell better what is wrong

    parser = etree.XMLParser(
        encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        etree.fromstring(source, parser)
    except etree.XMLSyntaxError as better:
        message = str(better.msg).replace("\n", " ")
        return re.sub(r",? line \d+, column \d+$", "", message).strip()
    return expat.ErrorString(error.code) or "not well-formed"
