"""BasicAuthentication: both directions, what keeps its value, and what is refused."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from apiproxy_policies.security.basic_authentication import decoded
from hypothesis import given
from hypothesis import strategies as st

from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, load, read, request, run


def encode(assign_to: str = "<AssignTo>out</AssignTo>", more: str = "") -> str:
    return f"""<BasicAuthentication name="BA"><Operation>Encode</Operation>{more}
      <User ref="u"/><Password ref="p"/>{assign_to}</BasicAuthentication>"""


def decode(more: str = "", source: str = "request.header.Authorization") -> str:
    return f"""<BasicAuthentication name="BA"><Operation>Decode</Operation>{more}
      <User ref="u"/><Password ref="private.p"/><Source>{source}</Source></BasicAuthentication>"""


STRICT = "<IgnoreUnresolvedVariables>false</IgnoreUnresolvedVariables>"


def basic(text: str | bytes) -> str:
    return "Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"u": "ada", "p": "secret"}, "Basic YWRhOnNlY3JldA=="),
        ({"u": "ada", "p": "pass:word"}, basic("ada:pass:word")),
        ({"u": "ädä", "p": "ß"}, basic("ädä:ß")),
        ({"u": "ada"}, basic("ada:")),
        ({}, basic(":")),
    ],
)
async def test_encodes_user_and_password(variables: dict[str, Any], expected: str) -> None:
    ctx = await run(compile_policy(encode()), context(variables=variables))
    assert read(ctx, "out") == expected


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("", "Bearer x"), ('createNew="false"', "Bearer x"), ('createNew="true"', basic("a:b"))],
)
async def test_a_variable_that_is_set_is_replaced_only_with_create_new(attribute: str, value: str) -> None:
    step = compile_policy(encode(f"<AssignTo {attribute}>request.header.Authorization</AssignTo>"))
    ctx = context(request(headers={"Authorization": "Bearer x"}), variables={"u": "a", "p": "b"})
    await run(step, ctx)
    assert ctx.request.headers.get("Authorization") == value


async def test_a_variable_that_is_not_set_is_assigned_without_create_new() -> None:
    step = compile_policy(encode("<AssignTo>request.header.Authorization</AssignTo>"))
    ctx = await run(step, context(variables={"u": "a", "p": "b"}))
    assert ctx.request.headers.get("Authorization") == basic("a:b")


@pytest.mark.parametrize(("variables", "missing"), [({}, "u"), ({"p": "x"}, "u"), ({"u": "x"}, "p")])
async def test_missing_user_or_password_is_a_fault_when_told_so(
    variables: dict[str, Any], missing: str
) -> None:
    fault = await fault_of(compile_policy(encode(more=STRICT)), context(variables=variables))
    assert (fault.code, fault.status, fault.text) == (
        "steps.basicauthentication.UnresolvedVariable",
        500,
        f"Unresolved variable : {missing}",
    )


@pytest.mark.parametrize(
    ("header", "user", "password"),
    [
        (basic("ada:secret"), "ada", "secret"),
        (basic("ada:pass:word"), "ada", "pass:word"),
        (basic("ada:"), "ada", ""),
        (basic(":x"), "", "x"),
        (basic("ädä:ß"), "ädä", "ß"),
    ],
)
async def test_decodes_at_the_first_colon(header: str, user: str, password: str) -> None:
    ctx = await run(compile_policy(decode()), context(request(headers={"Authorization": header})))
    assert (read(ctx, "u"), read(ctx, "private.p")) == (user, password)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "basic YTpi",
        "BasicYTpi",
        "Bearer YTpi",
        "Basic ???",
        "Basic é",
        basic("no colon"),
    ],
)
async def test_what_is_not_basic_is_refused(header: str) -> None:
    fault = await fault_of(compile_policy(decode()), context(request(headers={"Authorization": header})))
    assert (fault.code, fault.status) == (
        "steps.basicauthentication.InvalidBasicAuthenticationSource",
        500,
    )
    assert fault.text == (
        "Source variable : request.header.Authorization for basic authentication decode policy is not valid"
    )


async def test_missing_source_sets_nothing_by_default_and_is_a_fault_when_told_so() -> None:
    ctx = await run(compile_policy(decode()), context())
    assert read(ctx, "u") is None
    fault = await fault_of(compile_policy(decode(STRICT)))
    assert fault.text == "Unresolved variable : request.header.Authorization"


@given(
    st.text(st.characters(exclude_characters=":", exclude_categories=["Cs"])),
    st.text(st.characters(exclude_categories=["Cs"])),
)
def test_what_is_encoded_can_be_decoded(user: str, password: str) -> None:
    assert decoded(basic(f"{user}:{password}")) == f"{user}:{password}"


@given(st.text())
def test_no_header_breaks_decoding(value: str) -> None:
    assert isinstance(decoded(f"Basic {value}"), str)


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (encode(), []),
        (decode(), []),
        (encode("<AssignTo/>"), ["AssignToRequired"]),
        (encode(""), ["AssignToRequired"]),
        (decode(source=""), ["SourceRequired"]),
        (decode().replace('<User ref="u"/>', ""), ["UserNameRequired"]),
        (decode().replace('<User ref="u"/>', "<User>ada</User>"), ["UserNameRequired"]),
        (encode().replace('<Password ref="p"/>', "<Password/>"), ["PasswordRequired"]),
        (encode().replace("Encode", "Encrypt"), ["InvalidElement"]),
        (decode("<AssignTo createNew='false'/>"), []),
    ],
)
def test_deploy_errors(text: str, errors: list[str]) -> None:
    assert deploy_errors(text) == errors


def test_prefix_of_the_failed_variable_has_capitals() -> None:
    policy, _ = load(encode())
    assert policy.failed_variables() == ("BasicAuthentication.BA.failed",)
