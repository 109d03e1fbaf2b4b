"""Where a bundle names flow variables: conditions, templates, references and variables of policies, scripts.

Conditions and templates are parsed. In policies a text or attribute that is nothing but a dotted name counts as one, for
that is how references, sources and outputs are written; in scripts it is a string that is one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from apiproxy_runtime.bundle.finding import Place, Placed
from apiproxy_runtime.bundle.model import PolicySource
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.expression.condition.nodes import variables_of
from apiproxy_runtime.expression.condition.parser import parse
from apiproxy_runtime.expression.template.parser import TemplateSyntaxError, parse_template

if TYPE_CHECKING:
    from apiproxy_runtime.rehearsal.readiness.subject import Subject

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)+|messageid")
_QUOTED = re.compile(r"""["']([A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z0-9_-]+)+|messageid)["']""")
#: elements whose text is prose or code and no reference
_PROSE = frozenset(("Description", "DisplayName"))


class Usage(Struct, frozen=True):
    """`how` tells where the name stands; `policy` is set when that is in a policy."""

    name: str
    place: Placed
    how: Literal["condition", "template", "reference", "script"]
    policy: PolicySource | None = None


def usages(subject: Subject) -> list[Usage]:
    """Every name, in the order of the files."""
    found: list[Usage] = []
    for condition in subject.conditions:
        found += [Usage(name, condition.node, "condition") for name in _of_condition(condition.text)]
    for connection, policy in subject.connections:
        for text in (connection.url, connection.path):
            found += [Usage(name, connection.node, "template", policy) for name in _of_template(text or "")]
    for policy in subject.bundle.policies.values():
        found += _of_policy(policy)
    for file, text in subject.texts.items():
        for line, row in enumerate(text.splitlines(), 1):
            if "." in row or "messageid" in row:
                found += [Usage(name, Place(file, line), "script") for name in _QUOTED.findall(row)]
    return found


def _of_condition(text: str) -> tuple[str, ...]:
    try:
        return variables_of(parse(text))
    except ConditionSyntaxError:
        return ()


def _of_template(text: str) -> tuple[str, ...]:
    if "{" not in text:
        return ()
    try:
        return parse_template(text).variables
    except TemplateSyntaxError:
        return ()


def _of_policy(policy: PolicySource) -> Iterator[Usage]:
    for node in policy.node.walk():
        if node.tag in _PROSE:
            continue
        for text in (node.text.strip(), *node.attributes.values()):
            if _NAME.fullmatch(text.strip()):
                yield Usage(text.strip(), node, "reference", policy)
            elif "{" in text:
                for name in _of_template(text):
                    yield Usage(name, node, "template", policy)
        if "Condition" in node.tag or node.tag.startswith("Skip"):
            for name in _of_condition(node.text):
                yield Usage(name, node, "condition", policy)
