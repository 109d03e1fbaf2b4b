"""Which route takes a request: matchers, priorities, ties."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.kong.model import Route
from apiproxy_runtime.kong.router import Asked, KongRouter, priority


def route(name: str, **fields: Any) -> Route:
    """A route; `id` is the name unless it is given."""
    paths = tuple(fields.get("paths", ()))
    return Route(
        fields.get("id", name),
        name,
        None,
        ("http", "https"),
        tuple(fields.get("methods", ())),
        tuple(fields.get("hosts", ())),
        paths,
        {key: tuple(values) for key, values in fields.get("headers", {}).items()},
        tuple(fields.get("snis", ())),
        True,
        False,
        fields.get("regex_priority", 0),
        "v0",
        426,
        True,
        True,
        (),
        Place("kong.yml"),
    )


def ask(path: str = "/", **fields: Any) -> Asked:
    headers = {name: [name, *values] for name, values in fields.get("headers", {}).items()}
    return Asked(
        fields.get("method", "GET"),
        path,
        fields.get("host", "localhost"),
        fields.get("port", 8000),
        fields.get("scheme", "http"),
        fields.get("sni", ""),
        headers,
    )


def winner(asked: Asked, *routes: Route) -> str | None:
    router = KongRouter()
    router.replace(routes)
    match = router.match(asked)
    again = router.match(asked)
    assert again == match
    return match.route.name if match is not None else None


MATCHES = [
    ({"paths": ["/foo"]}, ask("/foo"), True),
    ({"paths": ["/foo"]}, ask("/foobar"), True),
    ({"paths": ["/foo"]}, ask("/fo"), False),
    ({"paths": ["/foo/"]}, ask("/foo"), False),
    ({"paths": ["~/foo/\\d+"]}, ask("/foo/12/rest"), True),
    ({"paths": ["~/foo/\\d+$"]}, ask("/foo/12/rest"), False),
    ({"paths": ["~/foo"]}, ask("/x/foo"), False),
    ({"methods": ["GET", "POST"]}, ask(method="POST"), True),
    ({"methods": ["GET"]}, ask(method="get"), False),
    ({"hosts": ["a.com"]}, ask(host="a.com"), True),
    ({"hosts": ["A.com"]}, ask(host="a.com"), True),
    ({"hosts": ["a.com"]}, ask(host="b.com"), False),
    ({"hosts": ["*.a.com"]}, ask(host="x.a.com"), True),
    ({"hosts": ["*.a.com"]}, ask(host="x.y.a.com"), True),
    ({"hosts": ["*.a.com"]}, ask(host="a.com"), False),
    ({"hosts": ["a.*"]}, ask(host="a.org"), True),
    ({"hosts": ["a.*"]}, ask(host="b.org"), False),
    ({"hosts": ["a.com:8000"]}, ask(host="a.com", port=8000), True),
    ({"hosts": ["a.com:9000"]}, ask(host="a.com", port=8000), False),
    ({"headers": {"X-V": ["1", "2"]}}, ask(headers={"x-v": ["2"]}), True),
    ({"headers": {"X-V": ["One"]}}, ask(headers={"x-v": ["oNE"]}), True),
    ({"headers": {"X-V": ["1"]}}, ask(headers={"x-v": ["3", "1"]}), True),
    ({"headers": {"X-V": ["1"]}}, ask(), False),
    ({"headers": {"X-V": ["1"], "X-W": ["2"]}}, ask(headers={"x-v": ["1"]}), False),
    ({"headers": {"X-V": ["~*^v\\d$"]}}, ask(headers={"x-v": ["V7"]}), True),
    ({"headers": {"X-V": ["~*b"]}}, ask(headers={"x-v": ["abc"]}), True),
    # the expression is lower-cased, so that \D asks for a digit
    ({"headers": {"X-V": ["~*^\\D$"]}}, ask(headers={"x-v": ["7"]}), True),
    ({"snis": ["a.com"]}, ask(scheme="https", sni="a.com"), True),
    ({"snis": ["a.com"]}, ask(scheme="https", sni="b.com"), False),
    ({"snis": ["a.com"]}, ask(scheme="http"), True),
    ({"snis": ["*.a.com"]}, ask(scheme="https", sni="x.a.com"), True),
    ({"methods": ["GET"], "paths": ["/a"]}, ask("/b"), False),
]


@pytest.mark.parametrize(("fields", "asked", "expected"), MATCHES)
def test_every_kind_of_criterion_must_fit(fields: dict[str, Any], asked: Asked, expected: bool) -> None:
    assert (winner(asked, route("r", **fields)) == "r") is expected


# the first wins over the second on the request
WINS = [
    ("more kinds of criteria beat a longer path", {"methods": ["GET"], "paths": ["/a"]}, {"paths": ["/a/b"]}),
    ("a plain host beats a wildcard", {"hosts": ["x.a.com"]}, {"hosts": ["*.a.com"]}),
    (
        "more headers beat fewer",
        {"headers": {"h": ["1"], "i": ["1"]}},
        {"headers": {"h": ["1"]}},
    ),
    ("a regular expression beats a prefix", {"paths": ["~/a"]}, {"paths": ["/a/b"]}),
    (
        "the greater regex_priority wins",
        {"paths": ["~/a"], "regex_priority": 2},
        {"paths": ["~/a/b"], "regex_priority": 1},
    ),
    ("the longer prefix wins", {"paths": ["/a/b"]}, {"paths": ["/a"]}),
    (
        "a plain host beats more headers",
        {"hosts": ["x.a.com"], "headers": {"h": ["1"]}},
        {"hosts": ["*.a.com"], "headers": {"h": ["1"], "i": ["1"]}},
    ),
    (
        "the greater id decides a tie",
        {"paths": ["/a"], "id": "b0000000-0000-0000-0000-000000000000"},
        {"paths": ["/a"], "id": "a0000000-0000-0000-0000-000000000000"},
    ),
    (
        "regex_priority means nothing for prefixes",
        {"paths": ["/a/b"]},
        {"paths": ["/a"], "regex_priority": 9},
    ),
]


@pytest.mark.parametrize(("reason", "better", "worse"), WINS)
def test_priority(reason: str, better: dict[str, Any], worse: dict[str, Any]) -> None:
    asked = ask("/a/b", host="x.a.com", headers={"h": ["1"], "i": ["1"]})
    first, second = route("better", **better), route("worse", **worse)
    assert winner(asked, first, second) == "better"
    assert winner(asked, second, first) == "better"


def test_route_with_paths_of_several_lengths_counts_as_several() -> None:
    mixed = route("mixed", paths=["/a", "/a/b/c", "~/zz"])
    middle = route("middle", paths=["/a/b"])
    assert winner(ask("/a/b/c/d"), mixed, middle) == "mixed"
    assert winner(ask("/a/b"), mixed, middle) == "middle"
    assert winner(ask("/a/x"), mixed, middle) == "mixed"


def test_captures_are_named_and_numbered() -> None:
    router = KongRouter()
    router.replace([route("r", paths=["~/users/(?<id>[^/]+)/(\\w+)"])])
    match = router.match(ask("/users/7/posts/1"))
    assert match is not None
    assert match.captures == {"0": "/users/7/posts", "1": "7", "2": "posts", "id": "7"}
    assert match.matched == "/users/7/posts"


def test_nothing_matches() -> None:
    assert winner(ask("/x"), route("r", paths=["/a"])) is None


def test_explain_tells_why_each_candidate_lost() -> None:
    router = KongRouter()
    router.replace(
        [
            route("posts", methods=["POST"], paths=["/a"]),
            route("host", hosts=["b.com"], paths=["/a"]),
            route("long", paths=["/a/b"]),
            route("short", paths=["/a"]),
            route("other", paths=["/zzzzzz"]),
        ]
    )
    told = dict(router.explain(ask("/a/b")))
    assert told == {
        "posts": "methods",
        "host": "hosts",
        "other": "paths",
        "long": "",
        "short": "lower priority",
    }


def test_routes_that_only_ids_tell_apart_are_ambiguous() -> None:
    router = KongRouter()
    router.replace([route("a", paths=["/x"]), route("b", paths=["/x"]), route("c", paths=["/y"])])
    assert [{one.name, other.name} for one, other in router.ambiguous()] == [{"a", "b"}]


def test_hosts_count_as_plain_only_if_all_are() -> None:
    assert priority(route("r", hosts=["a.com", "b.com"]), ())[1]
    assert not priority(route("r", hosts=["a.com", "*.b.com"]), ())[1]
