"""java.util.regex in Python: what each construct matches, what is refused, what replacements mean."""

from __future__ import annotations

import re
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apiproxy_runtime.expression.boundedregex import BoundedRegex, compile_bounded
from apiproxy_runtime.expression.javaregex import (
    JavaRegexError,
    compile_java_regex,
    translate,
)
from apiproxy_runtime.expression.javareplacement import java_replacement

#: expression, texts it matches as a whole, texts it does not (checked against Java 17)
WHOLE = [
    (r"/items/[^/]+", ["/items/a"], ["/items/a/b", "/items/"]),
    (r"a?+a", ["aa"], ["a"]),
    (r"(?>a*)b", ["aab"], ["aaa"]),
    (r"a{2,3}+b", ["aab", "aaab"], ["ab"]),
    (r"\p{Alpha}+", ["abZ"], ["é", "a1"]),
    (r"\p{L}+", ["aéЖ"], ["a1"]),
    (r"\pL\PL", ["a1"], ["ab"]),
    (r"\p{IsLatin}+", ["aé"], ["Ж"]),
    (r"\p{IsAlphabetic}", ["é"], ["1"]),
    (r"\p{InGreek}", ["α"], ["a"]),
    (r"\p{script=Cyrillic}", ["Ж"], ["Z"]),
    (r"\p{Punct}+", ['!"#[]~`'], ["a", "é"]),
    (r"[\p{Lu}x]+", ["ÉxA"], ["y"]),
    (r"\p{javaLowerCase}", ["é"], ["É"]),
    (r"\h\H", ["\u00a0a"], ["a "]),
    (r"\v", ["\u2028", "\x0b"], ["a"]),
    (r"a\Rb", ["a\nb", "a\r\nb", "a\u2029b"], ["ab", "a\n\nb"]),
    (r"a\Z", ["a"], ["a\n"]),
    (r"a\Z\n", ["a\n"], ["a"]),
    (r"a\z", ["a"], ["a\n"]),
    (r"a$\r\n", ["a\r\n"], ["a"]),
    (r"a\r$\n", [], ["a\r\n"]),
    (r"\Qa.b*\E+", ["a.b*", "a.b**"], ["axb*"]),
    (r"\Qa.b", ["a.b"], ["axb"]),
    (r"(?i)/cat", ["/CAT"], ["/dog"]),
    (r"a(?i)b|c", ["aB", "C"], ["AB"]),
    (r"(a(?i)b)c", ["aBc"], ["aBC"]),
    (r"a(?i:b)c", ["aBc"], ["aBC"]),
    (r"(?i)a(?-i)b", ["Ab"], ["AB"]),
    (r"(?i)é", ["é"], ["É"]),
    (r"(?iu)é", ["é", "É"], ["e"]),
    (r"a.b", ["axb"], ["a\nb", "a\rb", "a\u2028b"]),
    (r"(?s)a.b", ["a\nb"], ["ab"]),
    (r"(?d)a.b", ["a\rb"], ["a\nb"]),
    (r"(?m)a\n^b$\nc", ["a\nb\nc"], []),
    (r"(?x) a b # comment", ["ab"], ["a b"]),
    (r"(?<year>\d{4})-\k<year>", ["2024-2024"], ["2024-2025"]),
    (r"(a)(b)\2\1", ["abba"], ["abab"]),
    (r"(a)\10", ["aa0"], ["a0"]),
    (r"\2(a)(b)", [], ["ab"]),
    (r"[a-z&&[^aeiou]]+", ["bcd"], ["bad"]),
    (r"[a-z&&b-d]", ["c"], ["a", "e"]),
    (r"[^a-c&&[b]]", ["a", "x"], ["b"]),
    (r"[a-c[x-z]]+", ["axz"], ["d"]),
    (r"[\w&&[^\d]]+", ["ab_"], ["a1"]),
    (r"[]a]+", ["]a"], ["b"]),
    (r"[a-]+", ["a-"], ["b"]),
    (r"[a&b]+", ["a&b"], ["c"]),
    (r"\x41\x{1F600}\u0042", ["A😀B"], []),
    (r"\uD83D\uDE00", ["😀"], []),
    (r"\07\0101\cA\e\t", ["\x07A\x01\x1b\t"], []),
    (r"\N{LATIN SMALL LETTER A}", ["a"], ["b"]),
    (r"\d\w\s", ["1a "], ["٣a "]),
    (r"(?U)\d\w", ["٣é"], ["ab"]),
    (r"a]}", ["a]}"], []),
    (r"\/\-\_", ["/-_"], []),
    (r".*\bid_token\b.*", ["x id_token y"], ["xid_token"]),
    (r"(?=a)*b", ["b"], []),
    (r"^*a", ["a"], []),
    (r"(?<=a|bc)d|.+", ["bcd"], []),
    (r"", [""], ["a"]),
]


@pytest.mark.parametrize(("expression", "matching", "others"), WHOLE)
def test_whole_match(expression, matching, others):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pattern = compile_java_regex(expression)
    bounded = BoundedRegex(expression)
    for text in matching:
        assert pattern.fullmatch(text), text
        assert bounded.fullmatch(text), text
    for text in others:
        assert not pattern.fullmatch(text), text
        assert not bounded.fullmatch(text), text


@pytest.mark.parametrize(
    ("expression", "text", "span"),
    [
        (r"(?m)^b", "a\nb", (2, 3)),
        (r"(?m)^", "a\r\nb", (0, 0)),
        (r"(?m)(?<=\n)^", "a\r\nb", (3, 3)),
        (r"(?m)$", "a\r\nb", (1, 1)),
        (r"(?m)^\z", "a\n", None),
        (r"b$", "ab\u0085", (1, 2)),
        (r"(?<=a|bc)d", "xbcd", (3, 4)),
        (r"(?<!a|bc)d", "adbcdd", (5, 6)),
        (r"\B", "", (0, 0)),
        (r"\Ga", "ba", None),
        (r"(?:|a)+b", "aab", (0, 3)),
    ],
)
def test_search(expression, text, span):
    match = compile_java_regex(expression).search(text)
    assert (match.span() if match else None) == span


@pytest.mark.parametrize(
    ("expression", "offset", "part"),
    [
        ("*a", 0, "dangling"),
        ("a**", 2, "dangling"),
        ("a|+", 2, "dangling"),
        ("a{x}", 1, "illegal repetition"),
        ("{a}", 0, "illegal repetition"),
        ("a{3,2}", 1, "range"),
        ("x(ab", 1, "never closed"),
        ("ab)", 2, "unmatched"),
        ("x[ab", 1, "never closed"),
        ("[b-a]", 1, "range"),
        (r"a\y", 1, "not an escape"),
        ("a\\", 1, "stands at the end"),
        (r"\p{Nonsense}", 0, "property"),
        (r"\p", 0, "property"),
        (r"\xZZ", 2, "hexadecimal"),
        (r"\k<n>", 0, "no group named"),
        ("(?<n>a)(?<n>b)", 9, "twice"),
        ("(?q)a", 0, "flag"),
        ("(?P<n>a)", 2, "kind of group"),
        (r"\b{g}", 0, "grapheme"),
        ("(" * 100 + ")" * 100, 60, "nested"),
    ],
)
def test_a_broken_expression_is_refused_where_it_breaks(expression, offset, part):
    with pytest.raises(JavaRegexError) as caught:
        translate(expression)
    assert part in caught.value.message
    assert caught.value.offset == offset


def test_flags_given_from_outside_are_those_of_pattern_compile():
    assert compile_java_regex("a b", re.IGNORECASE | re.VERBOSE).fullmatch("AB")
    assert compile_java_regex("a.b", re.DOTALL).fullmatch("a\nb")
    assert compile_java_regex("^b", re.MULTILINE).search("a\nb")


def test_named_groups_keep_their_names_and_numbers():
    match = compile_java_regex(r"(?i)(?:x)(?<first>a)(b)").fullmatch("XaB")
    assert match is not None
    assert match["first"] == "a"
    assert match.groups() == ("a", "B")


def test_a_look_behind_of_varying_length_runs_on_the_slower_engine():
    with pytest.raises(JavaRegexError):
        compile_java_regex(r"(?<=ab{1,3})c")
    assert compile_bounded(r"(?<=ab{1,3})c").search("abbc")


@pytest.mark.parametrize(
    ("replacement", "result"),
    [
        ("-", "x-z"),
        ("[$1]", "x[a]z"),
        ("$0$2", "xabbz"),
        ("${first}${first}", "xaaz"),
        ("$10", "xa0z"),
        (r"\$1\\", r"x$1\z"),
        ("$3", "xz"),
        ("", "xz"),
    ],
)
def test_replacement(replacement, result):
    expression = r"(?<first>a)(b)(c)?"
    assert compile_java_regex(expression).sub(java_replacement(replacement), "xabz") == result
    assert compile_bounded(expression).replace("xabz", java_replacement(replacement)) == result


def test_replacement_of_the_first_match_only():
    assert compile_bounded("a").replace("aaa", java_replacement("b"), 1) == "baa"


@pytest.mark.parametrize("replacement", ["$", "a$x", "${}", "${1a}", "\\", "x\\"])
def test_a_broken_replacement_is_refused(replacement):
    with pytest.raises(JavaRegexError):
        java_replacement(replacement)


@pytest.mark.parametrize("replacement", ["$4", "${other}"])
def test_a_group_that_does_not_exist_cannot_be_inserted(replacement):
    with pytest.raises(IndexError):
        compile_java_regex("(?<first>a)(b)(c)?").sub(java_replacement(replacement), "ab")


_PIECES = st.sampled_from(
    [
        r"a",
        r"b",
        r".",
        r"\d",
        r"\W",
        r"\p{Alpha}",
        r"[ab]",
        r"[^a&&[b]]",
        r"[",
        r"]",
        r"(",
        r"(?:",
        r"(?i)",
        r"(?i:",
        r"(?=",
        r"(?!",
        r"(?<=",
        r"(?<!",
        r"(?>",
        r"(?<n>",
        r")",
        r"|",
        r"*",
        r"+",
        r"?",
        r"*+",
        r"{2}",
        r"{1,}",
        r"{",
        r"}",
        r"\1",
        r"\k<n>",
        r"\Q",
        r"\E",
        r"\x41",
        r"\u0041",
        "\\",
        r"^",
        r"$",
        r"\b",
        r"\Z",
        r"&&",
        r"-",
        r"#",
        r"(?x)",
        r"\R",
        r"\0",
        r"\c",
        " ",
    ],
)


@settings(max_examples=500, deadline=None)
@given(st.one_of(st.text(max_size=30), st.lists(_PIECES, max_size=10).map("".join)))
@example("a{2147483648}")
@example("(a{99999}){99999}")
@example("\\x{110000}")
@example("[" * 200)
@example("\ud800")
def test_any_text_compiles_or_is_refused_in_its_place(text):
    try:
        compile_bounded(text)
        offset = 0
    except JavaRegexError as error:
        offset = error.offset
    assert 0 <= offset <= len(text)


@settings(deadline=None)
@given(st.text(max_size=20), st.text(max_size=20))
def test_a_quotation_matches_itself_alone(text, other):
    quoted = compile_java_regex("\\Q" + text.replace("\\E", "") + "\\E")
    assert quoted.fullmatch(text.replace("\\E", ""))
    assert bool(quoted.fullmatch(other)) == (other == text.replace("\\E", ""))
