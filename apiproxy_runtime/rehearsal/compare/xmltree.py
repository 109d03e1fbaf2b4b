"""XML documents, by path: names in their namespaces, attributes without order, blanks between elements ignored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from lxml import etree

from apiproxy_runtime.rehearsal.difference import Mismatch


def compare_xml(before: etree._Element, after: etree._Element) -> Iterator[Mismatch]:
    """Differences of two trees; prefixes, comments and processing instructions mean nothing."""
    yield from _elements(before, after, f"/{_local(before)}")


def _elements(before: etree._Element, after: etree._Element, path: str) -> Iterator[Mismatch]:
    if before.tag != after.tag:
        yield Mismatch(path, "value", str(before.tag), str(after.tag))
        return
    for name, value in before.attrib.items():
        other = after.attrib.get(name)
        if other is None:
            yield Mismatch(f"{path}/@{name!s}", "missing", str(value), "")
        elif other != value:
            yield Mismatch(f"{path}/@{name!s}", "value", str(value), str(other))
    for name, value in after.attrib.items():
        if name not in before.attrib:
            yield Mismatch(f"{path}/@{name!s}", "extra", "", str(value))
    old, new = _text(before), _text(after)
    if old != new:
        yield Mismatch(f"{path}/text()", "value", old, new)
    yield from _children(_kids(before), _kids(after), path)


def _children(before: list[etree._Element], after: list[etree._Element], path: str) -> Iterator[Mismatch]:
    names, others = [_local(kid) for kid in before], [_local(kid) for kid in after]
    if names != others:
        gone, new = Counter(names) - Counter(others), Counter(others) - Counter(names)
        if not gone and not new:
            yield Mismatch(path, "order", " ".join(names), " ".join(others))
        for name in gone:
            kid = next(kid for kid in before if _local(kid) == name)
            yield Mismatch(f"{path}/{name}", "missing", _written(kid), "")
        for name in new:
            kid = next(kid for kid in after if _local(kid) == name)
            yield Mismatch(f"{path}/{name}", "extra", "", _written(kid))
    left: dict[str, list[etree._Element]] = {}
    for kid in after:
        left.setdefault(_local(kid), []).append(kid)
    positions: Counter[str] = Counter()
    for kid in before:
        name = _local(kid)
        queue = left.get(name)
        if queue:
            yield from _elements(kid, queue.pop(0), f"{path}/{name}[{positions[name]}]")
        positions[name] += 1


def _kids(element: etree._Element) -> list[etree._Element]:
    return [kid for kid in element if isinstance(kid.tag, str)]


def _local(element: etree._Element) -> str:
    return etree.QName(element).localname


def _text(element: etree._Element) -> str:
    """The text of an element itself; blanks around child elements do not count."""
    pieces = [element.text or "", *[kid.tail or "" for kid in element]]
    return "".join(piece.strip() for piece in pieces) if len(element) else (element.text or "")


def _written(element: etree._Element) -> str:
    return etree.tostring(element, encoding="unicode", with_tail=False)
