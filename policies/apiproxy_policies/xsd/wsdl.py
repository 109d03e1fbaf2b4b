"""WSDL 1.1: the schemas in its types, and for RPC style the elements that its operations make."""

from __future__ import annotations

from copy import deepcopy
from typing import cast

from lxml import etree

from apiproxy_policies.xsd.schema import MOST_IMPORTS, XS, Library, Load, Schema, SchemaError, parse

_WSDL = "{http://schemas.xmlsoap.org/wsdl/}"
_SOAP = ("{http://schemas.xmlsoap.org/wsdl/soap/}", "{http://schemas.xmlsoap.org/wsdl/soap12/}")
_XS = f"{{{XS}}}"


def compile_wsdl(name: str, load: Load) -> Schema:
    """The schema of what SOAP bodies may hold. Raises SchemaError, also when the WSDL holds no schema."""
    documents: dict[str, etree._Element] = {}
    _read(name, load, documents, 0)
    library = Library(load)
    addresses = []
    for document, root in documents.items():
        for number, schema in enumerate(root.iterfind(f"{_WSDL}types/{_XS}schema")):
            # a schema that only imports others has nothing of its own, but brings them in
            addresses.append(library.add(_standalone(schema), f"{document}.{number}"))
    for number, schema in enumerate(_rpc_schemas(documents)):
        addresses.append(library.add(schema, f"{name}.rpc-{number}"))
    if not addresses:
        raise SchemaError("there are no schemas in it")
    return library.compile(addresses)


def _read(name: str, load: Load, documents: dict[str, etree._Element], depth: int) -> None:
    if name in documents:
        return
    if depth > MOST_IMPORTS:
        raise SchemaError(f"{name} is imported over more than {MOST_IMPORTS} steps")
    data = load("wsdl", name)
    if data is None:
        raise SchemaError(f"there is no resource wsdl://{name}")
    root = parse(data)
    if root.tag != f"{_WSDL}definitions":
        raise SchemaError(f"{name} is no WSDL 1.1: its root is {root.tag}")
    documents[name] = root
    for part in root.iterchildren(f"{_WSDL}import"):
        location = (part.get("location") or "").removeprefix("wsdl://").removeprefix("./")
        _read(location, load, documents, depth + 1)


def _standalone(schema: etree._Element) -> etree._Element:
    """The schema by itself, with the prefixes that the WSDL around it declares."""
    return etree.fromstring(etree.tostring(deepcopy(schema), with_tail=False))


# ---- RPC style: the body holds an element named after the operation, with one child for each part (WSDL 1.1 §3.5)


def _rpc_schemas(documents: dict[str, etree._Element]) -> list[etree._Element]:
    roots = list(documents.values())
    found = []
    for root in roots:
        for binding in root.iterchildren(f"{_WSDL}binding"):
            style = _soap_child(binding, "binding")
            port = _named(roots, "portType", binding.get("type"))
            for operation in binding.iterchildren(f"{_WSDL}operation"):
                own = _soap_child(operation, "operation")
                chosen = (own.get("style") if own is not None else None) or (
                    style.get("style") if style is not None else None
                )
                if chosen == "rpc" and port is not None:
                    found += _rpc_elements(operation, port, roots)
    return found


def _rpc_elements(
    operation: etree._Element, port: etree._Element, roots: list[etree._Element]
) -> list[etree._Element]:
    name = str(operation.get("name"))
    abstract = next(
        (each for each in port.iterchildren(f"{_WSDL}operation") if each.get("name") == name), None
    )
    found = []
    for direction, element_name in (("input", name), ("output", f"{name}Response")):
        bound = operation.find(f"{_WSDL}{direction}")
        declared = abstract.find(f"{_WSDL}{direction}") if abstract is not None else None
        body = _soap_child(bound, "body") if bound is not None else None
        if body is None or declared is None:
            continue
        message = _named(roots, "message", declared.get("message"))
        if message is not None:
            found.append(_rpc_schema(element_name, body.get("namespace"), message))
    return found


def _rpc_schema(name: str, namespace: str | None, message: etree._Element) -> etree._Element:
    schema = etree.Element(f"{_XS}schema", nsmap=cast("dict[str, str]", message.nsmap))
    if namespace:
        schema.set("targetNamespace", namespace)
    element = etree.SubElement(schema, f"{_XS}element", name=name)
    parts = etree.SubElement(etree.SubElement(element, f"{_XS}complexType"), f"{_XS}all")
    imported = {namespace or "", XS}
    for part in message.iterchildren(f"{_WSDL}part"):
        type_name = part.get("type")
        if type_name is None:
            continue
        etree.SubElement(parts, f"{_XS}element", name=str(part.get("name")), type=type_name)
        prefix = type_name.rpartition(":")[0] or None
        uri = message.nsmap.get(prefix, "")
        if uri not in imported:
            imported.add(uri)
            schema.insert(0, etree.Element(f"{_XS}import", namespace=uri))
    return schema


def _soap_child(node: etree._Element, name: str) -> etree._Element | None:
    for namespace in _SOAP:
        found = node.find(f"{namespace}{name}")
        if found is not None:
            return found
    return None


def _named(roots: list[etree._Element], kind: str, name: str | None) -> etree._Element | None:
    local = (name or "").rpartition(":")[2]
    for root in roots:
        for node in root.iterchildren(f"{_WSDL}{kind}"):
            if node.get("name") == local:
                return node
    return None
