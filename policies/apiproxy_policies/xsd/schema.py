"""XML schemas as a bundle holds them, compiled with what they import and include.

What is imported comes from the bundle's own resources; nothing is fetched. A namespace that is imported without saying
from where is looked for among the schemas at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from posixpath import normpath
from threading import Lock
from typing import Any, cast

from lxml import etree
from msgspec import Struct

XS = "http://www.w3.org/2001/XMLSchema"
_XS = f"{{{XS}}}"
#: Loads a resource by type (`xsd`, `wsdl`) and name; None when there is none.
Load = Callable[[str, str], bytes | None]
MOST_IMPORTS = 10
_PREFIX = "xsd://resource/"


class SchemaError(ValueError):
    """A schema that cannot be compiled, or one that says nothing."""


class Schema(Struct, frozen=True):
    """A compiled schema, twice: `aside` is for other threads, one at a time.

    elements  the global elements, as `{namespace}name`
    """

    inline: etree.XMLSchema
    aside: etree.XMLSchema
    lock: Lock
    elements: frozenset[str]

    def error(self, element: etree._Element, *, on_other_thread: bool = False) -> str | None:
        """What is wrong with an element and all below it, None if nothing is."""
        if not on_other_thread:
            return _first_error(self.inline, element)
        with self.lock:
            return _first_error(self.aside, element)


def _first_error(schema: etree.XMLSchema, element: etree._Element) -> str | None:
    if schema.validate(element):
        return None
    log: Iterable[Any] = cast("Any", schema.error_log)  # the stubs do not know that it is a list
    for entry in log:
        return f"{entry.message} [Line {entry.line}]"
    return "the document is not valid"


def parse(
    data: bytes, resolvers: Mapping[str, bytes] | None = None, address: str | None = None
) -> etree._Element:
    """The root of a schema or WSDL. Raises SchemaError."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    if resolvers is not None:
        parser.resolvers.add(_Parts(resolvers))
    try:
        return etree.fromstring(data, parser, base_url=address or _PREFIX)
    except etree.XMLSyntaxError as error:
        raise SchemaError(str(error)) from None


class _Parts(etree.Resolver):
    """Finds imported schemas among those that were read, and nothing else anywhere."""

    def __init__(self, parts: Mapping[str, bytes]) -> None:
        self.parts = parts

    def resolve(self, system_url: str, public_id: str, context: Any = None) -> Any:
        data = self.parts.get(system_url)
        return self.resolve_string(data or b"<nothing/>", context, base_url=system_url)


class Library:
    """The schemas that one resource brings together."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.roots: dict[str, etree._Element] = {}

    def read(self, name: str, type: str = "xsd", depth: int = 0) -> str:
        """Read a schema resource with what it refers to; its address here. Raises SchemaError."""
        address = f"{_PREFIX}{name}"
        if address in self.roots:
            return address
        if depth > MOST_IMPORTS:
            raise SchemaError(f"{name} is imported over more than {MOST_IMPORTS} steps")
        data = self.load(type, name)
        if data is None:
            raise SchemaError(f"there is no resource {type}://{name}")
        self.add(parse(data), name, depth)
        return address

    def add(self, root: etree._Element, name: str, depth: int = 0) -> str:
        """Add a schema that was read elsewhere. Raises SchemaError."""
        address = f"{_PREFIX}{name}"
        self.roots[address] = root
        for part in root.iterchildren(f"{_XS}import", f"{_XS}include", f"{_XS}redefine"):
            location = part.get("schemaLocation")
            if location:
                kind, inner = resource_of(location, name)
                if self.load(kind, inner) is not None:
                    part.set("schemaLocation", self.read(inner, kind, depth + 1))
                elif part.tag == f"{_XS}import":
                    # as Xerces does: an import that leads nowhere may be met by another schema, or not be needed
                    del part.attrib["schemaLocation"]
                else:
                    raise SchemaError(f"there is no resource {kind}://{inner}")
        return address

    def _place_imports(self) -> None:
        """Give each import that says no place the schema of its namespace."""
        by_namespace: dict[str, list[str]] = {}
        for address, root in self.roots.items():
            by_namespace.setdefault(root.get("targetNamespace") or "", []).append(address)
        for root in self.roots.values():
            for part in root.iterchildren(f"{_XS}import"):
                known = by_namespace.get(part.get("namespace") or "")
                if part.get("schemaLocation") is None and known:
                    part.set("schemaLocation", known[0])

    def compile(self, main: list[str]) -> Schema:
        """Compile the schemas at the addresses as one. Raises SchemaError."""
        self._place_imports()
        parts = {address: etree.tostring(root) for address, root in self.roots.items()}
        if len(main) == 1:
            # under its own address, so that a schema which includes it in turn is not read twice
            place, top = main[0], parts[main[0]]
        else:
            place, top = f"{_PREFIX}driver", self._driver(main, parts)
        elements = frozenset(
            f"{{{namespace}}}{element.get('name')}"
            if (namespace := root.get("targetNamespace"))
            else str(element.get("name"))
            for root in self.roots.values()
            for element in root.iterchildren(f"{_XS}element")
        )
        return Schema(_compile(top, parts, place), _compile(top, parts, place), Lock(), elements)

    def _driver(self, main: list[str], parts: dict[str, bytes]) -> bytes:
        """A schema that imports the others; those of the same namespace are included into one first."""
        groups: dict[str, list[str]] = {}
        for address in main:
            groups.setdefault(self.roots[address].get("targetNamespace") or "", []).append(address)
        driver = etree.Element(f"{_XS}schema", targetNamespace="urn:apiproxy:driver")
        for number, (namespace, addresses) in enumerate(groups.items()):
            place = addresses[0]
            if len(addresses) > 1:
                joined = etree.Element(f"{_XS}schema")
                if namespace:
                    joined.set("targetNamespace", namespace)
                for address in addresses:
                    etree.SubElement(joined, f"{_XS}include", schemaLocation=address)
                place = f"{_PREFIX}joined-{number}"
                parts[place] = etree.tostring(joined)
            part = etree.SubElement(driver, f"{_XS}import", schemaLocation=place)
            if namespace:
                part.set("namespace", namespace)
        return etree.tostring(driver)


def _compile(top: bytes, parts: Mapping[str, bytes], address: str) -> etree.XMLSchema:
    try:
        return etree.XMLSchema(parse(top, parts, address))
    except etree.XMLSchemaParseError as error:
        for entry in error.error_log:
            raise SchemaError(f"{entry.message} (line {entry.line})") from None
        raise SchemaError(str(error)) from None


def resource_of(location: str, base: str) -> tuple[str, str]:
    """(type, name) of the resource that a schemaLocation means: an address of a resource, or a path beside `base`."""
    kind, separator, name = location.partition("://")
    if separator and kind in ("xsd", "wsdl"):
        return kind, name
    folder, slash, _ = base.rpartition("/")
    return "xsd", normpath(f"{folder}{slash}{location}")


def compile_xsd(name: str, load: Load) -> Schema:
    """Compile a schema resource. Raises SchemaError."""
    library = Library(load)
    return library.compile([library.read(name)])
