"""JSONPath as Jayway's library answers: (path, document, result). A row ends in `one` for definite paths."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.expression.jsonpath import MISSING, JsonPathSyntaxError, compile_jsonpath, to_text

STORE = json.dumps(
    {
        "store": {
            "book": [
                {"category": "reference", "author": "Rees", "title": "Sayings", "price": 8.95},
                {"category": "fiction", "author": "Waugh", "title": "Sword", "price": 12.99},
                {
                    "category": "fiction",
                    "author": "Melville",
                    "title": "Moby",
                    "isbn": "0-553",
                    "price": 8.99,
                },
                {
                    "category": "fiction",
                    "author": "Tolkien",
                    "title": "Rings",
                    "isbn": "0-395",
                    "price": 22.99,
                },
            ],
            "bicycle": {"color": "red", "price": 19.95},
        },
        "expensive": 10,
    }
)

DEFINITE: list[tuple[str, str, Any]] = [
    ("$", "5", 5),
    ("$.a", '{"a":1}', 1),
    ("a.b", '{"a":{"b":1}}', 1),
    ("[0]", "[7]", 7),
    ("$.[0].a", '[{"a":7}]', 7),
    ("$['a']", '{"a":null}', None),
    ('$["a b"]["c"]', '{"a b":{"c":1}}', 1),
    (r"$['it\'s']", '{"it\'s":1}', 1),
    (r"$['A']", '{"A":1}', 1),
    ("$.a-b.c:d.ü", '{"a-b":{"c:d":{"ü":1}}}', 1),
    ("$.a[1]", '{"a":[1,2]}', 2),
    ("$.a[ 0 ]", '{"a":[1,2]}', 1),
    ("$.a[01]", '{"a":[1,2]}', 2),
    ("$.a[-1]", '{"a":[1,2]}', 2),
    ("$.a[(@.length-1)]", '{"a":[1,2]}', 2),
    ("$.a[-3]", '{"a":[1,2]}', MISSING),
    ("$.a[2]", '{"a":[1,2]}', MISSING),
    ("$.a[0]", '{"a":"text"}', MISSING),
    ("$.a[0]", '{"a":{"0":1}}', MISSING),
    ("$.a.b", '{"a":[{"b":1}]}', MISSING),
    ("$.a.b", '{"a":null}', MISSING),
    ("$.a.b", '{"a":"text"}', MISSING),
    ("$.zzz", '{"a":1}', MISSING),
    ("$['a','b']", '{"a":1,"b":2,"c":3}', {"a": 1, "b": 2}),
    ("$['a','x']", '{"a":1}', {"a": 1}),
    ("$['a','b']", "[1]", MISSING),
    ("$.length()", "[1,2,3]", 3),
    ("$.a.length()", '{"a":{"x":1}}', 1),
    ("$.a.length()", '{"a":"abc"}', None),
    ("$.a.length()", '{"b":1}', MISSING),
    ("$.a.size()", '{"a":[3,4]}', 2),
    ("$.a.min()", '{"a":[5,"x",6]}', 5.0),
    ("$.a.max()", '{"a":[5,6]}', 6.0),
    ("$.a.avg()", '{"a":[5,6]}', 5.5),
    ("$.a.sum()", '{"a":[5,6]}', 11.0),
    ("$.a.stddev()", '{"a":[5,6]}', 0.5),
    ("$.a.sum()", '{"a":[]}', MISSING),
    ("$.sum($.a, $.b)", '{"a":5,"b":6}', 11.0),
    ("$.sum(1, 2)", "{}", 3.0),
    ("$.max($.a[*].n)", '{"a":[{"n":1},{"n":2}]}', 2.0),
    ("$.sum($.zzz)", "{}", MISSING),
    ("$.a.keys()", '{"a":{"x":1,"y":2}}', ["x", "y"]),
    ("$.a.keys()", '{"a":[1]}', None),
    ('$.concat("x", $.a, "y")', '{"a":"b"}', "xby"),
    ("$.a.concat()", '{"a":["b",1,"c"]}', "bc"),
    ("$.a.append(7)", '{"a":[5]}', [5, 7]),
    ("$.a.first()", '{"a":[5,6]}', 5),
    ("$.a.last()", '{"a":[5]}', 5),
    ("$.a.last()", '{"a":[]}', MISSING),
    ("$.a.index(1)", '{"a":[5,6]}', 6),
    ("$.a.first().b", '{"a":[{"b":1}]}', 1),
    ("$..x.length()", '{"a":[{"x":[1,2]},{"x":[3]}]}', 3),
    ("$..x.sum()", '{"a":[{"x":1},{"x":3}]}', 4.0),
    ("$..price.max()", STORE, 22.99),
]

INDEFINITE: list[tuple[str, str, Any]] = [
    ("$.*", '{"a":1,"b":[2]}', [1, [2]]),
    ("$.a[*]", '{"a":[1,{"b":2}]}', [1, {"b": 2}]),
    ("$.a[ * ].b", '{"a":[1,{"b":2}]}', [2]),
    ("$.a.*", '{"a":5}', []),
    ("$.a[*].zzz", '{"a":[1]}', []),
    ("$.zzz[*]", '{"a":1}', MISSING),
    ("a[*].b[*].c", '{"a":[{"b":[{"c":1},{"c":2}]},{"b":[{"c":3}]}]}', [1, 2, 3]),
    ("$.a[3].b[*]", '{"a":[1]}', []),
    ("$.a[3].b[*]", '{"a":5}', MISSING),
    ("$.a[0,2]", '{"a":[1,2,3]}', [1, 3]),
    ("$.a[0, -1, 7]", '{"a":[1,2,3]}', [1, 3]),
    ("$.a[0,1]", '{"a":5}', MISSING),
    ("$.a[1:]", '{"a":[1,2,3]}', [2, 3]),
    ("$.a[-2:]", '{"a":[1,2,3]}', [2, 3]),
    ("$.a[:2]", '{"a":[1,2,3]}', [1, 2]),
    ("$.a[:-1]", '{"a":[1,2,3]}', [1, 2]),
    ("$.a[1:2]", '{"a":[1,2,3]}', [2]),
    ("$.a[1:-1]", '{"a":[1,2,3]}', []),
    ("$.a[-3:-1]", '{"a":[1,2,3,4]}', [2, 3]),
    ("$.a[0:10:2]", '{"a":[1,2,3]}', [1, 2, 3]),
    ("$.a[0:2]", '{"a":5}', MISSING),
    ("$..b", '{"a":{"b":1},"b":{"b":2}}', [{"b": 2}, 1, 2]),
    ("$..a..b", '{"a":{"b":1,"a":{"b":2}}}', [1, 2, 2]),
    ("$..a[0]", '{"a":[1],"x":{"a":[2]}}', [1, 2]),
    ("$..[0]", '{"a":[[1,2],[3]]}', [[1, 2], 1, 3]),
    ("$..[0].b", '{"a":[{"b":1},{"b":3}]}', [1]),
    ("$..*", '{"a":[1,{"b":3}]}', [[1, {"b": 3}], 1, {"b": 3}, 3]),
    ("$..zzz", "5", []),
    ("$..['a','b']", '{"x":{"a":1,"b":2},"y":{"a":3}}', [{"a": 1, "b": 2}]),
    ("$['a','b'].c", '{"a":{"c":1},"b":{"c":2}}', [1, 2]),
    ("$.x[*]['a','b']", '{"x":[{"a":1,"b":2,"c":3},{"c":1}]}', [{"a": 1, "b": 2}, {}]),
    ("$.a[*].length()", '{"a":[[1],[1,2]]}', [1, 2]),
    ("$.a[*].max()", '{"a":[3,4]}', MISSING),
    ("$..author", STORE, ["Rees", "Waugh", "Melville", "Tolkien"]),
    ("$..book[?(@.isbn)].title", STORE, ["Moby", "Rings"]),
    ("$.store.book[?(@.price < $.expensive)].price", STORE, [8.95, 8.99]),
    ("$..book[?(@.author =~ /.*REES/i)].title", STORE, ["Sayings"]),
]

#: (condition, elements of the list that pass)
FILTERS: list[tuple[str, str, Any]] = [
    ("@.b == 'x'", '[{"b":"x"},{"b":"y"},{},1]', [{"b": "x"}]),
    ("@.b=='x'", '[{"b":"x"}]', [{"b": "x"}]),
    ('@["b"] == "x"', '[{"b":"x"}]', [{"b": "x"}]),
    ("@ > 1", "[1,2,3]", [2, 3]),
    ("2 <= @", "[1,2,3]", [2, 3]),
    ("@.b == 1", '[{"b":1},{"b":"1"},{"b":"1.0"},{"b":1.0},{"b":true}]', [{"b": 1}, {"b": "1"}, {"b": 1.0}]),
    ("@.b == '1'", '[{"b":1},{"b":"1"}]', [{"b": 1}, {"b": "1"}]),
    ("@.b === 1", '[{"b":1},{"b":"1"}]', [{"b": 1}]),
    ("@.b !== 1", '[{"b":1},{"b":"1"}]', [{"b": "1"}]),
    ("@.b == true", '[{"b":true},{"b":"true"},{"b":1}]', [{"b": True}]),
    ("@.b == null", '[{"b":null},{"c":2}]', [{"b": None}]),
    ("@.b != null", '[{"b":null},{"c":2},{"b":1}]', [{"c": 2}, {"b": 1}]),
    ("@.b == @.c", '[{"b":1,"c":1},{"b":1,"c":2},{}]', [{"b": 1, "c": 1}]),
    ("@.b == [1,2]", '[{"b":[1,2]},{"b":[2]},{"b":[1.0,2]}]', [{"b": [1, 2]}]),
    ('@.b == {"x":1}', '[{"b":{"x":1}},{"b":{"x":2}},{"b":{}}]', [{"b": {"x": 1}}]),
    ("@.b > 'a'", '[{"b":"b"},{"b":1}]', [{"b": "b"}]),
    ("@.b >= 2", '[{"b":"2"},{"b":2}]', [{"b": 2}]),
    ("@.b < -1.5e0", '[{"b":-2},{"b":-1}]', [{"b": -2}]),
    ("@.b", '[{"b":null},{"b":false},{}]', [{"b": None}, {"b": False}]),
    ("@.b.c", '[{"b":{"c":null}},{"b":{}},{"b":5}]', [{"b": {"c": None}}]),
    ("@.b[*].c", '[{"b":[{"c":1}]},{"b":[{"d":2}]},{}]', [{"b": [{"c": 1}]}]),
    ("!@.b", '[{"b":null},{"c":2}]', [{"c": 2}]),
    ("!(@.b == 1)", '[{"b":1},{"c":2}]', [{"c": 2}]),
    ("@.b == 1 && @.c == 2", '[{"b":1,"c":2},{"b":1}]', [{"b": 1, "c": 2}]),
    ("@.b==1&&@.c==2", '[{"b":1,"c":2},{"b":1}]', [{"b": 1, "c": 2}]),
    ("@.b&&@.c", '[{"b":1,"c":2},{"b":1}]', [{"b": 1, "c": 2}]),
    (
        "@.a=='b' && !(@.c > 3) || @.d =~ /re/i",
        '[{"a":"b"},{"a":"b","c":4},{"d":"RE"}]',
        [{"a": "b"}, {"d": "RE"}],
    ),
    ("@.b == 1 || @.c == 1 && @.d == 1", '[{"b":1},{"c":1},{"c":1,"d":1}]', [{"b": 1}, {"c": 1, "d": 1}]),
    ("(@.b == 1 || @.c == 1) && @.d == 1", '[{"b":1},{"c":1,"d":1}]', [{"c": 1, "d": 1}]),
    ("@.b =~ /X.*/i", '[{"b":"xyz"},{"b":"axyz"},{"b":["q","xx"]}]', [{"b": "xyz"}, {"b": ["q", "xx"]}]),
    (r"@.b =~ /x\/y\)/", '[{"b":"x/y)"}]', [{"b": "x/y)"}]),
    ("@.b =~ /1.*/", '[{"b":12},{"b":true},{}]', [{"b": 12}]),
    ("@.b in ['x', 'y']", '[{"b":"x"},{"b":"z"}]', [{"b": "x"}]),
    ("@.b IN [x, 1]", '[{"b":"x"},{"b":1},{"b":2}]', [{"b": "x"}, {"b": 1}]),
    ("@.b nin ['x']", '[{"b":"x"},{"b":"z"},{}]', [{"b": "z"}, {}]),
    ("'x' in @.b", '[{"b":["x"]},{"b":"xy"}]', [{"b": ["x"]}]),
    ("@.b subsetof ['x','y']", '[{"b":["x"]},{"b":["x","q"]},{"b":1}]', [{"b": ["x"]}]),
    ("@.b anyof ['x','y']", '[{"b":["x","q"]},{"b":["q"]}]', [{"b": ["x", "q"]}]),
    ("@.b noneof ['x','y']", '[{"b":["x","q"]},{"b":["q"]}]', [{"b": ["q"]}]),
    ("@.b all [1,2]", '[{"b":[1,2,3]},{"b":[1]}]', [{"b": [1, 2, 3]}]),
    ("@.b contains 'x'", '[{"b":["x"]},{"b":"axb"},{"b":"q"}]', [{"b": ["x"]}, {"b": "axb"}]),
    (
        "@.b size 2",
        '[{"b":["x",1]},{"b":"ab"},{"b":"q"},{"b":{"a":1,"b":2}}]',
        [{"b": ["x", 1]}, {"b": "ab"}],
    ),
    ("@.b empty true", '[{"b":[]},{"b":""},{"b":"q"},{}]', [{"b": []}, {"b": ""}]),
    ("@.b empty false", '[{"b":[]},{"b":"q"},{"c":1}]', [{"b": "q"}]),
    ("@.b.length() > 1", '[{"b":[1,2]},{"b":[1]}]', [{"b": [1, 2]}]),
    ("@.b[?(@.c == 1)] empty false", '[{"b":[{"c":1}]},{"b":[{"c":2}]}]', [{"b": [{"c": 1}]}]),
    (r"@.b == 'it\'s )]'", '[{"b":"it\'s )]"}]', [{"b": "it's )]"}]),
    ("@.b == $[0].b", '[{"b":1},{"b":2},{"b":1}]', [{"b": 1}, {"b": 1}]),
]


@pytest.mark.parametrize(("path", "document", "result"), DEFINITE)
def test_definite_path_gives_one_value(path: str, document: str, result: Any) -> None:
    compiled = compile_jsonpath(path)
    assert compiled.definite
    assert compiled.portable
    found = compiled.find(json.loads(document))
    assert found is result if result is MISSING else (found == result and found is not MISSING)


@pytest.mark.parametrize(("path", "document", "result"), INDEFINITE)
def test_indefinite_path_gives_a_list(path: str, document: str, result: Any) -> None:
    compiled = compile_jsonpath(path)
    assert not compiled.definite
    assert compiled.portable
    assert compiled.find(json.loads(document)) == result


@pytest.mark.parametrize(("condition", "elements", "kept"), FILTERS)
def test_filter(condition: str, elements: str, kept: Any) -> None:
    assert compile_jsonpath(f"$[?({condition})]").find(json.loads(elements)) == kept
    assert compile_jsonpath(f"$.a[ ?( {condition} ) ]").find({"a": json.loads(elements)}) in (kept, [])


def test_filter_on_an_object_tests_the_object_itself() -> None:
    path = compile_jsonpath("$.a[?(@.b == 1)].c")
    assert path.find({"a": {"b": 1, "c": 2}}) == [2]
    assert path.find({"a": {"b": 2, "c": 2}}) == []
    assert path.find({"a": 5}) is MISSING


@pytest.mark.parametrize(
    ("path", "offset", "about"),
    [
        ("", 0, "empty"),
        ("  ", 2, "empty"),
        ("$a", 1, "expected '.'"),
        ("$.", 2, "end with '.'"),
        ("$.a..", 5, "end with '.'"),
        ("$...a", 3, "too many dots"),
        ("$.a b", 3, "must be quoted"),
        ("a b", 1, "must be quoted"),
        ("$.a[", 3, "not closed"),
        ("$.a['b'", 7, "expected ',' or ']'"),
        ("$.a['b]", 4, "not closed with '"),
        ("$.a['b',]", 8, "quoted name"),
        ("$.a[1 2]", 3, "expected"),
        ("$.a[1x]", 3, "expected"),
        ("$.foo()", 2, "no function foo()"),
        ("$.sum(", 5, "not closed"),
        ("$.a[?(@.b]", 9, "or ')'"),
        ("$.a[?(@.b == )]", 13, "expected a value"),
        ("$.a[?(@.b ~ 1)]", 10, "no operator"),
        ("$.a[?(@.b sizeof 2)]", 10, "no operator"),
        ("$.a[?(@.b =~ /(/)]", 13, "not valid"),
        ("$.a[?(@.b =~ /x)]", 13, "not closed with '/'"),
        ("$.a[?(@.b c)]", 10, "or ')'"),
        ("  $.a[?(@b ~ 1)]", 9, "expected '.'"),
    ],
)
def test_syntax_error_has_its_place(path: str, offset: int, about: str) -> None:
    with pytest.raises(JsonPathSyntaxError) as caught:
        compile_jsonpath(path)
    assert about in caught.value.message
    assert caught.value.offset == offset


def test_path_of_another_dialect_works_and_is_marked() -> None:
    path = compile_jsonpath("$.a[?@.b > 1]")
    assert not path.portable
    assert path.find({"a": [{"b": 1}, {"b": 2}]}) == [{"b": 2}]


@pytest.mark.parametrize(
    ("value", "text"),
    [({"a": [1, "é\u2028/", None, True]}, '{"a":[1,"é\u2028/",null,true]}'), ("x", '"x"'), (1.5, "1.5")],
)
def test_text_is_compact_json(value: Any, text: str) -> None:
    assert to_text(value) == text


def nested(depth: int) -> Any:
    value: Any = {"b": 1}
    for _ in range(depth):
        value = {"a": [value]}
    return value


def test_deep_documents_are_searched_without_recursion() -> None:
    deep = nested(100_000)
    assert compile_jsonpath("$..b").find(deep) == [1]
    assert compile_jsonpath("$..a.length()").find(deep) == 100_000
    assert len(compile_jsonpath("$..*").find(deep)) == 200_001
    assert compile_jsonpath("$..[?(@.b == 1)].b").find(deep) == [1]
    one, other = nested(50_000), nested(50_000)
    assert len(compile_jsonpath("$[?(@ == $[0])]").find([one, other])) == 2


def test_absolute_path_in_a_filter_is_evaluated_once_for_a_document() -> None:
    document = {"items": [{"n": n} for n in range(3000)], "limits": [{"low": 5}] * 3000}
    path = compile_jsonpath("$.items[?(@.n in $..low)].n")
    start = time.process_time()
    assert path.find(document) == [5]
    assert path.find(document | {"limits": [{"low": 7}]}) == [7]
    assert time.process_time() - start < 1


PIECES = st.lists(
    st.sampled_from(
        [
            "$",
            "@",
            ".",
            "..",
            "[",
            "]",
            "(",
            ")",
            "?(",
            "*",
            "'",
            '"',
            ",",
            ":",
            "-",
            "1",
            "0",
            "a",
            "b",
            " ",
            "==",
            "=~",
            "/",
            "&&",
            "||",
            "!",
            "in",
            "size",
            "true",
            "null",
            "{",
            "}",
            "\\",
            "é",
            ".length()",
            "$.a",
            "[?(@.a",
            ")]",
            "[(@.length-1)]",
            ".sum(",
            "9" * 500,
        ]
    ),
    max_size=20,
).map("".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab1", max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("ab1"), inner, max_size=3),
    max_leaves=15,
)


@given(PIECES | st.text(), JSON)
def test_any_text_is_a_path_or_the_error(text: str, document: Any) -> None:
    try:
        path = compile_jsonpath(text)
    except JsonPathSyntaxError as error:
        offset = error.offset
    else:
        offset, found = 0, path.find(document)
        assert path.definite or found is MISSING or isinstance(found, list)
    assert 0 <= offset <= len(text) + 1


STEPS = st.lists(
    st.sampled_from(
        [
            ".a",
            ".b",
            "['a']",
            "['a','b']",
            "[0]",
            "[-1]",
            "[0,1]",
            "[1:]",
            "[*]",
            ".*",
            "..a",
            "..*",
            "..[0]",
            "[?(@.a == 1)]",
            "[?(@ > 0 || !@.b)]",
            "..[?(@.a)]",
            "[?(@.a =~ /a.*/)]",
            "[?(@.b in $..a)]",
        ]
    ),
    max_size=4,
).map(lambda steps: "$" + "".join(steps))


@given(STEPS, JSON)
def test_well_formed_paths_compile_and_every_hit_is_part_of_the_document(path: str, document: Any) -> None:
    compiled = compile_jsonpath(path)
    found = compiled.find(document)
    hits = [] if found is MISSING else [found] if compiled.definite else found
    if "','" not in path:
        parts = [to_text(document), *map(to_text, compile_jsonpath("$..*").find(document))]
        assert all(to_text(hit) in parts for hit in hits)
