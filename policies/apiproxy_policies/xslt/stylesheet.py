"""Stylesheets as a bundle holds them: read with what they include, and judged before anything is compiled.

Two engines run them: lxml knows XSLT 1.0 and is always there, Saxon knows 3.0 and is an extra. `newer` says what in a
stylesheet goes beyond 1.0, `quick` whether its time is certain to stay small for a small document.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from posixpath import normpath

from lxml import etree
from msgspec import Struct

XSL = "http://www.w3.org/1999/XSL/Transform"
_XSL = f"{{{XSL}}}"
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)

#: Loads a resource by its name below resources/xsl; None when the bundle has none of that name.
Load = Callable[[str], bytes | None]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


#: those of 1.0, and xsl:namespace (2.0), which can be said in other words
_INSTRUCTIONS = _words(
    "apply-imports apply-templates attribute attribute-set call-template choose comment copy copy-of decimal-format "
    "element fallback for-each if import include key message namespace namespace-alias number otherwise output param "
    "preserve-space processing-instruction sort strip-space stylesheet template text transform value-of variable when "
    "with-param"
)
#: attributes of instructions that only newer versions know and that change what the stylesheet does
_NEWER_ATTRIBUTES = _words("as separator tunnel group-by group-adjacent regex expand-text")
#: attributes that hold an expression or a pattern
_EXPRESSIONS = _words("select test match use count from value")
_TEMPLATE_PART = re.compile(r"\{([^{}]*)\}")
_STRINGS = re.compile(r"'[^']*'|\"[^\"]*\"")
_CALL = re.compile(r"(?<![\w.$:-])(?:([\w.-]+):)?([A-Za-z_][\w.-]*)\s*\(")
_NO_CALLS = _words("text node comment processing-instruction and or div mod")
_FUNCTIONS = _words(
    "boolean ceiling concat contains count false floor id lang last local-name name namespace-uri normalize-space not "
    "number position round starts-with string string-length substring substring-after substring-before sum translate "
    "true current document element-available format-number function-available generate-id key system-property "
    "unparsed-entity-uri"
)
#: what makes the time of an expression depend on more than the nodes below the current one
_FAR = re.compile(
    r"//|\.\.|(?:^|[\s(|,=+<>*\[-])/|\b(?:parent|ancestor|ancestor-or-self|following|following-sibling|preceding"
    r"|preceding-sibling|descendant|descendant-or-self|namespace)\s*::|\b(?:key|document|id|function-available)\s*\("
)
#: what `apply-templates` and `for-each` may not select if each node is to be visited from above only
_AGAIN = re.compile(r"\$|\bcurrent\s*\(|\bself\s*::|(?:^|[\s(|])\.(?![\w/])")


class StylesheetError(ValueError):
    """A stylesheet that cannot be read. `file` and `line` say where, line 0 when that is not known."""

    def __init__(self, text: str, file: str, line: int = 0) -> None:
        super().__init__(text)
        self.file = file
        self.line = line


class Stylesheet(Struct, frozen=True):
    """A stylesheet and what it includes or imports.

    name     of the resource
    root     its element; `href`s of includes and imports are names of `parts`
    version  as its root says
    newer    the first thing in it that XSLT 1.0 does not know, None if there is none
    quick    whether it visits only what is below each node, and no template calls itself
    """

    name: str
    root: etree._Element
    parts: dict[str, etree._Element]
    version: str
    newer: str | None
    quick: bool

    @property
    def encoding(self) -> str:
        """The encoding that its output declares."""
        for output in self.root.iter(f"{_XSL}output"):
            if output.get("encoding"):
                return str(output.get("encoding"))
        return "utf-8"


def read_stylesheet(name: str, load: Load) -> Stylesheet:
    """Read a stylesheet with all its parts. Raises StylesheetError."""
    parts: dict[str, etree._Element] = {}
    root = _read(name, load, parts, (name,))
    sheets = [root, *parts.values()]
    version = root.get("version") or root.get(f"{_XSL}version") or "1.0"
    newer = next((what for sheet in sheets for what in _newer(sheet)), None)
    return Stylesheet(name, root, parts, version, newer, newer is None and _is_quick(sheets))


def _read(name: str, load: Load, parts: dict[str, etree._Element], path: tuple[str, ...]) -> etree._Element:
    data = load(name)
    if data is None:
        raise StylesheetError(f"there is no xsl://{name}", path[-2] if len(path) > 1 else name)
    try:
        root = etree.fromstring(data, _PARSER)
    except etree.XMLSyntaxError as error:
        raise StylesheetError(str(error), name, error.lineno or 0) from None
    for part in list(root.iterchildren(f"{_XSL}include", f"{_XSL}import")):
        href = _resource_name(part.get("href") or "", name)
        if href in path:
            raise StylesheetError(f"{href} includes itself", name, part.sourceline or 0)
        part.set("href", href)
        if href not in parts:
            parts[href] = _read(href, load, parts, (*path, href))
    return root


def _resource_name(href: str, base: str) -> str:
    """`xsl://common.xsl`, `common.xsl` and `./common.xsl` are the same resource; paths start at the file they are in."""
    if href.startswith("xsl://"):
        return href.removeprefix("xsl://")
    folder, slash, _ = base.rpartition("/")
    return normpath(f"{folder}{slash}{href}")


# ---- what is newer than XSLT 1.0


def expressions(sheet: etree._Element) -> Iterator[tuple[etree._Element, str, str]]:
    """(element, attribute, expression) for every expression, pattern and `{…}` of a stylesheet."""
    for node in sheet.iter(etree.Element):
        own = node.tag.startswith(_XSL)
        for name, value in node.attrib.items():
            if own and name in _EXPRESSIONS:
                yield node, str(name), str(value)
            elif "{" in value:
                for match in _TEMPLATE_PART.finditer(str(value)):
                    yield node, str(name), match[1]


def _newer(sheet: etree._Element) -> Iterator[str]:
    for node in sheet.iter(f"{_XSL}*"):
        local = node.tag.removeprefix(_XSL)
        if local not in _INSTRUCTIONS:
            yield f"<xsl:{local}> in line {node.sourceline}"
        for name in node.attrib:
            if name in _NEWER_ATTRIBUTES:
                yield f'the attribute "{name!s}" of <xsl:{local}> in line {node.sourceline}'
    for node, _, expression in expressions(sheet):
        what = _newer_expression(expression, {prefix: uri for prefix, uri in node.nsmap.items() if prefix})
        if what is not None:
            yield f"{what} in line {node.sourceline}"


def _newer_expression(expression: str, namespaces: dict[str, str]) -> str | None:
    for prefix, name in _CALL.findall(_STRINGS.sub("''", expression)):
        if prefix:
            if not namespaces.get(prefix, "").startswith("http://exslt.org/"):
                return f"{prefix}:{name}()"
        elif name not in _FUNCTIONS and name not in _NO_CALLS:
            return f"{name}()"
    try:
        etree.XPath(expression, namespaces=namespaces)
    except etree.XPathError:
        return f"the expression {expression!r}"
    return None


# ---- how long it may take


def _is_quick(sheets: list[etree._Element]) -> bool:
    """Whether each node of a document is visited once from above, so that depth times size bounds the work."""
    calls: dict[str, set[str]] = {}
    for sheet in sheets:
        for node, name, expression in expressions(sheet):
            bare = _STRINGS.sub("''", expression)
            if _FAR.search(bare[bare.find("[") :] if name == "match" and "[" in bare else bare) and (
                name != "match" or "[" in bare
            ):
                return False
            if name == "select" and node.tag in _VISITS and _AGAIN.search(bare):
                return False
        for template in sheet.iterchildren(f"{_XSL}template"):
            visits = sum(1 for _ in template.iter(f"{_XSL}apply-templates", f"{_XSL}apply-imports"))
            called = {str(call.get("name")) for call in template.iter(f"{_XSL}call-template")}
            if visits > 1 or (visits and (called or template.get("name"))):
                return False
            calls.setdefault(str(template.get("name")), set()).update(called)
    return not any(_calls_itself(name, calls, frozenset()) for name in calls)


_VISITS = (f"{_XSL}apply-templates", f"{_XSL}for-each")


def _calls_itself(name: str, calls: dict[str, set[str]], above: frozenset[str]) -> bool:
    if name in above:
        return True
    return any(_calls_itself(each, calls, above | {name}) for each in calls.get(name, ()))
