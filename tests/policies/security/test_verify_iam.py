"""VerifyIAM: the stand-in's verdicts, by name of the fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.bundle.environment import Environment
from tests.house import Upstream, house, proxy, steps, target, upstream_server, write_bundle
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    request,
    run,
    services,
)

POLICY = '<VerifyIAM name="I"/>'
NAMED = '<VerifyIAM name="I"><CredentialSource>token</CredentialSource></VerifyIAM>'
STANDINS = {
    "iam": {
        "default": "forbidden",
        "tokens": {"good": "allow", "bad": "forbidden", "old": "unauthorized", "odd": "error"},
    }
}


def around(**stand_ins: Any) -> Environment:
    return Environment(stand_ins=stand_ins)


async def test_every_token_is_allowed_unless_the_environment_says_otherwise() -> None:
    ctx = context(request(headers={"Authorization": "Bearer ya29.any"}))
    await run(compile_policy(POLICY), ctx)
    assert ctx.request.headers.get("Authorization") == "Bearer ya29.any"


@pytest.mark.parametrize("token", ["good", "Bearer good", "bearer good"])
async def test_token_of_a_variable_may_do_without_bearer(token: str) -> None:
    await run(compile_policy(NAMED, environment=around(**STANDINS)), context(variables={"token": token}))


@pytest.mark.parametrize(
    ("token", "code", "status"),
    [
        (None, "CredentialSourceParsingFailed", 401),
        ("", "CredentialSourceParsingFailed", 401),
        ("Bearer ", "CredentialSourceParsingFailed", 401),
        ("old", "Unauthorized", 401),
        ("bad", "Forbidden", 403),
        ("nobody's", "Forbidden", 403),
        ("odd", "MiddlewareInvalidIamResponse", 500),
    ],
)
async def test_verdicts(token: str | None, code: str, status: int) -> None:
    step = compile_policy(NAMED, environment=around(**STANDINS))
    fault = await fault_of(step, context(variables={"token": token}))
    assert (fault.code, fault.status) == (f"steps.verifyiam.{code}", status)
    assert "VerifyIAM[I]" in fault.text


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic YTpi"}, {"Authorization": "good"}])
async def test_authorization_header_must_hold_a_bearer_token(headers: dict[str, str]) -> None:
    step = compile_policy(POLICY, environment=around(**STANDINS))
    fault = await fault_of(step, context(request(headers=headers)))
    assert fault.code == "steps.verifyiam.CredentialSourceParsingFailed"
    assert fault.text == "VerifyIAM[I]: no credential in request.header.authorization"


@pytest.mark.parametrize(
    "settings",
    [{"default": "maybe"}, {"tokens": {"a": "yes"}}, {"tokens": {"a": ["allow"]}}, {"default": None}],
)
def test_words_that_are_no_verdict_are_refused_at_deploy_time(settings: dict[str, Any]) -> None:
    (finding,) = findings_of(POLICY, using=services(environment=around(iam=settings)))
    assert (finding.name, finding.severity) == ("InvalidStandIn", "error")
    assert finding.cure == "Write one of allow, forbidden, unauthorized, error."


def test_settings_of_another_shape_are_as_good_as_none() -> None:
    assert deploy_errors(POLICY, using=services(environment=around(iam=["allow"]))) == []


async def test_a_server_that_speaks_the_apigee_api_gives_the_verdict(tmp_path: Path) -> None:
    async def answer(asked: web.Request) -> web.StreamResponse:
        if ":" not in asked.path:
            return web.Response()
        word = asked.headers["Authorization"].removeprefix("Bearer ")
        if word.isdigit():
            return web.Response(status=int(word))
        if word == "odd":
            return web.Response(text="?")
        granted = json.loads(await asked.text())["permissions"] if word == "good" else []
        return web.json_response({"permissions": granted} if granted else {})

    path = write_bundle(
        tmp_path,
        "guarded",
        {
            "proxies/default.xml": proxy(request=steps("I")),
            "targets/default.xml": target(),
            "policies/I.xml": POLICY,
        },
    )
    async with upstream_server(Upstream(answer=answer)) as server:
        ways = {"apigee.googleapis.com": f"http://127.0.0.1:{server.port}"}
        async with house(path, connect_to=ways) as gateway:
            for token, status, code in (
                ("good", 200, ""),
                ("nobody", 403, "Forbidden"),
                ("403", 403, "Forbidden"),
                ("401", 401, "Unauthorized"),
                ("500", 500, "MiddlewareInvalidIamResponse"),
                ("odd", 500, "MiddlewareInvalidIamResponse"),
            ):
                reply = await gateway.get("/t", headers={"Authorization": f"Bearer {token}"})
                assert reply.status == status
                if code:
                    assert reply.fault()[0] == f"steps.verifyiam.{code}"
        asked = server.seen[0]
    assert (
        asked["path"] == "/v1/organizations/hybrid/environments/test/deployments/guarded:testIamPermissions"
    )
    assert json.loads(asked["body"]) == {"permissions": ["apigee.deployments.invoke"]}
