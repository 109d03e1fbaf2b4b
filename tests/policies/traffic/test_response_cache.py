"""ResponseCache: what is kept, what is answered, and where the flows go on."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.message.fault import Respond
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.program.compile import compile_proxy
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, note, proxy, show, steps, target, write_bundle
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    findings_of,
    request,
    response,
    run,
    services,
)

KEY = '<CacheKey><KeyFragment ref="request.uri"/></CacheKey>'
MINUTE = "<ExpirySettings><TimeoutInSeconds>60</TimeoutInSeconds></ExpirySettings>"


def policy(rest: str = "", key: str = KEY, expiry: str = MINUTE, name: str = "RC") -> str:
    return f'<ResponseCache name="{name}">{key}{expiry}{rest}</ResponseCache>'


class Proxy:
    """A proxy with the policy on both sides, without HTTP: one call at a time."""

    def __init__(self, using: Services, xml: str) -> None:
        self.step = compile_policy(xml, using=using)

    async def call(
        self,
        headers: Mapping[str, str] | None = None,
        answer: Message | None = None,
        path: str = "/a",
        verb: str = "GET",
        variables: Mapping[str, Any] | None = None,
    ) -> tuple[Message, dict[str, Any]]:
        """The response that the client gets, and the variables of the policy."""
        ctx = context(request(verb, path, headers=headers), variables=variables)
        ctx.endpoint_name = "default"
        try:
            await run(self.step, ctx)
        except Respond as cached:
            ctx.response, ctx.in_response = cached.message, True
        else:
            ctx.response = answer or response(body="fresh", type="text/plain")
            ctx.in_response = True
            await run(self.step, ctx)
        start = "responsecache.RC."
        assert ctx.response is not None
        return ctx.response, {
            name[len(start) :]: value for name, value in ctx.variables.items() if name.startswith(start)
        }

    async def hit(self, *arguments: Any, **named: Any) -> bool:
        found = (await self.call(*arguments, **named))[1]["cachehit"]
        assert isinstance(found, bool)
        return found


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "errors"),
    [
        (policy(), []),
        (policy(key=""), ["InvalidElement"]),
        (policy("<CacheLookupTimeoutInSeconds>-5</CacheLookupTimeoutInSeconds>"), ["InvalidTimeout"]),
        (policy("<SkipCacheLookup>a === b</SkipCacheLookup>"), ["InvalidMessagePatternForErrorCode"]),
        (policy("<SkipCachePopulation>a === b</SkipCachePopulation>"), ["InvalidMessagePatternForErrorCode"]),
        (policy("<SkipCacheLookup></SkipCacheLookup><SkipCachePopulation/>"), []),
    ],
)
def test_what_is_refused(xml: str, errors: list[str]) -> None:
    assert deploy_errors(xml) == errors


def test_a_bad_condition_is_told_in_apigees_words() -> None:
    (found,) = findings_of(policy("<SkipCachePopulation>a === b</SkipCachePopulation>"))
    code = "steps.cache.InvalidSkipCachePopulationCondition."
    assert found.message == f"Invalid message pattern found for error code {code}"


@pytest.mark.parametrize(
    ("proxy_xml", "target_xml", "error"),
    [
        (proxy(request=steps("RC", "RC")), target(), "ResponseCacheStepAttachmentNotAllowedReq"),
        (proxy(request=steps("RC")), target(request=steps("RC")), "ResponseCacheStepAttachmentNotAllowedReq"),
        (
            proxy(request=steps("RC"), response=steps("RC")),
            target(response=steps("RC")),
            "ResponseCacheStepAttachmentNotAllowedResp",
        ),
        (proxy(request=steps("RC")), target(response=steps("RC")), None),
        (proxy(request=steps("RC"), response=steps("RC")), target(), None),
    ],
)
def test_it_is_attached_once_on_each_way(
    tmp_path: Path, proxy_xml: str, target_xml: str, error: str | None
) -> None:
    files = {"proxies/default.xml": proxy_xml, "targets/default.xml": target_xml, "policies/RC.xml": policy()}
    findings = Findings()
    bundle = read_bundle(write_bundle(tmp_path, "b", files), findings)
    assert bundle is not None
    compile_proxy(bundle, services(), findings)
    assert [finding.name for finding in findings.errors] == ([error] if error else [])


# ---- hit and miss


async def test_a_response_is_kept_and_answered_again(using: Services, world: FrozenWorld) -> None:
    cached = Proxy(using, policy())
    answer = response(201, {"X-A": "1", "Set-Cookie": "c=1"}, "made", "text/plain")
    answer.headers.add("Set-Cookie", "d=2")
    assert not await cached.hit(answer=answer)
    got, variables = await cached.call()
    assert (got.status, got.content, got.headers.get("X-A")) == (201, "made", "1")
    assert got.headers.values("Set-Cookie") == ["c=1", "d=2"]
    assert variables == {
        "cachename": "_shared",
        "cachekey": "hybrid__test__test-proxy__1__default__/a",
        "cachehit": True,
        "invalidentry": False,
    }
    world.time += 61
    assert not await cached.hit()


async def test_keys_set_responses_apart(using: Services) -> None:
    cached = Proxy(using, policy())
    await cached.call(path="/a")
    assert not await cached.hit(path="/b")
    assert await cached.hit(path="/a", verb="POST")


async def test_the_key_is_that_of_the_lookup(using: Services) -> None:
    """What the request became on the way to the target must not matter."""
    step = compile_policy(policy(), using=using)
    ctx = context(request(path="/a"))
    ctx.endpoint_name = "default"
    await run(step, ctx)
    ctx.request.path = "/elsewhere"
    ctx.response, ctx.in_response = response(body="x"), True
    await run(step, ctx)
    again = context(request(path="/a"))
    again.endpoint_name = "default"
    with pytest.raises(Respond) as answer:
        await run(step, again)
    assert answer.value.behind == "RC"


async def test_what_another_policy_has_put_there_is_no_response(using: Services) -> None:
    key = "<CacheKey><Prefix>p</Prefix><KeyFragment>k</KeyFragment></CacheKey>"
    populate = f'<PopulateCache name="PC">{key}<Source>v</Source></PopulateCache>'
    await run(compile_policy(populate, using=using), context(variables={"v": "text"}))
    variables = (await Proxy(using, policy(key=key)).call())[1]
    assert (variables["cachehit"], variables["invalidentry"]) == (False, True)


@pytest.mark.parametrize(
    ("setting", "kept"),
    [
        ("", [True, True, False, False]),
        ("<ExcludeErrorResponse>true</ExcludeErrorResponse>", [True, True, False, False]),
        ("<ExcludeErrorResponse>false</ExcludeErrorResponse>", [True, True, True, True]),
    ],
)
async def test_errors_are_kept_only_when_that_is_wanted(
    using: Services, setting: str, kept: list[bool]
) -> None:
    cached = Proxy(using, policy(setting))
    found = []
    for status in (200, 205, 206, 404):
        await cached.call(path=f"/{status}", answer=response(status))
        found.append(await cached.hit(path=f"/{status}"))
    assert found == kept


async def test_conditions_lead_past_the_lookup_or_the_population(using: Services) -> None:
    rest = (
        '<SkipCacheLookup>request.header.x-bypass = "true"</SkipCacheLookup>'
        "<SkipCachePopulation>skip = true</SkipCachePopulation>"
    )
    cached = Proxy(using, policy(rest))
    await cached.call(variables={"skip": True})
    assert not await cached.hit()
    assert await cached.hit()
    got, variables = await cached.call({"X-Bypass": "true"}, response(body="newer"))
    assert (got.content, variables["cachehit"]) == ("newer", False)
    assert (await cached.call())[0].content == "newer"


@pytest.mark.parametrize(
    ("header", "hit", "kept"),
    [
        ("no-cache", False, True),
        ("max-age=0", False, True),
        ("no-store", False, False),
        ("max-age=60", True, True),
    ],
)
async def test_a_client_may_ask_for_a_fresh_response(
    using: Services, header: str, hit: bool, kept: bool
) -> None:
    cached = Proxy(using, policy())
    await cached.call(answer=response(body="old"))
    asked = {"Cache-Control": header}
    assert await cached.hit(asked, response(body="new")) is hit
    assert (await cached.call())[0].content == ("new" if kept and not hit else "old")


async def test_what_the_client_accepts_may_be_part_of_the_key(using: Services) -> None:
    cached = Proxy(using, policy("<UseAcceptHeader>true</UseAcceptHeader>"))
    asked = {"Accept": "text/html", "Accept-Language": "nl"}
    await cached.call(asked)
    assert await cached.hit(asked)
    assert not await cached.hit({**asked, "Accept-Language": "de"})
    assert not await cached.hit()
    plain = Proxy(using, policy())
    await plain.call(asked)
    assert await plain.hit()


# ---- headers of the response


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Cache-Control": "max-age=20"}, 20),
        ({"Cache-Control": "max-age=20, s-maxage=10"}, 10),
        ({"Cache-Control": "max-age=600"}, 60),
        ({"Cache-Control": "public"}, 60),
        ({"Expires": formatdate(FrozenWorld().time + 30, usegmt=True)}, 30),
        ({"Cache-Control": "max-age=20", "Expires": formatdate(FrozenWorld().time + 5, usegmt=True)}, 20),
        ({"Expires": "0"}, 0),
        ({"Cache-Control": "no-store"}, 0),
        ({"Cache-Control": "private, max-age=20"}, 0),
        ({"Vary": "*"}, 0),
    ],
)
async def test_the_response_may_say_how_long_it_is_good(
    using: Services, world: FrozenWorld, headers: dict[str, str], seconds: int
) -> None:
    cached = Proxy(using, policy("<UseResponseCacheHeaders>true</UseResponseCacheHeaders>"))
    await cached.call(answer=response(headers=headers))
    if seconds:
        world.time += seconds - 1
        assert await cached.hit()
        world.time += 2
    assert not await cached.hit()


async def test_otherwise_its_headers_say_nothing(using: Services) -> None:
    cached = Proxy(using, policy())
    await cached.call(answer=response(headers={"Cache-Control": "no-store", "Vary": "*"}))
    assert await cached.hit()


async def test_a_response_that_varies_answers_only_the_same_question(using: Services) -> None:
    cached = Proxy(using, policy("<UseResponseCacheHeaders>true</UseResponseCacheHeaders>"))
    await cached.call({"X-Tenant": "a"}, response(headers={"Vary": "X-Tenant, Accept"}))
    assert await cached.hit({"x-tenant": "a"})
    got = (await cached.call({"X-Tenant": "b"}))[1]
    assert (got["cachehit"], got["invalidentry"]) == (False, True)


@pytest.mark.parametrize(
    ("asked", "status"),
    [('"v1"', 304), ('"v0", W/"v1"', 304), ("*", 304), ('"v2"', 200), ("", 200)],
)
async def test_a_client_that_has_the_response_is_told_so(using: Services, asked: str, status: int) -> None:
    cached = Proxy(using, policy())
    await cached.call(answer=response(headers={"ETag": '"v1"'}, body="body"))
    got, variables = await cached.call({"If-None-Match": asked} if asked else {})
    assert variables["cachehit"] is True
    assert (got.status, got.content) == (status, "" if status == 304 else "body")
    assert got.headers.get("ETag") == '"v1"'


# ---- where the flows go on


def bundle(folder: Path, proxy_xml: str, target_xml: str, **policies: str) -> Path:
    files = {"proxies/default.xml": proxy_xml, "targets/default.xml": target_xml, "policies/RC.xml": policy()}
    files |= {f"policies/{name}.xml": text for name, text in policies.items()}
    return write_bundle(folder, "cached", files)


NOTES = {name: note(name) for name in ("a", "b", "c", "d")}
SHOW = show("show", X_Trail="{trail}", X_Hit="{responsecache.RC.cachehit}")


@pytest.mark.parametrize(
    ("proxy_xml", "target_xml", "trail"),
    [
        (
            proxy(request=steps("RC", "a"), response=steps("b", "RC", "c"), post_response=steps("show")),
            target(response=steps("d")),
            "c",
        ),
        (
            proxy(request=steps("RC", "a"), response=steps("c"), post_response=steps("show")),
            target(response=steps("a", "RC", "b")),
            "b c",
        ),
        (
            proxy(request=steps("a"), response=steps("c"), post_response=steps("show")),
            target(request=steps("RC", "d"), response=steps("a", "RC", "b")),
            "a b c",
        ),
    ],
    ids=["proxy to proxy", "proxy to target", "target to target"],
)
async def test_a_hit_goes_on_behind_the_second_attachment(
    tmp_path: Path, proxy_xml: str, target_xml: str, trail: str
) -> None:
    async with house(bundle(tmp_path, proxy_xml, target_xml, show=SHOW, **NOTES)) as gateway:
        first = await gateway.get("/t/x")
        again = await gateway.get("/t/x")
        other = await gateway.get("/t/y")
    assert [reply.headers["X-Hit"] for reply in (first, again, other)] == ["false", "true", "false"]
    assert again.headers["X-Trail"].split() == trail.split()
    assert again.json() == first.json()
    assert [seen["path"] for seen in gateway.upstream.seen] == ["/x", "/y"]


async def test_a_compressed_response_stays_compressed(tmp_path: Path) -> None:
    async def answer(asked: web.Request) -> web.Response:
        return web.Response(
            body=gzip.compress(b"zipped"), headers={"Content-Encoding": "gzip", "Content-Type": "text/plain"}
        )

    path = bundle(tmp_path, proxy(request=steps("RC"), response=steps("RC")), target())
    async with house(path, answer=answer) as gateway:
        replies = [await gateway.get("/t/x") for _ in range(2)]
    assert [gzip.decompress(reply.body) for reply in replies] == [b"zipped", b"zipped"]
    assert len(gateway.upstream.seen) == 1
