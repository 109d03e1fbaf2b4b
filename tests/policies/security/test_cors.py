"""CORS: preflights answered by the proxy, headers added late."""

from pathlib import Path

import pytest

from apiproxy_runtime.message.fault import Respond
from tests.house import house, mark, proxy, raise_fault, show, steps, target, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, request, run

CORS = """<CORS name="cors"><AllowOrigins>https://a.example, {request.header.partner}</AllowOrigins>
<AllowMethods>GET, PUT</AllowMethods><AllowHeaders>X-Mine</AllowHeaders><ExposeHeaders>X-Shown</ExposeHeaders>
<MaxAge>600</MaxAge><AllowCredentials>true</AllowCredentials>{extra}</CORS>"""


def bundle(folder: Path, extra: str = "", after: str = "", response: str = "") -> Path:
    return write_bundle(
        folder,
        "cors",
        {
            "proxies/default.xml": proxy(request=steps("cors") + after, response=response),
            "targets/default.xml": target(),
            "policies/cors.xml": CORS.replace("{extra}", extra),
            "policies/boom.xml": raise_fault("boom", 418, "no"),
            "policies/seen.xml": mark("seen"),
            "policies/tell.xml": show(
                "tell",
                X_Tell="{cross_origin_resource_sharing.request.type} {cross_origin_resource_sharing.allow.origin} "
                "{cross_origin_resource_sharing.preflight.accepted}",
            ),
        },
    )


PREFLIGHT = {"Origin": "https://a.example", "Access-Control-Request-Method": "PUT"}


async def test_a_preflight_is_answered_without_the_target(tmp_path: Path) -> None:
    async with house(bundle(tmp_path, after=steps("boom"), response=steps("seen", "tell"))) as gateway:
        reply = await gateway.call("OPTIONS", "/t", headers=PREFLIGHT)
        assert gateway.upstream.seen == []
    assert reply.status == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "https://a.example"
    assert reply.headers["Access-Control-Allow-Methods"] == "GET, PUT"
    assert reply.headers["Access-Control-Allow-Headers"] == "X-Mine"
    assert reply.headers["Access-Control-Max-Age"] == "600"
    assert reply.headers["Access-Control-Allow-Credentials"] == "true"
    assert reply.headers["X-Trail"] == "seen"
    assert reply.headers["X-Tell"] == "PRE_FLIGHT https://a.example true"


async def test_a_refused_preflight_gets_no_cors_headers(tmp_path: Path) -> None:
    async with house(bundle(tmp_path)) as gateway:
        reply = await gateway.call("OPTIONS", "/t", headers={**PREFLIGHT, "Origin": "https://b.example"})
        assert reply.status == 200
        assert "Access-Control-Allow-Origin" not in reply.headers
        reply = await gateway.call(
            "OPTIONS", "/t", headers={**PREFLIGHT, "Access-Control-Request-Method": "PATCH"}
        )
        assert "Access-Control-Allow-Methods" not in reply.headers


async def test_actual_requests_get_their_headers_late_and_errors_too(tmp_path: Path) -> None:
    async with house(bundle(tmp_path)) as gateway:
        reply = await gateway.get(
            "/t", headers={"Origin": "https://p.example", "Partner": "https://p.example"}
        )
        assert reply.status == 200
        assert reply.headers["Access-Control-Allow-Origin"] == "https://p.example"
        assert reply.headers["Access-Control-Expose-Headers"] == "X-Shown"
        assert "Access-Control-Allow-Methods" not in reply.headers
        reply = await gateway.get("/t")
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
    async with house(bundle(tmp_path / "2", after=steps("boom"))) as gateway:
        reply = await gateway.get("/t", headers={"Origin": "https://a.example"})
        assert (reply.status, reply.headers["Access-Control-Allow-Origin"]) == (418, "https://a.example")


async def test_without_generating_only_the_variables_are_set(tmp_path: Path) -> None:
    extra = "<GeneratePreflightResponse>false</GeneratePreflightResponse>"
    async with house(bundle(tmp_path, extra, response=steps("tell"))) as gateway:
        reply = await gateway.call("OPTIONS", "/t", headers=PREFLIGHT)
        assert len(gateway.upstream.seen) == 1
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert reply.headers["X-Tell"] == "PRE_FLIGHT https://a.example true"


@pytest.mark.parametrize(
    ("inside", "error"),
    [
        ("", "MissingAllowOrigins"),
        ("<AllowOrigins>*</AllowOrigins><MaxAge>soon</MaxAge>", "InvalidMaxAge"),
        ("<AllowOrigins>*</AllowOrigins><AllowMethods>GE T</AllowMethods>", "InvalidHTTPMethods"),
        (
            f"<AllowOrigins>*</AllowOrigins><AllowHeaders>{'x' * 9000}</AllowHeaders>",
            "AllowHeadersSizeTooLarge",
        ),
        (
            f"<AllowOrigins>*</AllowOrigins><ExposeHeaders>{'x' * 9000}</ExposeHeaders>",
            "ExposeHeadersSizeTooLarge",
        ),
    ],
)
def test_deploy_errors(inside: str, error: str) -> None:
    assert deploy_errors(f'<CORS name="C">{inside}</CORS>') == [error]


# ---- the step alone


@pytest.mark.parametrize(
    ("verb", "headers", "kind", "origin", "accepted"),
    [
        ("OPTIONS", PREFLIGHT, "PRE_FLIGHT", "https://a.example", True),
        ("OPTIONS", {**PREFLIGHT, "Origin": "https://b.example"}, "PRE_FLIGHT", "", False),
        ("OPTIONS", {"Origin": "https://a.example"}, "ACTUAL", "https://a.example", False),
        ("GET", PREFLIGHT, "ACTUAL", "https://a.example", False),
        ("GET", {}, "ACTUAL", "", False),
    ],
)
async def test_what_a_request_is_taken_for(
    verb: str, headers: dict[str, str], kind: str, origin: str, accepted: bool
) -> None:
    ctx = context(request=request(verb, headers=headers))
    step = compile_policy(
        CORS.replace("{extra}", "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>")
    )
    if kind == "PRE_FLIGHT":
        with pytest.raises(Respond):
            await run(step, ctx)
    else:
        await run(step, ctx)
    names = ("request.type", "allow.origin", "preflight.accepted")
    found = [ctx.variables[f"cross_origin_resource_sharing.{name}"] for name in names]
    assert found == [kind, origin, accepted]
