"""PopulateCache, LookupCache and InvalidateCache, which only mean something together."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.bundle.cache import Cache
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.message.context import PROXY_RESPONSE, TARGET_REQUEST, MessageContext, TargetCall
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, show, steps, write_bundle
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    findings_of,
    request,
    run,
    services,
)

KEY = "<CacheKey><KeyFragment>k</KeyFragment></CacheKey>"


def populate(key: str = KEY, rest: str = "", source: str = "v") -> str:
    return f'<PopulateCache name="PC">{key}{rest}<Source>{source}</Source></PopulateCache>'


def lookup(key: str = KEY, rest: str = "", to: str = "found") -> str:
    return f'<LookupCache name="LC">{key}{rest}<AssignTo>{to}</AssignTo></LookupCache>'


def invalidate(key: str = KEY, rest: str = "") -> str:
    return f'<InvalidateCache name="IC">{key}{rest}</InvalidateCache>'


def at(
    endpoint: str = "default", target: str | None = None, proxy: str = "test-proxy", **variables: Any
) -> MessageContext:
    """A context in a flow of an endpoint: of the target when one is named."""
    ctx = context(variables=variables)
    ctx.deployment.proxy = proxy
    ctx.endpoint_name = endpoint
    if target is not None:
        ctx.target = TargetCall(target, lambda ctx: None)
        ctx.phase = TARGET_REQUEST
    return ctx


async def put(
    using: Services, value: object = "cached", xml: str = "", ctx: MessageContext | None = None
) -> MessageContext:
    ctx = ctx or at()
    ctx.variables["v"] = value
    return await run(compile_policy(xml or populate(), using=using), ctx)


async def look(using: Services, xml: str = "", ctx: MessageContext | None = None) -> MessageContext:
    return await run(compile_policy(xml or lookup(), using=using), ctx or at())


def hit(ctx: MessageContext) -> bool:
    found = ctx.variables["lookupcache.LC.cachehit"]
    assert isinstance(found, bool)
    return found


# ---- declaration


@pytest.mark.parametrize(
    ("xml", "errors"),
    [
        (populate(), []),
        (populate(""), ["InvalidElement"]),
        (lookup(""), ["InvalidElement"]),
        (invalidate(""), ["InvalidElement"]),
        ('<PopulateCache name="PC">' + KEY + "</PopulateCache>", ["InvalidElement"]),
        ('<LookupCache name="LC">' + KEY + "</LookupCache>", ["InvalidElement"]),
        (lookup(rest="<Scope>World</Scope>"), ["InvalidElement"]),
        (lookup(rest="<CacheLookupTimeoutInSeconds>-1</CacheLookupTimeoutInSeconds>"), ["InvalidTimeout"]),
        (lookup(rest="<CacheLookupTimeoutInSeconds>30</CacheLookupTimeoutInSeconds>"), []),
    ],
)
def test_what_is_refused(xml: str, errors: list[str]) -> None:
    assert deploy_errors(xml) == errors


def test_the_text_of_an_invalid_timeout_is_apigees() -> None:
    found = findings_of(lookup(rest="<CacheLookupTimeoutInSeconds>-1</CacheLookupTimeoutInSeconds>"))
    assert [finding.message for finding in found] == [
        "CacheLookupTimeoutInSeconds -1 value should be greater than zero."
    ]


def with_caches(**timeouts: int) -> Environment:
    caches = {
        name: Cache(name, seconds or None, None, None, Place("caches.json", 1))
        for name, seconds in timeouts.items()
    }
    return Environment(caches=caches)


def test_a_cache_that_caches_json_does_not_know_gets_a_warning() -> None:
    using = services(environment=with_caches(known=0))
    assert findings_of(lookup(rest="<CacheResource>known</CacheResource>"), using=using) == []
    (found,) = findings_of(lookup(rest="<CacheResource>other</CacheResource>"), using=using)
    assert (found.severity, found.name) == ("warning", "InvalidCacheResourceReference")
    assert found.message == (
        "Invalid cache resource reference other in Step definition LC. "
        "Context Revision:1;APIProxy:test-proxy;Organization:hybrid;Environment:test"
    )


# ---- hit and miss


async def test_what_is_put_is_found(using: Services) -> None:
    await put(using)
    ctx = await look(using)
    assert ctx.variables["found"] == "cached"
    key = "hybrid__test__test-proxy__1__default__k"
    start = "lookupcache.LC."
    assert {name[len(start) :]: value for name, value in ctx.variables.items() if name.startswith(start)} == {
        "cachename": "_shared",
        "cachekey": key,
        "cachehit": True,
        "assignto": "found",
    }


async def test_a_miss_leaves_the_variable_alone(using: Services) -> None:
    ctx = await look(using, ctx=at(found="before"))
    assert not hit(ctx)
    assert ctx.variables["found"] == "before"


async def test_a_variable_that_is_not_set_is_not_cached(using: Services) -> None:
    await put(using, None)
    assert not hit(await look(using))


@pytest.mark.parametrize(
    ("value", "found"), [("text", "text"), (b"\xff\x00", b"\xff\x00"), (7, "7"), (True, "true"), ("", "")]
)
async def test_texts_and_bytes_keep_their_type(using: Services, value: object, found: object) -> None:
    await put(using, value)
    assert (await look(using)).variables["found"] == found


async def test_of_a_message_the_content_is_cached(using: Services) -> None:
    ctx = at()
    ctx.request = request("POST", "/", headers={"X": "1"}, body='{"keys": []}')
    await run(compile_policy(populate(source="request"), using=using), ctx)
    assert (await look(using)).variables["found"] == '{"keys": []}'


async def test_the_value_may_go_into_a_part_of_a_message(using: Services) -> None:
    await put(using)
    ctx = await look(using, lookup(to="request.header.X-Cached"))
    assert ctx.request.headers.get("X-Cached") == "cached"


# ---- keys

ORG = "hybrid__test"


@pytest.mark.parametrize(
    ("scope", "ctx", "key"),
    [
        ("Global", at(), f"{ORG}__k"),
        ("Application", at(), f"{ORG}__test-proxy__k"),
        ("Proxy", at("one"), f"{ORG}__test-proxy__1__one__k"),
        ("Proxy", at("one", "two"), f"{ORG}__test-proxy__1__one__k"),
        ("Target", at("one", "two"), f"{ORG}__test-proxy__1__two__k"),
        ("Exclusive", at("one"), f"{ORG}__test-proxy__1__one__k"),
        ("Exclusive", at("one", "two"), f"{ORG}__test-proxy__1__two__k"),
        ("exclusive", at("one", proxy="p"), f"{ORG}__p__1__one__k"),
    ],
)
async def test_the_scope_makes_the_start_of_the_key(scope: str, ctx: MessageContext, key: str) -> None:
    await look(services(), lookup(rest=f"<Scope>{scope}</Scope>"), ctx)
    assert ctx.variables["lookupcache.LC.cachekey"] == key


async def test_in_the_proxy_response_exclusive_is_the_proxy_endpoint_again() -> None:
    ctx = at("one", "two")
    ctx.phase = PROXY_RESPONSE
    await look(services(), "", ctx)
    assert ctx.variables["lookupcache.LC.cachekey"] == f"{ORG}__test-proxy__1__one__k"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("<Prefix>p</Prefix><KeyFragment>a</KeyFragment>", "p__a"),
        ('<Prefix>p</Prefix><KeyFragment>a</KeyFragment><KeyFragment ref="x"/>', "p__a__7"),
        ('<Prefix>p</Prefix><KeyFragment ref="x" type="string">a</KeyFragment>', "p__7"),
        ('<Prefix>p</Prefix><KeyFragment ref="none">a</KeyFragment>', "p__a"),
        ('<Prefix>p</Prefix><KeyFragment ref="none"/><KeyFragment>b</KeyFragment>', "p____b"),
        ("<Prefix>p</Prefix>", "p"),
        ("<Prefix></Prefix><KeyFragment>a</KeyFragment>", f"{ORG}__test-proxy__1__default__a"),
    ],
)
async def test_prefix_and_fragments_make_the_key(key: str, expected: str) -> None:
    ctx = await look(services(), lookup(f"<CacheKey>{key}</CacheKey>"), at(x=7))
    assert ctx.variables["lookupcache.LC.cachekey"] == expected


async def test_a_prefix_is_shared_by_all_proxies_and_a_resource_by_those_who_name_it(using: Services) -> None:
    key = "<CacheKey><Prefix>p</Prefix><KeyFragment>k</KeyFragment></CacheKey>"
    resource = "<CacheResource>r</CacheResource>"
    await put(using, xml=populate(key, resource), ctx=at(proxy="one"))
    assert hit(await look(using, lookup(key, resource), at(proxy="two")))
    assert not hit(await look(using, lookup(key), at(proxy="one")))


# ---- expiry


def settings(text: str) -> str:
    return f"<ExpirySettings>{text}</ExpirySettings>"


LOCAL = datetime.fromtimestamp(FrozenWorld().time)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (settings("<TimeoutInSeconds>60</TimeoutInSeconds>"), 60),
        (settings('<TimeoutInSeconds ref="ttl">60</TimeoutInSeconds>'), 90),
        (settings('<TimeoutInSeconds ref="none">60</TimeoutInSeconds>'), 60),
        (settings('<TimeoutInSeconds ref="">60</TimeoutInSeconds>'), 60),
        (settings("<TimeoutInSec>45</TimeoutInSec>"), 45),
        (settings("<TimeoutInSec>45</TimeoutInSec><TimeoutInSeconds>60</TimeoutInSeconds>"), 60),
        (settings("<TimeOfDay></TimeOfDay><ExpiryDate/><TimeoutInSec>30</TimeoutInSec>"), 30),
        (settings("<TimeoutInSeconds>-1</TimeoutInSeconds>"), 30 * 86400),
        (settings('<TimeoutInSeconds ref="word"/>'), 30 * 86400),
        (settings(""), 30 * 86400),
        ("", 30 * 86400),
    ],
)
async def test_an_entry_lives_for_its_timeout(
    using: Services, world: FrozenWorld, text: str, seconds: int
) -> None:
    await put(using, xml=populate(rest=text), ctx=at(ttl="90", word="soon"))
    world.time += seconds - 0.5
    assert hit(await look(using))
    world.time += 1
    assert not hit(await look(using))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        (settings("<TimeOfDay>23:59:59</TimeOfDay>"), LOCAL.replace(hour=23, minute=59, second=59)),
        (settings('<TimeOfDay ref="at"/>'), LOCAL.replace(hour=23, minute=50, second=0)),
        (settings("<ExpiryDate>12-31-2023</ExpiryDate>"), datetime(2023, 12, 31)),
        (
            settings("<TimeOfDay>23:59:59</TimeOfDay><ExpiryDate>12-31-2023</ExpiryDate>"),
            datetime(2023, 12, 31),
        ),
        (settings('<ExpiryDate ref="no">01-15-2024</ExpiryDate>'), datetime(2024, 1, 15)),
    ],
)
async def test_an_entry_lives_until_a_moment(
    using: Services, world: FrozenWorld, text: str, moment: datetime
) -> None:
    await put(using, xml=populate(rest=text), ctx=at(at="23:50:00"))
    world.time = moment.timestamp() - 1
    assert hit(await look(using))
    world.time = moment.timestamp() + 1
    assert not hit(await look(using))


async def test_what_is_dated_in_the_past_is_not_found(using: Services) -> None:
    await put(using, xml=populate(rest=settings("<ExpiryDate>01-31-2020</ExpiryDate>")))
    assert not hit(await look(using))


def test_a_time_nobody_can_read_gets_a_warning() -> None:
    for text in ("<TimeOfDay>25:00</TimeOfDay>", "<ExpiryDate>2020-31-01</ExpiryDate>"):
        found = findings_of(populate(rest=settings(text)))
        assert [(finding.severity, finding.name) for finding in found] == [("warning", "InvalidExpiry")]


async def test_the_environment_says_how_long_entries_of_a_cache_live() -> None:
    world = FrozenWorld()
    using = services(environment=with_caches(short=20), store=MemoryStore(world))
    resource = "<CacheResource>short</CacheResource>"
    await put(using, xml=populate(rest=resource))
    world.time += 19
    assert hit(await look(using, lookup(rest=resource)))
    world.time += 2
    assert not hit(await look(using, lookup(rest=resource)))


# ---- invalidation


def fragments(*texts: str) -> str:
    return "<CacheKey>" + "".join(f"<KeyFragment>{text}</KeyFragment>" for text in texts) + "</CacheKey>"


async def test_an_entry_is_removed_and_a_missing_one_is_no_fault(using: Services) -> None:
    await put(using)
    step = compile_policy(invalidate(), using=using)
    ctx = await run(step, at())
    assert ctx.variables["invalidatecache.IC.cachekey"] == f"{ORG}__test-proxy__1__default__k"
    assert not hit(await look(using))
    await run(step, at())


@pytest.mark.parametrize(
    ("purge", "left"), [("false", [False, True, True, True]), ("true", [False, False, False, True])]
)
async def test_child_entries_go_with_their_parent_when_purged(
    using: Services, purge: str, left: list[bool]
) -> None:
    keys = [fragments("a"), fragments("a", "b"), fragments("a", "b", "c"), fragments("ab")]
    for key in keys:
        await put(using, xml=populate(key))
    xml = invalidate(fragments("a"), f"<PurgeChildEntries>{purge}</PurgeChildEntries>")
    await run(compile_policy(xml, using=using), at())
    assert [hit(await look(using, lookup(key))) for key in keys] == left


async def test_a_prefix_alone_purges_all_under_it(using: Services) -> None:
    def under(prefix: str) -> str:
        return f"<CacheKey><Prefix>{prefix}</Prefix><KeyFragment>k</KeyFragment></CacheKey>"

    for prefix in ("p", "q"):
        await put(using, xml=populate(under(prefix)))
    xml = invalidate("<CacheKey><Prefix>p</Prefix></CacheKey>", "<PurgeChildEntries>true</PurgeChildEntries>")
    await run(compile_policy(xml, using=using), at())
    assert [hit(await look(using, lookup(under(prefix)))) for prefix in ("p", "q")] == [False, True]


@pytest.mark.parametrize(
    ("inner", "owner"),
    [
        ("<APIProxyName>other</APIProxyName><ProxyName>one</ProxyName>", at("one", proxy="other")),
        ("<APIProxyName>other</APIProxyName><TargetName>two</TargetName>", at("one", "two", proxy="other")),
    ],
)
async def test_the_context_names_another_proxys_entries(
    using: Services, inner: str, owner: MessageContext
) -> None:
    await put(using, ctx=owner)
    xml = invalidate(rest=f"<CacheContext>{inner}</CacheContext>")
    await run(compile_policy(xml, using=using), at("mine", proxy="test-proxy"))
    again = at(owner.endpoint_name, owner.target.name if owner.target else None, proxy="other")
    assert not hit(await look(using, ctx=again))


# ---- over HTTP


async def test_one_call_finds_what_another_has_put(tmp_path: Path) -> None:
    key = '<CacheKey><KeyFragment ref="request.queryparam.k"/></CacheKey>'
    path = write_bundle(
        tmp_path,
        "caching",
        {
            "proxies/default.xml": proxy(
                request=steps("LC", PC='request.verb = "PUT"', IC='request.verb = "DELETE"'),
                response=steps("show"),
                routes='<RouteRule name="none"/>',
            ),
            "policies/PC.xml": populate(key, source="request.content"),
            "policies/LC.xml": lookup(key),
            "policies/IC.xml": invalidate(key),
            "policies/show.xml": show("show", X_Hit="{lookupcache.LC.cachehit}", X_Found="{found}"),
        },
    )
    async with house(path) as gateway:
        assert (await gateway.get("/t?k=a")).headers["X-Hit"] == "false"
        await gateway.call("PUT", "/t?k=a", data="seven")
        reply = await gateway.get("/t?k=a")
        assert (reply.headers["X-Hit"], reply.headers["X-Found"]) == ("true", "seven")
        assert (await gateway.get("/t?k=b")).headers["X-Hit"] == "false"
        await gateway.call("DELETE", "/t?k=a")
        assert (await gateway.get("/t?k=a")).headers["X-Hit"] == "false"
