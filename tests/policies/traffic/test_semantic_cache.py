"""SemanticCacheLookup and SemanticCachePopulate on the local index."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from apiproxy_policies.traffic.semantic_index import PAGE, Index, embed, pack, similarity, unpack
from hypothesis import given
from hypothesis import strategies as st

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Respond
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.policy.site import Services
from apiproxy_runtime.state.cache import CachedResponse
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, show, steps, target, write_bundle
from tests.policies.kit import (
    compile_policy,
    context,
    fault_of,
    findings_of,
    request,
    response,
    run,
    services,
)


def lookup(threshold: str = "0.8", rest: str = "", index: str = "i", name: str = "L") -> str:
    search = f"<DeployedIndexID>{index}</DeployedIndexID><Threshold>{threshold}</Threshold>"
    return f"""<SemanticCacheLookup name="{name}">{rest}
<Embeddings><VertexAI><URL>https://vertex.test/m:predict</URL></VertexAI></Embeddings>
<SimilaritySearch><VertexAI><URL>https://vertex.test/e:findNeighbors</URL>{search}</VertexAI></SimilaritySearch>
</SemanticCacheLookup>"""


def populate(ttl: str = "<TTLInSeconds>60</TTLInSeconds>") -> str:
    return f"""<SemanticCachePopulate name="P"><SimilaritySearch><VertexAI>
<URL>https://vertex.test/i:upsertDatapoints</URL></VertexAI></SimilaritySearch>{ttl}</SemanticCachePopulate>"""


def asking(prompt: str) -> MessageContext:
    body = json.dumps({"contents": [{"role": "user", "parts": [{"text": prompt}]}]})
    return context(request("POST", "/", body=body, type="application/json"))


class Model:
    """A model behind the two policies: `ask` tells what the client gets, and whether the model was asked."""

    def __init__(self, using: Services, lookup_xml: str = "", populate_xml: str = "") -> None:
        self.look = compile_policy(lookup_xml or lookup(), using=using)
        self.keep = compile_policy(populate_xml or populate(), using=using)

    async def ask(self, prompt: str, answer: Message | None = None) -> tuple[Message, bool]:
        ctx = asking(prompt)
        asked = True
        try:
            await run(self.look, ctx)
        except Respond as cached:
            ctx.response, asked = cached.message, False
        else:
            ctx.response = answer or response(body=f"on {prompt}", type="text/plain")
        ctx.in_response = True
        await run(self.keep, ctx)
        return ctx.response, asked


# ---- embeddings


@pytest.mark.parametrize(
    ("one", "other", "least", "most"),
    [
        ("why is the sky blue", "why is the sky blue", 0.999, 1.0),
        ("why is the sky blue", "Why is the SKY blue?", 0.999, 1.0),
        ("why is the sky blue", "why is the sky so blue", 0.85, 0.999),
        ("why is the sky blue", "list three good restaurants", 0.0, 0.2),
        ("", "", 0.0, 0.0),
    ],
)
def test_prompts_are_similar_that_share_words(one: str, other: str, least: float, most: float) -> None:
    assert least <= similarity(embed(one), embed(other)) <= most


@given(st.text(max_size=100), st.text(max_size=100))
def test_similarity_has_no_direction_and_bounds(one: str, other: str) -> None:
    a, b = embed(one), embed(other)
    assert similarity(a, b) == pytest.approx(similarity(b, a))
    assert 0 <= similarity(a, b) <= 1
    assert unpack(pack(a)) == a


def test_embeddings_are_the_same_in_every_process() -> None:
    code = "from apiproxy_policies.traffic.semantic_index import embed, pack; print(pack(embed('blue sky')))"
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    assert unpack(told.stdout) == embed("blue sky")


async def test_a_search_reads_every_page(using: Services) -> None:
    index = Index(using.store, "big")
    answer = CachedResponse(200, "", (), b"needle", 0.0)
    for number in range(PAGE + 3):
        await settled(index.add(f"{number:06}", embed(f"hay number{number}"), answer, 60))
    await settled(index.add("999999", embed("a needle"), answer, 60))
    likeness, found = await settled(index.nearest(embed("a needle")))
    assert likeness == pytest.approx(1)
    assert found == answer


# ---- hit and miss


async def test_a_similar_prompt_gets_the_same_answer(using: Services, world: FrozenWorld) -> None:
    model = Model(using)
    first = response(200, {"X-Model": "m"}, "scattering", "text/plain")
    assert (await model.ask("why is the sky blue", first))[1]
    got, asked = await model.ask("Why is the sky so blue?")
    assert not asked
    assert (got.content, got.headers.get("X-Model")) == ("scattering", "m")
    assert (await model.ask("list three good restaurants"))[1]
    world.time += 61
    assert (await model.ask("why is the sky blue"))[1]


async def test_the_threshold_decides(using: Services) -> None:
    model = Model(using, lookup("1"))
    await model.ask("why is the sky blue")
    assert (await model.ask("why is the sky so blue"))[1]
    assert not (await model.ask("why is the sky blue"))[1]


async def test_variables_tell_what_was_found(using: Services) -> None:
    model = Model(using)
    ctx = await run(model.look, asking("why is the sky blue"))
    assert ctx.variables["semanticcachelookup.L.cachehit"] is False
    assert ctx.variables["semanticcachelookup.L.similarity"] == 0
    await model.ask("why is the sky blue")
    ctx = asking("why is the sky blue")
    with pytest.raises(Respond):
        await run(model.look, ctx)
    assert ctx.variables["semanticcachelookup.L.cachehit"] is True
    assert ctx.variables["semanticcachelookup.L.similarity"] == pytest.approx(1)


async def test_indexes_and_proxies_do_not_mix(using: Services) -> None:
    await Model(using).ask("why is the sky blue")
    assert (await Model(using, lookup(index="other")).ask("why is the sky blue"))[1]
    ctx = asking("why is the sky blue")
    ctx.deployment.proxy = "another-proxy"
    await run(Model(using).look, ctx)


@pytest.mark.parametrize(
    ("status", "kept"), [(200, True), (201, True), (302, False), (404, False), (500, False)]
)
async def test_only_successes_are_kept(using: Services, status: int, kept: bool) -> None:
    model = Model(using)
    await model.ask("why is the sky blue", response(status))
    assert (await model.ask("why is the sky blue"))[1] is not kept


async def test_without_a_lookup_nothing_is_kept(using: Services) -> None:
    model = Model(using)
    await run(model.keep, context(response=response(body="x")))
    assert (await model.ask("x"))[1]


# ---- faults and settings


async def test_a_prompt_that_is_not_there_is_a_fault() -> None:
    for rest in ("", "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>"):
        fault = await fault_of(compile_policy(lookup(rest=rest)), context())
        assert (fault.code, fault.status) == ("steps.semanticcache.lookup.FailedToExtractUserPrompt", 400)


def with_stand_ins(**policies: Any) -> Services:
    return services(environment=Environment(stand_ins={"semanticCache": policies}))


@pytest.mark.parametrize("error", ["EmbeddingsAPIFailed", "VectorSearchAPIFailed", "AuthenticationFailure"])
async def test_stand_ins_let_the_lookup_fail(error: str) -> None:
    step = compile_policy(lookup(), using=with_stand_ins(L={"error": error}))
    fault = await fault_of(step, asking("x"))
    assert (fault.code, fault.status) == (f"steps.semanticcache.lookup.{error}", 500)


@pytest.mark.parametrize("error", ["VectorSearchUpsertAPIFailed", "CachePutError"])
async def test_stand_ins_let_the_population_fail(error: str) -> None:
    model = Model(with_stand_ins(P={"error": error}))
    ctx = await run(model.look, asking("x"))
    ctx.response, ctx.in_response = response(body="y"), True
    fault = await fault_of(model.keep, ctx)
    assert (fault.code, fault.status) == (f"steps.semanticcache.populate.{error}", 500)


async def test_stand_ins_say_which_prompts_mean_the_same() -> None:
    using = with_stand_ins(**{"*": {"same": [["why is the sky blue", "what colours the heavens"]]}})
    model = Model(using)
    await model.ask("why is the sky blue")
    assert not (await model.ask("what colours the heavens"))[1]


@pytest.mark.parametrize(
    ("xml", "warning"),
    [
        (lookup("NEAREST_NEIGHBOR_DISTANCE"), "InvalidThreshold"),
        (lookup("1.5"), "InvalidThreshold"),
        (populate("<TTLInSeconds>CACHE_ENTRY_TTL_SEC</TTLInSeconds>"), "InvalidTTL"),
    ],
)
def test_placeholders_of_samples_get_a_warning(xml: str, warning: str) -> None:
    assert [(finding.severity, finding.name) for finding in findings_of(xml)] == [("warning", warning)]


# ---- over HTTP


async def test_a_similar_question_is_answered_without_the_model(tmp_path: Path) -> None:
    async def model(asked: web.Request) -> web.Response:
        return web.json_response({"answer": "scattering"})

    path = write_bundle(
        tmp_path,
        "semantic",
        {
            "proxies/default.xml": proxy(
                request=steps("L"), response=steps("P"), post_response=steps("show")
            ),
            "targets/default.xml": target(),
            "policies/L.xml": lookup(rest="<UserPromptSource>{request.content}</UserPromptSource>"),
            "policies/P.xml": populate(),
            "policies/show.xml": show("show", X_Hit="{semanticcachelookup.L.cachehit}"),
        },
    )
    async with house(path, answer=model) as gateway:
        replies = [
            await gateway.call("POST", "/t", data=prompt)
            for prompt in ("why is the sky blue", "Why is the sky blue?", "good restaurants")
        ]
    assert [reply.headers["X-Hit"] for reply in replies] == ["false", "true", "false"]
    assert [reply.json() for reply in replies] == [{"answer": "scattering"}] * 3
    assert len(gateway.upstream.seen) == 2
