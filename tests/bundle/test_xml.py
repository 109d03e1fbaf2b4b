from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.bundle.xml import MAX_DEPTH, MAX_ELEMENTS, XmlError, parse_xml

SAMPLE = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- head -->
<AssignMessage name="AM"
    enabled="true">
  <Set>
    <Payload contentType="text/xml"><a:b xmlns:a="urn:a" t='>'>x &amp; y<!-- in --><c/></a:b><![CDATA[<raw>]]></Payload>
  </Set>
  <Hue/>one<Hue>two</Hue>
</AssignMessage>
<?after it?>
"""


def test_every_element_knows_where_its_tag_begins() -> None:
    root = parse_xml(SAMPLE, "apiproxy/policies/AM.xml")
    places = [(node.tag, node.line, node.column) for node in root.walk()]
    assert places == [
        ("AssignMessage", 3, 1),
        ("Set", 5, 3),
        ("Payload", 6, 5),
        ("a:b", 6, 37),
        ("c", 6, 84),
        ("Hue", 8, 3),
        ("Hue", 8, 12),
    ]
    assert {node.file for node in root.walk()} == {"apiproxy/policies/AM.xml"}


def test_children_are_found_by_name() -> None:
    root = parse_xml(SAMPLE, "f")
    assert root.name == "AM"
    assert [node.text for node in root.all("Hue")] == ["", "two"]
    first = root.child("Hue")
    assert first is root.all("Hue")[0]
    assert root.child("Tint") is None
    assert root.child_text("Tint") is None
    assert root.child_text("Tint", "grey") == "grey"
    assert root.child_text("Hue", "grey") == ""


def test_text_joins_all_direct_text_and_resolves_cdata() -> None:
    root = parse_xml(b"<a>one <b>not me</b><![CDATA[<two>]]>&lt;three&#33;</a>", "f")
    assert root.text == "one <two><three!"


@pytest.mark.parametrize(
    ("xml", "inner"),
    [
        (b"<P/>", ""),
        (b"<P></P>", ""),
        (b"<P a='/>'>x</P>", "x"),
        (b"<P><a:b xmlns:a='u'>1 &amp; 2</a:b> tail <!-- c --><![CDATA[<d>]]></P>",
         "<a:b xmlns:a='u'>1 &amp; 2</a:b> tail <!-- c --><![CDATA[<d>]]>"),
        ("<P>naïve <b>é</b></P>".encode(), "naïve <b>é</b>"),
        (b"<P>a\r\nb\rc</P>", "a\nb\nc"),
    ],
)  # fmt: skip
def test_inner_xml_is_the_content_as_written(xml: bytes, inner: str) -> None:
    assert parse_xml(xml, "f").inner_xml() == inner


def test_outer_xml_includes_the_tags() -> None:
    root = parse_xml(b"<a><e/><f></f ><g>1</g></a>", "f")
    assert [node.outer_xml() for node in root.walk()] == [
        "<a><e/><f></f ><g>1</g></a>",
        "<e/>",
        "<f></f >",
        "<g>1</g>",
    ]


def test_comments_and_instructions_are_kept_beside_the_tree() -> None:
    root = parse_xml(SAMPLE, "f")
    assert [(comment.text, comment.line) for comment in root.comments] == [(" head ", 2)]
    payload = next(node for node in root.walk() if node.tag == "a:b")
    assert [comment.text for comment in payload.comments] == [" in "]
    assert payload.text == "x & y"
    inside = parse_xml(b"<a><?go now?></a>", "f").comments[0]
    assert (inside.target, inside.text) == ("go", "now")


@pytest.mark.parametrize(
    "data",
    [
        "<a>ä</a>".encode(),
        b"\xef\xbb\xbf" + "<a>ä</a>".encode(),
        '<?xml version="1.0" encoding="ISO-8859-1"?><a>ä</a>'.encode("latin-1"),
        '<?xml version="1.0" encoding="windows-1252"?><a>ä</a>'.encode("cp1252"),
        '<?xml version="1.0" encoding="UTF-16"?><a>ä</a>'.encode("utf-16"),
        "<a>ä</a>".encode("utf-16-le"),
        "<a>ä</a>".encode("utf-32"),
    ],
)
def test_encodings_and_byte_order_marks(data: bytes) -> None:
    node = parse_xml(data, "f")
    assert node.text == "ä"
    assert node.inner_xml() == "ä"


@pytest.mark.parametrize(
    ("xml", "line", "word"),
    [
        (b"", 1, "empty"),
        (b"<a>\n<b>\n</a>", 3, "mismatch"),
        (b"<a>\n  x && y\n</a>", 2, "EntityRef"),
        (b'<a b="1"\nb="2"/>', 2, "redefined"),
        (b"\n<?xml version='1.0'?><a/>", 2, "declaration"),
        (b"<a/>\n<b/>", 2, "Extra content"),
        (b"<a>\n\xff</a>", 2, "utf-8"),
        (b'<?xml version="1.0" encoding="martian"?><a/>', 1, "martian"),
        (b'<?xml version="1.0" encoding="hex"?><a/>', 1, "hex"),
        (b'<?xml version="1.0" encoding="idna"?><a/>', 1, "idna"),
        (b"<a>&nbsp;</a>", 1, "nbsp"),
    ],
)
def test_what_is_not_well_formed_says_where_and_why(xml: bytes, line: int, word: str) -> None:
    with pytest.raises(XmlError) as caught:
        parse_xml(xml, "apiproxy/p.xml")
    assert (caught.value.file, caught.value.line) == ("apiproxy/p.xml", line)
    assert caught.value.column >= 1
    assert word in caught.value.message


LAUGHS = (
    b'<!DOCTYPE a [<!ENTITY l0 "ha">'
    + b"".join(b'<!ENTITY l%d "%s">' % (i, b"&l%d;" % (i - 1) * 10) for i in range(1, 12))
    + b"]><a>&l11;</a>"
)


@pytest.mark.parametrize(
    "xml",
    [
        LAUGHS,
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]><a/>',
        b'<!-- c -->\n<?p i?><!DOCTYPE a PUBLIC "[" "x" [<!ATTLIST a b CDATA "long">]><a/>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a>&x;</a>',
    ],
    ids=[
        "billion laughs",
        "external entity",
        "parameter entity",
        "default attribute",
        "entity of external DTD",
    ],
)
def test_declarations_that_could_expand_or_fetch_are_refused(xml: bytes) -> None:
    begin = time.perf_counter()
    with pytest.raises(XmlError):
        parse_xml(xml, "f")
    assert time.perf_counter() - begin < 1


def test_an_external_dtd_is_named_but_never_read() -> None:
    assert parse_xml(b'<!DOCTYPE a SYSTEM "http://127.0.0.1:9/a.dtd"><a>x</a>', "f").text == "x"


def test_a_doctype_inside_a_payload_is_just_text() -> None:
    xml = b"<P><![CDATA[<!DOCTYPE html [<!ENTITY x 'y'>]><html/>]]></P>"
    assert parse_xml(xml, "f").text.startswith("<!DOCTYPE html")


def test_depth_is_bounded() -> None:
    deep = b"<a>" * MAX_DEPTH + b"</a>" * MAX_DEPTH
    assert sum(1 for _ in parse_xml(deep, "f").walk()) == MAX_DEPTH
    with pytest.raises(XmlError, match="nested deeper"):
        parse_xml(b"<a>" + deep + b"</a>", "f")


def test_size_and_number_of_elements_are_bounded() -> None:
    with pytest.raises(XmlError, match="101 bytes"):
        parse_xml(b"<a>" + b"x" * 94 + b"</a>", "f", max_bytes=100)
    with pytest.raises(XmlError, match="more than 200000 elements"):
        parse_xml(b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>", "f")


def test_three_hundred_policies_parse_well_under_a_fifth_of_a_second() -> None:
    policies = [SAMPLE.replace(b"<Hue/>", b"<Hue/>" * 30)] * 300
    seconds = []
    for _ in range(3):
        begin = time.perf_counter()
        for policy in policies:
            parse_xml(policy, "f")
        seconds.append(time.perf_counter() - begin)
    assert min(seconds) < 0.2


_names = st.sampled_from(["a", "b", "ns:c", "D-e_f.g"])
_texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


@st.composite
def _elements(draw: st.DrawFn, depth: int = 3) -> str:
    name = draw(_names)
    attributes = draw(st.dictionaries(st.sampled_from(["x", "y", "z"]), _texts, max_size=2))
    head = name + "".join(f' {key}="{_escape(value)}"' for key, value in attributes.items())
    parts = [_escape(draw(_texts))]
    if depth:
        for _ in range(draw(st.integers(0, 2))):
            parts += [draw(_elements(depth=depth - 1)), _escape(draw(_texts))]
    content = "".join(parts)
    return f"<{head}/>" if not content and draw(st.booleans()) else f"<{head}>{content}</{name}>"


@given(_elements())
def test_any_element_gives_its_own_text_back(xml: str) -> None:
    root = parse_xml(xml.encode(), "f")
    assert root.outer_xml() == xml
    for node in root.walk():
        again = parse_xml(node.outer_xml().encode(), "f")
        assert (again.tag, again.attributes, again.text) == (node.tag, node.attributes, node.text)
        assert again.inner_xml() == node.inner_xml()


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    for prefix in (b"", b"<a>", b'<?xml version="1.0" encoding="'):
        with contextlib.suppress(XmlError):
            assert parse_xml(prefix + data, "f").line >= 1
