"""Declarations: XML in, typed fields and findings out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.xml import parse_xml
from apiproxy_runtime.policy.declaration import (
    Element,
    Value,
    attribute,
    child,
    children,
    many,
    nested,
    sequence,
    text,
    walk,
)
from apiproxy_runtime.policy.kinds import (
    BOOLEAN,
    INTEGER,
    MILLISECONDS,
    NATURAL,
    NUMBER,
    PAYLOAD,
    POSITIVE,
    Kind,
    at_least,
    one_of,
)
from apiproxy_runtime.policy.policy import Policy, fault_table


class Item(Element):
    name: str = attribute("name", required=True, default="")
    value: str = text(default="")


class Left(Element):
    tag = "Left"
    side: str = text(default="")


class Right(Element):
    tag = "Right"
    side: str = text(default="")


class Thing(Element):
    ignored = ("Comment",)
    count: int = attribute("count", INTEGER, default=1)
    mode: str = attribute("mode", one_of("fast", "slow"), default="fast")
    title: str | None = child("Title")
    limit: int = child("Limit", POSITIVE, default=5)
    must: str = child("Must", default="", required=True)
    rate: Value[int] | None = child("Rate", INTEGER, ref=True, default=9)
    body: str = child("Body", PAYLOAD, default="")
    greeting: Value[str] | None = child("Greeting", template=True)
    tags: tuple[str, ...] = children("Tag")
    first: Item | None = nested("First", Item)
    items: tuple[Item, ...] = many("Item", Item)
    sides: tuple[Left | Right, ...] = sequence(Left, Right)


def parse(cls: type[Any], xml: str) -> tuple[Any, Findings]:
    findings = Findings()
    return cls.parse(parse_xml(xml.encode(), "thing.xml"), findings), findings


def thing(inner: str = "", attributes: str = "", must: str = "<Must>m</Must>") -> tuple[Any, Findings]:
    return parse(Thing, f"<Thing{attributes}>{must}{inner}</Thing>")


def found(findings: Findings) -> list[tuple[str, str]]:
    return [(finding.severity, finding.name) for finding in findings]


# ---- values


def test_what_is_missing_has_its_default():
    parsed, findings = thing()
    assert len(findings) == 0
    assert (parsed.count, parsed.mode, parsed.title, parsed.limit) == (1, "fast", None, 5)
    assert (parsed.rate.text, parsed.rate.ref, parsed.rate.default) == (None, None, 9)
    assert parsed.greeting is None
    assert (parsed.body, parsed.tags, parsed.first, parsed.items, parsed.sides) == ("", (), None, (), ())


def test_what_is_written_is_parsed():
    parsed, findings = thing(
        "<Title> t </Title><Limit> 7 </Limit><Body> b </Body><Tag>x</Tag><Tag>y</Tag>"
        '<First name="f">1</First><Item name="a">1</Item><Item name="b">2</Item>',
        ' count="-3" mode="slow"',
    )
    assert len(findings) == 0
    assert (parsed.count, parsed.mode, parsed.title, parsed.limit) == (-3, "slow", "t", 7)
    assert (parsed.body, parsed.tags) == (" b ", ("x", "y"))
    assert (parsed.first.name, parsed.first.value) == ("f", "1")
    assert [(item.name, item.value) for item in parsed.items] == [("a", "1"), ("b", "2")]


def test_a_sequence_keeps_the_order_of_the_document():
    parsed, _ = thing("<Right>1</Right><Left>2</Left><Right>3</Right>")
    assert [(type(side), side.side) for side in parsed.sides] == [(Right, "1"), (Left, "2"), (Right, "3")]


def test_every_element_remembers_its_place():
    parsed, _ = parse(Thing, '<Thing>\n<Must>m</Must>\n<Item name="a"/></Thing>')
    assert (parsed.node.line, parsed.items[0].node.line) == (1, 3)


@pytest.mark.parametrize(
    ("xml", "text_", "ref", "literal"),
    [
        ("<Rate>30</Rate>", "30", None, 30),
        ('<Rate ref="a.b">30</Rate>', "30", "a.b", 30),
        ('<Rate ref=" a.b "/>', None, "a.b", None),
        ("<Rate/>", None, None, None),
        ('<Rate ref="">30</Rate>', "30", None, 30),
    ],
)
def test_a_value_may_come_from_a_variable(xml: str, text_: str | None, ref: str | None, literal: int | None):
    parsed, findings = thing(xml)
    assert len(findings) == 0
    assert (parsed.rate.text, parsed.rate.ref, parsed.rate.literal) == (text_, ref, literal)
    assert parsed.rate.default == 9


def test_a_template_has_no_literal_until_it_is_expanded():
    parsed, _ = thing("<Greeting>Hello {name}</Greeting>")
    assert (parsed.greeting.text, parsed.greeting.literal, parsed.greeting.template) == (
        "Hello {name}",
        None,
        True,
    )
    parsed, _ = thing("<Greeting>Hello</Greeting>")
    assert parsed.greeting.literal == "Hello"


@pytest.mark.parametrize(("value", "expected"), [("12", 12), (" 12 ", 12), (12, 12)])
def test_a_resolved_value_is_converted_to_the_kind(value: object, expected: int):
    parsed, _ = thing("<Rate>1</Rate>")
    assert parsed.rate.convert(value) == expected


@pytest.mark.parametrize("value", ["abc", "", True, 1.5])
def test_a_resolved_value_of_another_kind_raises(value: object):
    parsed, _ = thing("<Rate>1</Rate>")
    with pytest.raises(ValueError):
        parsed.rate.convert(value)


def test_a_resolved_boolean_is_converted_from_its_type_and_its_text():
    class Flag(Element):
        on: Value[bool] | None = child("On", BOOLEAN, ref=True)

    parsed, _ = parse(Flag, "<Flag><On ref='v'/></Flag>")
    assert [parsed.on.convert(value) for value in (True, "True", False, "false")] == [
        True,
        True,
        False,
        False,
    ]


# ---- findings


@pytest.mark.parametrize(
    ("inner", "attributes", "message"),
    [
        ("<Limit>0</Limit>", "", '<Limit> must be a positive integer, not "0"'),
        ("<Limit>five</Limit>", "", '<Limit> must be a positive integer, not "five"'),
        ("<Rate>fast</Rate>", "", '<Rate> must be an integer, not "fast"'),
        ("", ' count="many"', 'count of <Thing> must be an integer, not "many"'),
        ("", ' mode="Fast"', 'mode of <Thing> must be one of fast, slow, not "Fast"'),
        ("<Item>1</Item>", "", '<Item> needs the attribute "name"'),
        ('<Item name=" ">1</Item>', "", '<Item> needs the attribute "name"'),
    ],
)
def test_what_is_not_of_its_kind_is_an_error_and_gets_the_default(inner: str, attributes: str, message: str):
    parsed, findings = thing(inner, attributes)
    assert [(finding.severity, finding.message) for finding in findings] == [("error", message)]
    assert findings.items[0].cure
    assert (parsed.limit, parsed.count, parsed.mode) == (5, 1, "fast")


@pytest.mark.parametrize("must", ["", "<Must/>", "<Must> </Must>"])
def test_what_is_required_must_be_there_and_not_empty(must: str):
    _, findings = thing(must=must)
    assert found(findings) == [("error", "InvalidElement")]


@pytest.mark.parametrize(
    ("xml", "errors"), [("<R/>", 1), ("<R><V/></R>", 1), ("<R><V ref='a'/></R>", 0), ("<R><V>1</V></R>", 0)]
)
def test_a_required_value_may_come_from_a_variable(xml: str, errors: int):
    class R(Element):
        value: Value[int] | None = child("V", INTEGER, ref=True, required=True)

    _, findings = parse(R, xml)
    assert len(findings.errors) == errors


@pytest.mark.parametrize(
    ("inner", "attributes", "name", "cure"),
    [
        ("<Titel>t</Titel>", "", "UnknownElement", 'Did you mean "Title"?'),
        ("<Zebra/>", "", "UnknownElement", "Remove it; Apigee ignores it."),
        ("", ' cuont="1"', "UnknownAttribute", 'Did you mean "count"?'),
        ("<Title>1</Title><Title>2</Title>", "", "RepeatedElement", "Keep one; the first counts."),
    ],
)
def test_what_apigee_ignores_is_a_warning(inner: str, attributes: str, name: str, cure: str):
    _, findings = thing(inner, attributes)
    assert [(finding.severity, finding.name, finding.cure) for finding in findings] == [
        ("warning", name, cure)
    ]


def test_of_a_repeated_element_the_first_counts():
    parsed, _ = thing("<Title>1</Title><Title>2</Title>")
    assert parsed.title == "1"


@pytest.mark.parametrize(
    ("inner", "attributes"),
    [
        ("<Comment>any</Comment>", ""),
        ("", ' xmlns="urn:a"'),
        ("", ' xmlns:x="urn:x" x:schemaLocation="y"'),
        ('<Rate ref="a">1</Rate>', ""),
    ],
)
def test_what_is_meant_to_be_passed_over_is_no_finding(inner: str, attributes: str):
    _, findings = thing(inner, attributes)
    assert len(findings) == 0


def test_an_open_element_takes_any_child_and_attribute():
    class Free(Element):
        open = True

    _, findings = parse(Free, '<Free a="1"><b><c/></b></Free>')
    assert len(findings) == 0


def test_an_alias_is_another_name_for_an_element():
    class Aged(Element):
        expiry: int = child("ExpiryTimeInSecs", INTEGER, default=0, aliases=("ExpiryTimeInSeconds",))

    assert parse(Aged, "<A><ExpiryTimeInSeconds>3</ExpiryTimeInSeconds></A>")[0].expiry == 3
    parsed, findings = parse(
        Aged, "<A><ExpiryTimeInSecs>1</ExpiryTimeInSecs><ExpiryTimeInSeconds>3</ExpiryTimeInSeconds></A>"
    )
    assert (parsed.expiry, found(findings)) == (1, [("warning", "RepeatedElement")])


def test_an_element_inherits_fields_and_may_declare_more():
    class More(Item):
        extra: int = child("Extra", INTEGER, default=0)

    parsed, findings = parse(More, '<More name="n"><Extra>2</Extra></More>')
    assert (parsed.name, parsed.extra, len(findings)) == ("n", 2, 0)


# ---- policies


class Sample(Policy):
    tag = "Sample"
    prefix = "sample"
    faults = fault_table(
        "steps.sample", ("Failed", 500, "{policy} failed with {what}"), ("other.code.Named", 401, "no")
    )
    limit: int = child(
        "Limit",
        POSITIVE,
        default=1,
        error="BadLimit",
        message="{element} of {policy} is {value}",
        cure="Mend it.",
    )


def test_an_error_may_have_its_own_name_message_and_cure():
    _, findings = parse(Sample, '<Sample name="S-1"><Limit>0</Limit></Sample>')
    finding = findings.items[0]
    assert (finding.name, finding.message, finding.cure) == ("BadLimit", "Limit of S-1 is 0", "Mend it.")


def test_every_policy_has_the_common_attributes_and_passes_over_the_common_children():
    parsed, findings = parse(
        Sample,
        '<Sample name="S" enabled="FALSE" continueOnError="true" async="false"><DisplayName>d</DisplayName>'
        "<Description/><Properties><Property/></Properties><FaultRules/></Sample>",
    )
    assert len(findings) == 0
    assert (parsed.name, parsed.enabled, parsed.continue_on_error, parsed.asynchronous) == (
        "S",
        False,
        True,
        False,
    )


def test_a_fault_is_filled_from_the_table():
    parsed, _ = parse(Sample, '<Sample name="S"/>')
    fault = parsed.fault("Failed", what="{policy}?")
    assert (fault.code, fault.name, fault.status) == ("steps.sample.Failed", "Failed", 500)
    assert fault.text.startswith("S failed with ")
    assert parsed.fault("Named").code == "other.code.Named"
    assert parsed.failed_variables() == ("sample.S.failed",)


def test_walk_names_every_place():
    paths = [path for path, _ in walk(Thing)]
    assert {"count", "Title", "Item", "Item/name", "First/name", "Left|Right"} <= set(paths)


def test_walk_ends_where_elements_nest_in_themselves():
    class Tree(Element):
        label: str = child("Label", default="")

    Tree.fields += (nested("Branch", Tree),)
    assert [path for path, _ in walk(Tree)] == ["Label", "Branch"]


# ---- kinds


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (BOOLEAN, {"true": True, "False": False, "TRUE": True}, ["yes", "1", ""]),
        (INTEGER, {"7": 7, "-7": -7, "007": 7}, ["7.0", "1_000", "x", ""]),
        (NUMBER, {"7": 7.0, "7.5": 7.5}, ["1_0", "x", ""]),
        (POSITIVE, {"1": 1}, ["0", "-1", "1_0"]),
        (NATURAL, {"0": 0}, ["-1"]),
        (MILLISECONDS, {"500": 500}, ["5s", "0"]),
        (at_least(10, "ten or more"), {"10": 10}, ["9"]),
        (one_of("GET", "POST", ignore_case=True), {"get": "GET", "POST": "POST"}, ["PUT"]),
        (one_of("a"), {"a": "a"}, ["A"]),
    ],
)
def test_kinds(kind: Kind, good: dict[str, object], bad: list[str]):
    assert {each: kind.parse(each) for each in good} == good
    for each in bad:
        with pytest.raises(ValueError):
            kind.parse(each)


# ---- any XML

_names = st.sampled_from(
    ["Title", "Limit", "Must", "Rate", "Item", "Left", "Right", "Zebra", "First", "Tag", "Body"]
)
_attributes = st.dictionaries(
    st.sampled_from(["count", "mode", "ref", "name", "x"]), st.text("abc01 {}", max_size=4), max_size=3
)


@st.composite
def _xml(draw: st.DrawFn, depth: int = 2) -> str:
    name = draw(_names)
    attributes = "".join(f' {key}="{value}"' for key, value in draw(_attributes).items())
    inner = draw(st.text("ab1 {}-", max_size=5))
    if depth:
        inner += "".join(draw(st.lists(_xml(depth - 1), max_size=3)))
    return f"<{name}{attributes}>{inner}</{name}>"


@given(st.lists(_xml(), max_size=6), _attributes)
def test_whatever_stands_there_is_read_and_every_field_is_filled(
    parts: list[str], attributes: dict[str, str]
):
    shown = "".join(f' {key}="{value}"' for key, value in attributes.items())
    parsed, findings = parse(Thing, f"<Thing{shown}>{''.join(parts)}</Thing>")
    assert isinstance(parsed.count, int)
    assert isinstance(parsed.limit, int)
    assert parsed.limit >= 1
    assert parsed.mode in ("fast", "slow")
    assert all(isinstance(item, Item) and isinstance(item.name, str) for item in parsed.items)
    assert all(finding.message and finding.line >= 1 for finding in findings)
