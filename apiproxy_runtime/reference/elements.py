"""The elements and attributes of a policy, as its declaration gives them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from msgspec import Struct

from apiproxy_runtime.policy.declaration import Element, Field
from apiproxy_runtime.policy.policy import Policy


class ElementEntry(Struct, frozen=True):
    """One element or attribute.

    path     from the policy's own element, `Allow/@count`
    kind     what its text may be, empty when it holds elements
    choices  the texts allowed, when they are few
    default  as one would write it, empty when there is none
    marks    `required`, `repeatable`, `ref`, `template`
    members  the elements it may hold in any order
    doc      what it is for
    """

    path: str
    kind: str = ""
    choices: tuple[str, ...] = ()
    default: str = ""
    marks: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    doc: str = ""


def element_entries(element: type[Element], prefix: str = "") -> Iterator[ElementEntry]:
    """An entry for each attribute and element below a declaration, in its order."""
    for field in element.fields:
        if field.shape == "attribute":
            yield _entry(f"{prefix}@{field.tag}", field, field)
        elif field.shape == "sequence":
            tags = tuple(member.tag for member in field.sequence)
            yield ElementEntry(f"{prefix}…", members=tags, doc=one_line(field.doc) or "in document order")
            for member in field.sequence:
                yield from _nested(f"{prefix}{member.tag}", member, field)
        elif field.element is not None:
            yield from _nested(f"{prefix}{field.tag}", field.element, field)
        elif field.shape != "text":
            yield _entry(f"{prefix}{field.tag}", field, field)


def _nested(path: str, element: type[Element], field: Field) -> Iterator[ElementEntry]:
    """The entry of a nested element, its own text in it, and the entries below."""
    own = next((inner for inner in element.fields if inner.shape == "text"), None)
    doc = "" if field.shape == "sequence" else field.doc
    yield _entry(path, field, own, doc or (own.doc if own is not None else "") or summary(element))
    yield from element_entries(element, f"{path}/")


def _entry(path: str, field: Field, holder: Field | None, doc: str = "") -> ElementEntry:
    """`holder` is the field whose kind of text the element holds, None when it holds elements only."""
    marks = sorted({mark for each in (field, holder) if each is not None for mark in _marks(each)})
    doc = one_line(doc or field.doc)
    if holder is None:
        return ElementEntry(path, marks=tuple(marks), doc=doc)
    default = {True: "true", False: "false", None: ""}.get(holder.default, holder.default)
    choices = tuple(map(str, holder.kind.choices))
    return ElementEntry(path, one_line(holder.kind.name), choices, str(default), tuple(marks), (), doc)


def _marks(field: Field) -> Iterator[str]:
    if field.required:
        yield "required"
    if field.many and field.shape != "sequence":
        yield "repeatable"
    if field.ref:
        yield "ref"
    if field.template:
        yield "template"


def variables_of(policy: type[Policy]) -> dict[str, str]:
    """Every variable that a policy sets, and what it means; `{policy}` stands for the policy's name."""
    failed = f"{policy.prefix}.{{policy}}.failed"
    if not policy.prefix or failed in policy.variables:
        return dict(policy.variables)
    return {**policy.variables, failed: "whether the policy failed when it last ran"}


def summary(of: type) -> str:
    """The first paragraph of a class's own docstring, nothing when it has none."""
    return one_line(inspect.cleandoc(of.__dict__.get("__doc__") or "").partition("\n\n")[0])


def one_line(text: object) -> str:
    return re.sub(r"\s+", " ", str(text)).strip()
