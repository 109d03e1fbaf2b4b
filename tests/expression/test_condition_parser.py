"""Reading conditions: what is refused and where, how operators bind, what is doubtful."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apiproxy_runtime.expression.condition.compiler import compile_condition
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.expression.condition.nodes import (
    And,
    Comparison,
    Literal,
    Not,
    Operator,
    Or,
    Variable,
    variables_of,
    warnings_of,
)
from apiproxy_runtime.expression.condition.parser import parse
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.message import Message

REFUSED = [
    ('request.verb = "GET', 15, "closing double quote"),
    ("'request.verb = x", 0, "closing single quote"),
    ('(request.verb = "GET"', 0, "never closed"),
    ('request.verb = "GET")', 20, "closes nothing"),
    ("a = 1 + 2", 6, "cannot calculate"),
    ("a = 1 - 2", 6, "cannot calculate"),
    ("a = 1 -2", 6, "cannot calculate"),
    ('{a} = "1"', 0, "curly braces"),
    ("a = {b}", 4, "curly braces"),
    ('a !~~ "b"', 2, "not (variable"),
    ('a SeemsLike "b"', 2, "'SeemsLike' is not an operator"),
    ("a LessThan 3", 2, "LesserThan"),
    ("a & b", 2, "&&"),
    ("a | b", 2, "||"),
    ("a =", 3, "needs a value or a variable on its right"),
    ("a = and b", 4, "needs a value or a variable on its right"),
    ("= 3", 0, "before it"),
    ("a and", 5, "ends where"),
    ("()", 1, "nothing stands before it"),
    ("not", 3, "ends where"),
    ("a ~ b", 4, "pattern in double quotes"),
    ("a ~~ 3", 5, "pattern in double quotes"),
    ("a ~/ null", 5, "pattern in double quotes"),
    ('a ~~ "x(y"', 7, "never closed"),
    ('(a = "1") = true', 10, "cannot be compared"),
    ("a not = 3", 2, "negate the whole comparison"),
    ("a = 99999999999999999999", 4, "too large"),
    ("a = 1.5L", 4, "no fraction"),
    ("a = 5x", 4, "a number is"),
    ("a = “GET”", 4, "typographic"),
    ("a = &quot;GET&quot;", 4, "escaped twice"),
    ('a = "x" "y"', 8, "operator is missing"),
    ("'' = 3", 0, "no variable name"),
    ("a = (b and c)", 4, "one value"),
]


@pytest.mark.parametrize(("text", "offset", "hint"), REFUSED)
def test_a_broken_condition_is_refused_where_it_breaks(text, offset, hint):
    with pytest.raises(ConditionSyntaxError) as caught:
        parse(text)
    assert hint in caught.value.message
    assert caught.value.offset == offset


def test_an_error_knows_its_line_and_column():
    with pytest.raises(ConditionSyntaxError) as caught:
        parse('request.verb = "GET"\n  and x ~ y')
    assert (caught.value.line, caught.value.column) == (2, 11)
    assert "line 2, column 11" in str(caught.value)


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_an_empty_condition_is_unconditional(text):
    assert parse(text) is None
    assert variables_of(parse(text)) == ()
    assert warnings_of(parse(text)) == []
    assert compile_condition(text, read)(context()) is True


SPELLINGS = {
    Operator.EQUALS: ["=", "==", "Equals", "EQUALS", "is", "Is"],
    Operator.NOT_EQUALS: ["!=", "NotEquals", "notequals", "IsNot", "is not", "IS NOT"],
    Operator.EQUALS_CASE_INSENSITIVE: [":=", "EqualsCaseInsensitive"],
    Operator.GREATER_THAN: [">", "GreaterThan", "&gt;"],
    Operator.GREATER_THAN_OR_EQUALS: [">=", "GreaterThanOrEquals", "&gt;="],
    Operator.LESSER_THAN: ["<", "LesserThan", "&lt;"],
    Operator.LESSER_THAN_OR_EQUALS: ["<=", "LesserThanOrEquals", "&lt;="],
    Operator.JAVA_REGEX: ["~~", "JavaRegex", "javaregex"],
    Operator.MATCHES: ["~", "Matches", "Like", "LIKE"],
    Operator.NOT_MATCHES: ["!~"],
    Operator.MATCHES_PATH: ["~/", "MatchesPath", "LikePath"],
    Operator.STARTS_WITH: ["=|", "StartsWith"],
}


@pytest.mark.parametrize(
    ("operator", "spelling"), [(key, each) for key, values in SPELLINGS.items() for each in values]
)
def test_operator_spellings(operator, spelling):
    node = parse(f'a {spelling} "b"')
    assert isinstance(node, Comparison)
    assert node.operator is operator
    assert (node.left, node.right) == (Variable("a", 0, 1), node.right)
    if not spelling[0].isalpha():
        assert isinstance(glued := parse(f'a{spelling}"b"'), Comparison)
        assert glued.operator is operator


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("3", 3, "integer"),
        ("-3", -3, "integer"),
        ("0.7", 0.7, "double"),
        ("3.142f", 3.142, "float"),
        ("2F", 2.0, "float"),
        ("1d", 1.0, "double"),
        ("12321421312L", 12321421312, "long"),
        ("true", True, "boolean"),
        ("FALSE", False, "boolean"),
        ("null", None, "null"),
        ('"x"', "x", "string"),
        ("'x'", "x", "string"),
        ('""', "", "string"),
    ],
)
def test_literals(text, value, kind):
    node = parse(f"a = {text}")
    assert isinstance(node, Comparison)
    assert isinstance(node.right, Literal)
    assert (node.right.value, node.right.kind) == (value, kind)
    assert type(node.right.value) is type(value)


A, B, C, D = (Variable(name, 0, 0) for name in "abcd")


def shape(node):
    """The tree without positions, as nested tuples."""
    match node:
        case And() | Or():
            return (type(node).__name__.lower(), *map(shape, node.operands))
        case Not():
            return ("not", shape(node.operand))
        case Comparison():
            return (node.operator.value, shape(node.left), shape(node.right))
        case Variable():
            return node.name
        case _:
            return node.value


@pytest.mark.parametrize(
    ("text", "default", "java"),
    [
        ("a and b or c", ("and", "a", ("or", "b", "c")), ("or", ("and", "a", "b"), "c")),
        ("a or b and c", ("and", ("or", "a", "b"), "c"), ("or", "a", ("and", "b", "c"))),
        ("a and b and c", ("and", "a", "b", "c"), ("and", "a", "b", "c")),
        ("(a and b) or c", ("or", ("and", "a", "b"), "c"), ("or", ("and", "a", "b"), "c")),
        ("not a or b", ("or", ("not", "a"), "b"), ("or", ("not", "a"), "b")),
        ("not a = b", ("not", ("Equals", "a", "b")), ("not", ("Equals", "a", "b"))),
        ("!!a", ("not", ("not", "a")), ("not", ("not", "a"))),
        ("NOT(a)AND NOT(b)", ("and", ("not", "a"), ("not", "b")), ("and", ("not", "a"), ("not", "b"))),
        ("(a) = (b)", ("Equals", "a", "b"), ("Equals", "a", "b")),
        ('a not =| "x"', ("not", ("StartsWith", "a", "x")), ("not", ("StartsWith", "a", "x"))),
        ("a Not null", ("NotEquals", "a", None), ("NotEquals", "a", None)),
    ],
)
def test_precedence(text, default, java):
    assert shape(parse(text)) == default
    assert shape(parse(text, java_precedence=True)) == java


def test_single_quotes_name_a_variable_on_the_left_and_hold_text_on_the_right():
    node = parse("'request.header.a b' = 'x'")
    assert isinstance(node, Comparison)
    assert node.left == Variable("request.header.a b", 0, 20, quoted=True)
    assert node.right == Literal("x", "string", 23, 26, "'")


def test_names_that_begin_like_operator_words_are_variables():
    assert variables_of(parse("notfound and android or island = orders.is-not")) == (
        "notfound",
        "android",
        "island",
        "orders.is-not",
    )


def test_variables_are_listed_once_in_order():
    assert variables_of(parse('b = "1" or a != c or b = "2"')) == ("b", "a", "c")


@pytest.mark.parametrize(
    ("text", "offset", "part"),
    [
        ("a and b or c", 2, "without parentheses"),
        ("a or b and c", 7, "without parentheses"),
        ("a = 'x'", 4, "double quotes"),
        ("a is not null", 2, "IsNot"),
        ("a not null", 2, "not documented"),
        ("request.verb = GET", 15, '"GET"'),
        ("request.queryparam.n > 5", 21, "character by character"),
    ],
)
def test_doubtful_spellings_are_warned_of(text, offset, part):
    [(found, message)] = warnings_of(parse(text))
    assert found == offset
    assert part in message


@pytest.mark.parametrize(
    "text",
    [
        "(a and b) or c",
        'a IsNot null and b != "x"',
        "url StartsWith prefix",
        "request.header.x.values.count > 1",
        "response.status.code >= 400",
        "'a!b' = \"x\"",
    ],
)
def test_plain_conditions_are_not_warned_of(text):
    assert warnings_of(parse(text)) == []


def test_deep_nesting_is_refused_and_reasonable_nesting_is_not():
    assert parse("(" * 60 + "a" + ")" * 60) == Variable("a", 60, 61)
    for text in ("(" * 5000 + "a" + ")" * 5000, "not " * 5000 + "a"):
        with pytest.raises(ConditionSyntaxError, match="levels"):
            parse(text)


def test_a_long_chain_compiles():
    text = " or ".join(f'request.verb = "V{i}"' for i in range(3000))
    assert compile_condition(text, read)(context({"request.verb": "V2999"})) is True


def read(name):
    return lambda ctx: ctx.variables.get(name)


def context(variables=None):
    return MessageContext(Message.request(), variables=variables or {})


_WORDS = st.sampled_from(
    [
        "a",
        "b.c",
        "'x",
        "y'",
        "'x'",
        '"text"',
        '"/a/*"',
        '"(a+)+b"',
        '"x("',
        "1",
        "-2",
        "3.5f",
        "4L",
        "9e9",
        "true",
        "null",
        "and",
        "or",
        "not",
        "AND",
        "NOT",
        "&&",
        "||",
        "!",
        "=",
        "==",
        "!=",
        ":=",
        ">",
        ">=",
        "<",
        "<=",
        "~",
        "~~",
        "~/",
        "=|",
        "!~",
        "(",
        ")",
        "Is",
        "IsNot",
        "Matches",
        "MatchesPath",
        "JavaRegex",
        "StartsWith",
        "GreaterThan",
        "{",
        "}",
        "/~",
        "&gt;",
        "'",
        '"',
    ],
)


@settings(max_examples=500, deadline=None)
@given(
    st.one_of(
        st.text(max_size=60), st.lists(_WORDS, max_size=14).map(" ".join), st.lists(_WORDS).map("".join)
    )
)
@example("a = " + "9" * 5000)
@example("a = " + "9" * 5000 + "d")
@example('a ~~ "a{99999999999}"')
@example('a ~~ "' + "(" * 500 + '"')
@example("a = \x00")
@example('a = "\ud800"')
def test_any_text_is_read_or_refused_in_its_place(text):
    for java_precedence in (False, True):
        try:
            node = parse(text, java_precedence=java_precedence)
        except ConditionSyntaxError as error:
            refused = error
        else:
            refused = None
        if refused is not None:
            assert 0 <= refused.offset <= len(text)
            assert refused.line >= 1
            assert refused.column >= 1
            continue
        assert all(0 <= offset <= len(text) for offset, _ in warnings_of(node))
        condition = compile_condition(text, read, java_precedence=java_precedence)
        assert type(condition(context())) is bool


_LEAVES = st.sampled_from(
    ["a", "b", "c", 'a = "x"', "b != 3", 'c ~ "x*"', "a = b", "not c", "b > 3", "c is null"]
)


def _joined(parts):
    return st.builds(
        lambda items, words: " ".join(
            [items[0], *(f"{w} {i}" for w, i in zip(words, items[1:], strict=False))]
        ),
        st.lists(parts, min_size=2, max_size=4),
        st.lists(st.sampled_from(["and", "or"]), min_size=3, max_size=3),
    )


_CONDITIONS = st.recursive(
    _LEAVES, lambda inner: st.one_of(_joined(inner), inner.map("not ({})".format)), max_leaves=8
)
_VALUES = st.one_of(st.none(), st.sampled_from(["x", "xy", "3", "true", "", 3, 4, 3.0, True, False, ["x"]]))


@settings(max_examples=300, deadline=None)
@given(_CONDITIONS, st.fixed_dictionaries({"a": _VALUES, "b": _VALUES, "c": _VALUES}))
def test_the_compiled_function_agrees_with_the_tree(text, variables):
    """Each part of the tree, compiled by itself, joined as the tree says: the whole must come to the same."""

    def walk(node):
        match node:
            case And():
                return all(walk(operand) for operand in node.operands)
            case Or():
                return any(walk(operand) for operand in node.operands)
            case Not():
                return not walk(node.operand)
            case Comparison():
                source = text[node.left.offset : node.right.end]
            case _:
                source = text[node.offset : node.end]
        return compile_condition(source, read)(context(variables))

    assert compile_condition(text, read)(context(variables)) is walk(parse(text))


def test_the_path_operator_is_taken_in_the_other_spelling_too() -> None:
    """The flow configuration reference prints `/~`, and a published bundle uses it."""
    assert parse('proxy.pathsuffix /~ "/a"') == parse('proxy.pathsuffix ~/ "/a"')
