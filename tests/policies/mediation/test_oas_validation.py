"""OASValidation: declaration, paths and verbs, parameters, bodies, responses, three versions of the specification."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
import yaml

from apiproxy_runtime.message.message import Message
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    request,
    response,
    run,
)

STRICT = "<AllowUnspecifiedParameters><Header>false</Header><Query>false</Query><Cookie>false</Cookie></AllowUnspecifiedParameters>"
BODY = "<ValidateMessageBody>true</ValidateMessageBody>"


def policy(options: str = "", source: str = "", resource: str = "oas://api.yaml") -> str:
    source = f"<Source>{source}</Source>" if source else ""
    return (
        f'<OASValidation name="OAS">{source}<OASResource>{resource}</OASResource>'
        f"<Options>{options}</Options></OASValidation>"
    )


def document(paths: dict[str, Any], version: str = "3.0.3", **more: Any) -> str:
    kind = {"swagger": version} if version.startswith("2") else {"openapi": version}
    return yaml.safe_dump({**kind, "info": {"title": "t", "version": "1"}, "paths": paths, **more})


async def problems(
    text: str,
    message: Message,
    options: str = "",
    *,
    suffix: str = "/a",
    base: str = "/v1",
    answer: Message | None = None,
) -> str | None:
    """The reason of the fault, without its wrapping; None when the message conforms."""
    step = compile_policy(policy(options, "response" if answer else ""), resources={"oas://api.yaml": text})
    ctx = context(message, answer, path_suffix=suffix)
    ctx.base_path = base
    try:
        await run(step, ctx)
    except Exception:
        fault = await fault_of(step, ctx)
        assert fault.code == "steps.oasvalidation.Failed"
        start = 'OASValidation OAS with resource "oas://api.yaml": failed with reason: "['
        assert fault.text.startswith(start)
        assert fault.text.endswith(': []]"')
        assert fault.status == (500 if answer else 400)
        reason = fault.variables["OASValidation.OAS.fault.cause"]
        assert fault.text == f'{start[:-1]}{reason}"'
        return str(reason)[1:-1].replace("ERROR - ", "").replace(": []", "")
    return None


def get(parameters: list[dict[str, Any]] | None = None, path: str = "/a", **more: Any) -> str:
    return document({path: {"get": {"parameters": parameters or [], "responses": {}}}}, **more)


def parameter(
    name: str, place: str = "query", schema: dict[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    return {"name": name, "in": place, "schema": schema or {"type": "string"}, **more}


def post(schema: Any, required: bool = True, type: str = "application/json", **more: Any) -> str:
    body = {"required": required, "content": {type: {"schema": schema}}}
    return document({"/a": {"post": {"requestBody": body, "responses": {}}}}, **more)


def sent(body: Any, type: str | None = "application/json") -> Message:
    return raw(json.dumps(body), type)


def raw(body: str, type: str | None = "application/json") -> Message:
    return request("POST", body=body, type=type)


# ---- declaration


def test_all_elements_are_known():
    assert findings_of(policy(BODY + STRICT, "request"), resources={"oas://api.yaml": get()}) == []


@pytest.mark.parametrize(
    ("resource", "text", "error"),
    [
        ("", "", "BadResourceURL"),
        ("xsd://api.yaml", "", "BadResourceURL"),
        ("oas://api.txt", "", "BadResourceURL"),
        ("oas://none.yaml", "", "ResourceDoesNotExist"),
        ("oas://api.yaml", "a: [", "ResourceCompileFailed"),
        ("oas://api.yaml", "[]", "ResourceCompileFailed"),
        ("oas://api.yaml", "{}", "ResourceCompileFailed"),
        ("oas://api.yaml", "openapi: 4.0.0", "ResourceCompileFailed"),
        ("oas://api.yaml", post({"type": "strin"}), "ResourceCompileFailed"),
        ("oas://api.yaml", post({"pattern": "("}), "ResourceCompileFailed"),
    ],
)
def test_what_cannot_be_deployed(resource: str, text: str, error: str):
    assert deploy_errors(policy(resource=resource), resources={"oas://api.yaml": text}) == [error]


def test_aliases_that_make_a_huge_document_are_refused():
    lines = ["openapi: 3.0.0", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    began = time.perf_counter()
    errors = deploy_errors(policy(), resources={"oas://api.yaml": "\n".join(lines)})
    assert errors == ["ResourceCompileFailed"]
    assert time.perf_counter() - began < 5


def test_a_reference_that_leads_nowhere_is_told_and_allows_anything():
    (finding,) = findings_of(policy(), resources={"oas://api.yaml": post({"$ref": "other.yaml#/X"})})
    assert (finding.severity, finding.name) == ("warning", "UnresolvedReference")


async def test_json_and_a_name_from_a_variable():
    text = json.dumps(yaml.safe_load(get([parameter("q", required=True)])))
    step = compile_policy(policy(resource="oas://{which}.json"), resources={"oas://x.json": text})
    ctx = context(request(query="q=1"), variables={"which": "x"}, path_suffix="/a")
    await run(step, ctx)
    ctx.variables["which"] = "y"
    assert (await fault_of(step, ctx)).text.endswith(
        '"oas://y.json": failed with reason: "there is no such resource"'
    )


# ---- sources


@pytest.mark.parametrize(
    ("source", "name"), [("none", "SourceMessageNotAvailable"), ("text", "NonMessageVariable")]
)
async def test_a_source_that_is_no_message(source: str, name: str):
    step = compile_policy(policy(source=source), resources={"oas://api.yaml": get()})
    fault = await fault_of(step, context(variables={"text": "x"}))
    assert (fault.code, fault.status) == (f"steps.oasvalidation.{name}", 500)


# ---- paths and verbs


@pytest.mark.parametrize(
    ("suffix", "servers"),
    [
        ("/orders/7", []),
        ("/orders/7/", []),
        ("/orders/a%20b", []),
        ("/orders/7", ["https://host/v1"]),
        ("/shop/orders/7", ["https://host/shop"]),
        ("/shop/orders/7", ["https://host/{name}"]),
        ("/shop/orders/7", ["https://host/v1/shop/"]),
    ],
)
async def test_paths_that_are_found(suffix: str, servers: list[str]):
    found = [{"url": url, "variables": {"name": {"default": "shop"}}} for url in servers]
    assert await problems(get(path="/orders/{id}", servers=found), request(), suffix=suffix) is None


async def test_the_path_of_the_document_may_hold_the_base_path():
    assert await problems(get(path="/v1/orders"), request(), suffix="/orders") is None


@pytest.mark.parametrize("suffix", ["", "/", "/order", "/orders", "/orders/7/8", "/x/orders/7"])
async def test_paths_that_are_not_found(suffix: str):
    found = await problems(get(path="/orders/{id}"), request(), suffix=suffix)
    assert found == f"No API path found that matches request '{suffix or '/'}'."


async def test_a_verb_that_the_path_does_not_have():
    found = await problems(get(path="/orders/{id}"), request("DELETE"), suffix="/orders/7")
    assert found == "DELETE operation not allowed on path '/orders/{id}'."


async def test_literal_paths_go_before_templates():
    number = [parameter("id", "path", {"type": "integer"}, required=True)]
    text = document(
        {"/o/{id}": {"get": {"parameters": number, "responses": {}}}, "/o/mine": {"get": {"responses": {}}}}
    )
    assert await problems(text, request(), suffix="/o/mine") is None
    assert "does not match any allowed primitive type" in str(await problems(text, request(), suffix="/o/x"))


# ---- parameters

_INTEGER = {"type": "integer", "minimum": 1, "maximum": 9}
_INTEGERS = {"type": "array", "items": {"type": "integer"}}
_POINT = {
    "type": "object",
    "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
    "required": ["x"],
}


@pytest.mark.parametrize(
    ("declared", "query", "good"),
    [
        (parameter("q"), "", True),
        (parameter("q", required=True), "", False),
        (parameter("q", required=True), "q=1", True),
        (parameter("q", schema=_INTEGER), "q=5", True),
        (parameter("q", schema=_INTEGER), "q=x", False),
        (parameter("q", schema=_INTEGER), "q=10", False),
        (parameter("q", schema=_INTEGER), "q=1.5", False),
        (parameter("q", schema=_INTEGER), "q=", False),
        (parameter("q", schema=_INTEGER, allowEmptyValue=True), "q=", True),
        (parameter("q", schema={"type": "number"}), "q=1.5e3", True),
        (parameter("q", schema={"type": "number"}), "q=1e999", False),
        (parameter("q", schema={"type": "boolean"}), "q=true", True),
        (parameter("q", schema={"type": "boolean"}), "q=yes", False),
        (parameter("q", schema={"type": "string", "enum": ["a b"]}), "q=a+b", True),
        (parameter("q", schema={"type": "string", "format": "date"}), "q=2024-02-30", False),
        (parameter("q", schema={"type": "string", "format": "date"}), "q=2024-02-28", True),
        (parameter("q", schema={"type": "string", "pattern": "^a+$"}), "q=ab", False),
        (parameter("q", schema={"oneOf": [{"type": "integer"}, {"enum": ["all"]}]}), "q=all", True),
        (parameter("q", schema={"oneOf": [{"type": "integer"}, {"enum": ["all"]}]}), "q=7", True),
        (parameter("q", schema={"oneOf": [{"type": "integer"}, {"enum": ["all"]}]}), "q=none", False),
        (parameter("q", schema=_INTEGERS), "q=1&q=2", True),
        (parameter("q", schema=_INTEGERS), "q=1&q=x", False),
        (parameter("q", schema=_INTEGERS), "q=1,2", False),
        (parameter("q", schema=_INTEGERS, explode=False), "q=1,2", True),
        (parameter("q", schema=_INTEGERS, explode=False, style="pipeDelimited"), "q=1|2", True),
        (parameter("q", schema=_INTEGERS, explode=False, style="spaceDelimited"), "q=1%202", True),
        (parameter("q", schema=_POINT, style="deepObject"), "q[x]=1&q[y]=2", True),
        (parameter("q", schema=_POINT, style="deepObject"), "q[y]=2", False),
        (parameter("q", schema=_POINT), "x=1&y=z", False),
        (parameter("q", schema=_POINT), "x=1&y=2", True),
        (parameter("q", schema=_POINT, explode=False), "q=x,1,y,2", True),
        (
            {"name": "q", "in": "query", "content": {"application/json": {"schema": _POINT}}},
            "q={%22x%22:1}",
            True,
        ),
        ({"name": "q", "in": "query", "content": {"application/json": {"schema": _POINT}}}, "q={}", False),
    ],
)
async def test_query_parameters(declared: dict[str, Any], query: str, good: bool):
    found = await problems(get([declared]), request(query=query))
    assert (found is None) is good, found


async def test_sentences_about_parameters():
    text = get(
        [
            parameter("q", required=True),
            parameter("n", schema=_INTEGER),
            parameter("e", schema={"enum": ["a"]}),
        ]
    )
    assert await problems(text, request(query="n=x&e=b")) == (
        "Query parameter 'q' is required on path '/a' but not found in request., "
        "[Parameter 'n'] Instance type (string) does not match any allowed primitive type (allowed: [\"integer\"]), "
        '[Parameter \'e\'] Instance value ("b") not found in enum (possible values: ["a"])'
    )


@pytest.mark.parametrize(
    ("declared", "headers", "good"),
    [
        (parameter("X-Id", "header", _INTEGER, required=True), {"x-id": "7"}, True),
        (parameter("X-Id", "header", _INTEGER, required=True), {"x-id": "x"}, False),
        (parameter("X-Id", "header", _INTEGER, required=True), {}, False),
        (parameter("X-Ids", "header", _INTEGERS), {"x-ids": "1, 2"}, True),
        (parameter("X-Ids", "header", _INTEGERS), {"x-ids": "1, b"}, False),
        (parameter("Accept", "header", {"enum": ["x"]}, required=True), {}, True),
        (parameter("s", "cookie", _INTEGER, required=True), {"Cookie": "t=1; s=2"}, True),
        (parameter("s", "cookie", _INTEGER, required=True), {"Cookie": "s=x"}, False),
        (parameter("s", "cookie", _INTEGER, required=True), {}, False),
    ],
)
async def test_headers_and_cookies(declared: dict[str, Any], headers: dict[str, str], good: bool):
    found = await problems(get([declared]), request(headers=headers))
    assert (found is None) is good, found


@pytest.mark.parametrize(
    ("schema", "more", "value", "good"),
    [
        (_INTEGER, {}, "7", True),
        (_INTEGER, {}, "x", False),
        ({"enum": ["a/b"]}, {}, "a%2Fb", True),
        (_INTEGERS, {}, "1,2", True),
        (_INTEGERS, {"style": "label"}, ".1,2", True),
        (_INTEGERS, {"style": "matrix", "explode": True}, ";id=1;id=2", True),
    ],
)
async def test_path_parameters(schema: dict[str, Any], more: dict[str, Any], value: str, good: bool):
    text = get([parameter("id", "path", schema, required=True, **more)], path="/o/{id}")
    found = await problems(text, request(), suffix=f"/o/{value}")
    assert (found is None) is good, found


async def test_parameters_of_the_path_item_and_of_components():
    shared = [{"$ref": "#/components/parameters/Q"}, parameter("n", required=True)]
    own = [parameter("n", required=False)]
    text = document(
        {"/a": {"parameters": shared, "get": {"parameters": own, "responses": {}}}},
        components={"parameters": {"Q": parameter("q", required=True)}},
    )
    found = await problems(text, request())
    assert found == "Query parameter 'q' is required on path '/a' but not found in request."


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (request(query="q=1&z=1"), "Query parameter 'z'"),
        (request(headers={"X-Id": "1", "X-Zed": "1"}), "Header parameter 'X-Zed'"),
        (request(headers={"Cookie": "s=1; z=1"}), "Cookie parameter 'z'"),
    ],
)
async def test_unspecified_parameters(message: Message, name: str):
    text = get([parameter("q"), parameter("X-Id", "header"), parameter("s", "cookie")])
    assert await problems(text, message) is None
    assert await problems(text, message, STRICT) == f"{name} is unexpected on path '/a'."


async def test_common_headers_and_keys_of_security_schemes_are_never_unspecified():
    schemes = {
        "q": {"type": "apiKey", "in": "query", "name": "apikey"},
        "h": {"type": "apiKey", "in": "header", "name": "X-Key"},
    }
    headers = {"Host": "h", "Accept": "*/*", "X-Forwarded-For": "1.2.3.4", "Authorization": "x", "x-key": "1"}
    text = get(components={"securitySchemes": schemes})
    assert await problems(text, request(query="apikey=1", headers=headers), STRICT) is None


# ---- bodies

_CARD = {
    "type": "object",
    "required": ["number", "cvv", "expiration"],
    "properties": {
        "number": {"type": "string"},
        "cvv": {"type": "integer"},
        "expiration": {"type": "string"},
    },
    "additionalProperties": False,
}


async def test_a_body_is_checked_only_when_asked_for():
    assert await problems(post(_CARD), sent({})) is None
    assert await problems(post(_CARD), sent({"number": "1"}), BODY) == (
        'Object has missing required properties (["cvv","expiration"])'
    )


@pytest.mark.parametrize(
    ("schema", "body", "sentence"),
    [
        (
            {"type": "object"},
            [],
            'Instance type (array) does not match any allowed primitive type (allowed: ["object"])',
        ),
        (_CARD, {"number": "1", "cvv": 2, "expiration": "3", "x": 1}, 'not allowed by the schema: ["x"]'),
        (
            {"properties": {"a": {"items": {"maximum": 3}}}},
            {"a": [1, 4]},
            "[Path '/a/1'] Numeric instance is greater",
        ),
        ({"minimum": 3}, 1, "Numeric instance is lower than the required minimum (minimum: 3, found: 1)"),
        ({"minimum": 3, "exclusiveMinimum": True}, 3, "not strictly greater than the required minimum 3"),
        (
            {"type": "string", "minLength": 3},
            "ab",
            'String "ab" is too short (length: 2, required minimum: 3)',
        ),
        ({"type": "string", "maxLength": 1}, "ab", 'String "ab" is too long (length: 2, maximum allowed: 1)'),
        ({"type": "array", "minItems": 1}, [], "Array is too short: must have at least 1 elements"),
        ({"type": "string", "format": "date"}, "x", 'String "x" is invalid against requested format date'),
        ({"type": "string", "format": "date-time"}, "x", "date-time"),
        (
            {"type": "integer", "format": "int32"},
            2**31,
            "Numeric instance is greater than the required maximum",
        ),
        (
            {"type": "integer", "format": "int64"},
            2**63,
            "Numeric instance is greater than the required maximum",
        ),
        ({"type": "string", "pattern": "^a$"}, "b", 'ECMA 262 regex "^a$" does not match input string "b"'),
    ],
)
async def test_sentences_about_bodies(schema: dict[str, Any], body: Any, sentence: str):
    assert sentence in str(await problems(post(schema), sent(body), BODY))


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": "string", "nullable": True, "enum": ["a"]}, ["a", None], ["b", 1]),
        ({"allOf": [{"type": "string"}], "nullable": True}, ["a", None], [1]),
        ({"type": "string"}, ["a"], [None]),
        (
            {"properties": {"nullable": {"type": "boolean"}, "enum": {"type": "string"}}},
            [{"nullable": True}],
            [{"enum": 1}],
        ),
        (
            {"$ref": "#/components/schemas/Tree"},
            [{"v": 1, "below": [{"v": 2, "below": []}]}],
            [{"below": [{"v": "x"}]}],
        ),
        ({"$ref": "#/components/schemas/a~1b%20c"}, [1], ["x"]),
        (
            {
                "required": ["id", "name"],
                "properties": {"id": {"type": "integer", "readOnly": True}, "name": {}},
            },
            [{"name": 1}],
            [{"id": 1}],
        ),
        (
            {
                "oneOf": [{"$ref": "#/components/schemas/Cat"}, {"$ref": "#/components/schemas/Dog"}],
                "discriminator": {"propertyName": "kind", "mapping": {"hound": "#/components/schemas/Dog"}},
            },
            [{"kind": "Cat", "lives": 9}, {"kind": "hound", "lives": "one"}],
            [
                {"kind": "Cat", "lives": "x"},
                {"kind": "hound", "lives": 9},
                {"kind": "Dog", "lives": "one"},
                {},
            ],
        ),
    ],
)
async def test_schemas_of_3_0(schema: dict[str, Any], good: list[Any], bad: list[Any]):
    schemas = {
        "Tree": {
            "properties": {
                "v": {"type": "integer"},
                "below": {"items": {"$ref": "#/components/schemas/Tree"}},
            }
        },
        "a/b c": {"type": "integer"},
        "Cat": {"properties": {"lives": {"type": "integer"}}},
        "Dog": {"properties": {"lives": {"type": "string"}}},
    }
    text = post(schema, components={"schemas": schemas})
    assert [await problems(text, sent(body), BODY) for body in good] == [None] * len(good)
    assert None not in [await problems(text, sent(body), BODY) for body in bad]


async def test_a_body_that_is_missing_unreadable_or_not_expected():
    needed = "A request body is required but none found."
    assert await problems(post(_CARD), request("POST"), BODY) == needed
    assert await problems(post(_CARD), request("POST")) == needed
    assert await problems(post(_CARD, required=False), request("POST"), BODY) is None
    assert str(await problems(post(_CARD), raw("{"), BODY)).startswith("Unable to parse JSON - ")
    text = document({"/a": {"post": {"responses": {}}}})
    assert await problems(text, sent({}), BODY) == "No request body is expected for POST on path '/a'."
    assert await problems(text, sent({})) is None


@pytest.mark.parametrize(
    ("declared", "sent_as", "problem"),
    [
        ("application/json", "application/json;charset=utf-8", "missing required"),
        ("application/json", None, "missing required"),
        ("application/*", "application/json", "missing required"),
        ("*/*", "application/vnd.x+json", "missing required"),
        ("application/vnd.x+json; v=1", "application/vnd.x+json", "missing required"),
        ("application/json", "text/plain", "Must be one of: [application/json]."),
        ("application/xml", "application/xml", None),
        ("text/plain", "text/plain", None),
    ],
)
async def test_media_types(declared: str, sent_as: str | None, problem: str | None):
    found = await problems(post(_CARD, type=declared), raw("{}", sent_as), BODY)
    assert found is None if problem is None else problem in str(found)


# ---- responses


def answered(content: Any = None, headers: Any = None, status: str = "200", **more: Any) -> str:
    answer = {"description": "d", "content": content or {}, "headers": headers or {}}
    return document({"/a": {"get": {"responses": {status: answer}}}}, **more)


@pytest.mark.parametrize(
    ("declared", "status", "good"),
    [("200", 200, True), ("200", 404, False), ("4XX", 404, True), ("4xx", 404, True), ("default", 500, True)],
)
async def test_statuses(declared: str, status: int, good: bool):
    found = await problems(answered(status=declared), request(), answer=response(status))
    assert found == (None if good else f"Response status {status} not defined for path '/a'.")


async def test_bodies_and_headers_of_responses():
    content = {"application/json": {"schema": {**_CARD, "required": ["number", "secret"]}}}
    content["application/json"]["schema"]["properties"]["secret"] = {"writeOnly": True}
    text = answered(content, {"X-Left": {"required": True, "schema": _INTEGER}})
    good = response(200, {"X-Left": "3"}, '{"number":"1"}', "application/json")
    assert await problems(text, request(), BODY, answer=good) is None
    bad = response(200, {"X-Left": "z"}, '{"number":1}', "application/json")
    assert await problems(text, request(), BODY, answer=bad) == (
        "[Parameter 'X-Left'] Instance type (string) does not match any allowed primitive type (allowed: [\"integer\"]), "
        "[Path '/number'] Instance type (integer) does not match any allowed primitive type (allowed: [\"string\"])"
    )
    none = response(200, {"X-Left": "3"})
    assert await problems(text, request(), BODY, answer=none) == (
        "GET on path '/a' defines a response schema but no response body found."
    )


# ---- other versions


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        ({"type": ["string", "null"]}, ["a", None], [1]),
        ({"type": "integer", "exclusiveMinimum": 3}, [4], [3]),
        ({"const": 1}, [1], [2]),
        ({"$ref": "#/components/schemas/P", "required": ["a"]}, [{"a": 1}], [{}, {"a": "x"}]),
    ],
)
async def test_schemas_of_3_1(schema: dict[str, Any], good: list[Any], bad: list[Any]):
    components = {"schemas": {"P": {"properties": {"a": {"type": "integer"}}}}}
    text = post(schema, version="3.1.0", components=components)
    assert [await problems(text, sent(body), BODY) for body in good] == [None] * len(good)
    assert None not in [await problems(text, sent(body), BODY) for body in bad]


SWAGGER = document(
    {
        "/a": {
            "post": {
                "parameters": [
                    {"name": "n", "in": "query", "type": "array", "items": {"type": "integer"}},
                    {
                        "name": "m",
                        "in": "query",
                        "type": "array",
                        "items": {"type": "integer"},
                        "collectionFormat": "multi",
                    },
                    {"name": "X", "in": "header", "type": "string", "required": True},
                    {
                        "name": "body",
                        "in": "body",
                        "required": True,
                        "schema": {"$ref": "#/definitions/Card"},
                    },
                ],
                "responses": {200: {"description": "d", "schema": {"$ref": "#/definitions/Card"}}},
            }
        },
        "/f": {
            "post": {
                "consumes": ["application/x-www-form-urlencoded"],
                "parameters": [{"name": "f", "in": "formData", "type": "string", "required": True}],
                "responses": {},
            }
        },
    },
    version="2.0",
    basePath="/shop",
    consumes=["application/json"],
    produces=["application/json"],
    definitions={"Card": _CARD},
)


@pytest.mark.parametrize(
    ("message", "suffix", "problem"),
    [
        (request("POST", query="n=1,2&m=1&m=2", headers={"X": "1"}), "/a", "A request body is required"),
        (request("POST", query="n=1|2", headers={"X": "1"}), "/shop/a", "[Path '/0'] Instance type (string)"),
        (request("POST"), "/a", "Header parameter 'X' is required"),
        (request("POST", headers={"X": "1"}, body="{}", type="application/json"), "/a", "missing required"),
        (
            request("POST", headers={"X": "1"}, body="{}", type="text/xml"),
            "/a",
            "Must be one of: [application/json]",
        ),
        (request("POST", body="f=1", type="application/x-www-form-urlencoded"), "/f", None),
        (request("POST"), "/f", "A request body is required"),
    ],
)
async def test_swagger_2(message: Message, suffix: str, problem: str | None):
    found = await problems(SWAGGER, message, BODY, suffix=suffix)
    assert found is None if problem is None else problem in str(found)


async def test_responses_of_swagger_2():
    good = response(200, body='{"number":"1","cvv":2,"expiration":"3"}', type="application/json")
    assert await problems(SWAGGER, request("POST"), BODY, answer=good) is None
    bad = response(200, body="{}", type="application/json")
    assert "missing required" in str(await problems(SWAGGER, request("POST"), BODY, answer=bad))


# ---- bounds


@pytest.mark.parametrize(
    ("schema", "body"),
    [
        ({"type": "string", "pattern": "^(a+)+$"}, "a" * 5000 + "!"),
        ({"type": "string", "pattern": "^(a|a)*(?=b)$"}, "a" * 5000),
        ({"type": "array", "uniqueItems": True}, [{"n": n} for n in range(20_000)]),
        ({"$ref": "#/components/schemas/L"}, "[" * 5000 + "]" * 5000),
    ],
)
async def test_what_is_costly_to_check_stays_bounded(schema: dict[str, Any], body: Any):
    text = post(schema, components={"schemas": {"L": {"items": {"$ref": "#/components/schemas/L"}}}})
    step = compile_policy(policy(BODY), resources={"oas://api.yaml": text})
    ctx = context(raw(body) if str(body).startswith("[[") else sent(body), path_suffix="/a")
    began = time.perf_counter()
    try:
        await run(step, ctx)
    except Exception:
        fault = await fault_of(step, ctx)
        assert fault.name == "Failed"
    assert time.perf_counter() - began < 2
