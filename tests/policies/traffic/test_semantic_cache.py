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
from apiproxy_policies.traffic.semantic_index import (
    DIMENSIONS,
    MEASURES,
    PAGE,
    Index,
    embed,
    embedding_of,
    pack,
    similarity,
    unpack,
    vector_of,
)
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
from tests.house import Upstream, house, proxy, show, steps, target, upstream_server, write_bundle
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
    likeness, found = await settled(index.nearest(embed("a needle"), MEASURES["DOT_PRODUCT_DISTANCE"]))
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
    assert ctx.variables["SemanticCacheLookup.L.cache_hit"] is False
    assert ctx.variables["SemanticCacheLookup.L.nearest_neighbor_distance"] == 0
    await model.ask("why is the sky blue")
    ctx = asking("why is the sky blue")
    with pytest.raises(Respond):
        await run(model.look, ctx)
    assert ctx.variables["SemanticCacheLookup.L.cache_hit"] is True
    assert ctx.variables["SemanticCacheLookup.L.nearest_neighbor_distance"] == pytest.approx(1)


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
        (lookup("inf"), "InvalidThreshold"),
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
            "policies/show.xml": show("show", X_Hit="{SemanticCacheLookup.L.cache_hit}"),
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


# ---- Vertex AI itself


def test_embeddings_of_both_kinds_become_vectors() -> None:
    assert vector_of(embedding_of([0.25, -0.5])) == [0.25, -0.5]
    folded = vector_of(embed("why is the sky blue"))
    assert len(folded) == DIMENSIONS
    assert sum(folded) == pytest.approx(sum(embed("why is the sky blue").values()))


@pytest.mark.parametrize(
    ("measure", "distance"),
    [
        ("DOT_PRODUCT_DISTANCE", 0.6),
        ("COSINE_DISTANCE", 0.4),
        ("SQUARED_L2_DISTANCE", 0.8),
        ("L1_DISTANCE", 1.2),
    ],
)
async def test_the_measure_of_the_index_is_the_one_of_the_threshold(
    using: Services, measure: str, distance: float
) -> None:
    index = Index(using.store, measure)
    for key, vector in (("near", [0.6, 0.8]), ("far", [-1.0, 0.0])):
        await settled(index.add(key, embedding_of(vector), CachedResponse(200, "", (), key.encode(), 0), 60))
    told, found = await settled(index.nearest(embedding_of([1.0, 0.0]), MEASURES[measure]))
    assert found is not None
    assert (told, found.body) == (pytest.approx(distance), b"near")
    greater = measure == "DOT_PRODUCT_DISTANCE"
    assert MEASURES[measure].enough(distance, distance)
    assert MEASURES[measure].enough(distance, distance - 0.1) is greater
    assert MEASURES[measure].enough(distance, distance + 0.1) is not greater


class VertexServer:
    """Answers as the three methods do. A prompt of digits is answered with that status, `odd` with nonsense."""

    def __init__(self) -> None:
        self.points: dict[str, Any] = {}
        self.status = 200
        self.distance = 0.97

    async def answer(self, asked: web.Request) -> web.StreamResponse:
        if ":" not in asked.path:
            return web.Response()
        question = json.loads(await asked.text())
        if asked.path.endswith(":predict"):
            prompt = question["instances"][0]["content"]
            if prompt.isdigit():
                return web.Response(status=int(prompt))
            values = [] if prompt == "odd" else [0.6, 0.8]
            return web.json_response({"predictions": [{"embeddings": {"values": values}}]})
        if self.status != 200:
            return web.Response(status=self.status)
        if asked.path.endswith(":upsertDatapoints"):
            self.points |= {point["datapoint_id"]: point for point in question["datapoints"]}
            return web.json_response({})
        near = [{"datapoint": {"datapointId": key}, "distance": self.distance} for key in self.points][-1:]
        return web.json_response({"nearestNeighbors": [{"id": "0", "neighbors": near}]} if near else {})


def asking_vertex(folder: Path, more: str = "") -> Path:
    look = f"""<SemanticCacheLookup name="L">
<UserPromptSource>{{request.queryparam.q}}</UserPromptSource>
<Embeddings><VertexAI><URL>https://{{region}}embed.test/v1/m:predict</URL></VertexAI></Embeddings>
<SimilaritySearch><VertexAI><URL>https://find.test/v1/e:findNeighbors</URL>
<DeployedIndexID>idx</DeployedIndexID><Threshold>0.95</Threshold>{more}</VertexAI></SimilaritySearch>
</SemanticCacheLookup>"""
    keep = """<SemanticCachePopulate name="P"><SimilaritySearch><VertexAI>
<URL>https://embed.test/v1/i:upsertDatapoints</URL></VertexAI></SimilaritySearch>
<TTLInSeconds>60</TTLInSeconds></SemanticCachePopulate>"""
    told = "{SemanticCacheLookup.L.is_nearest_neighbor_hit} {SemanticCacheLookup.L.cache_hit}"
    return write_bundle(
        folder,
        "semantic",
        {
            "proxies/default.xml": proxy(
                request=steps("L"), response=steps("P"), post_response=steps("show")
            ),
            "targets/default.xml": target(),
            "policies/L.xml": look,
            "policies/P.xml": keep,
            "policies/show.xml": show("show", X_Hit=told),
        },
    )


async def answered(asked: web.Request) -> web.Response:
    return web.json_response({"answer": asked.query["q"]})


async def test_a_server_that_speaks_vertex_ai_embeds_and_searches(tmp_path: Path) -> None:
    vertex = VertexServer()
    async with upstream_server(Upstream(answer=vertex.answer)) as server:
        here = f"http://127.0.0.1:{server.port}"
        ways = {"embed.test": here, "find.test:443": here}
        async with house(asking_vertex(tmp_path), answer=answered, connect_to=ways) as gateway:
            miss = await gateway.get("/t?q=sky")
            assert (miss.json(), miss.headers["X-Hit"]) == ({"answer": "sky"}, "false false")
            assert "Cached-Content" not in miss.headers
            hit = await gateway.get("/t?q=heaven")
            assert (hit.json(), hit.headers["X-Hit"]) == ({"answer": "sky"}, "true true")
            assert hit.headers["Cached-Content"] == "true"
            vertex.distance = 0.94
            assert (await gateway.get("/t?q=far")).headers["X-Hit"] == "false false"
            vertex.distance, vertex.points = 0.99, {"gone": {}}
            assert (await gateway.get("/t?q=gone")).headers["X-Hit"] == "true false"
            trace = [seen["path"] for seen in server.seen if ":" in seen["path"]]
    assert trace[:5] == ["/v1/m:predict", "/v1/e:findNeighbors", "/v1/i:upsertDatapoints", *trace[:2]]
    asked = [seen for seen in server.seen if ":" in seen["path"]]
    assert json.loads(asked[0]["body"])["instances"] == [{"content": "sky"}]
    search = json.loads(asked[1]["body"])
    assert search["deployed_index_id"] == "idx"
    query = search["queries"][0]
    assert (query["neighbor_count"], query["datapoint"]["feature_vector"]) == (1, [0.6, 0.8])
    (alive,) = query["datapoint"]["numeric_restricts"]
    (point,) = json.loads(asked[2]["body"])["datapoints"]
    assert point["feature_vector"] == [0.6, 0.8]
    expiry = {each["namespace"]: each["value_int"] for each in point["numeric_restricts"]}["exp_millis"]
    assert (alive["namespace"], alive["op"]) == ("exp_millis", "GREATER")
    assert 50_000 < expiry - alive["value_int"] < 70_000
    assert dict(asked[0]["headers"])["authorization"].startswith("Bearer ")


@pytest.mark.parametrize(
    ("prompt", "status", "code"),
    [
        ("odd", 200, "lookup.EmbeddingsAPIFailed"),
        ("500", 200, "lookup.EmbeddingsAPIFailed"),
        ("403", 200, "lookup.AuthenticationFailure"),
        ("sky", 500, "lookup.VectorSearchAPIFailed"),
        ("sky", 401, "lookup.AuthenticationFailure"),
    ],
)
async def test_failures_of_vertex_ai_are_faults(tmp_path: Path, prompt: str, status: int, code: str) -> None:
    vertex = VertexServer()
    vertex.status = status
    async with upstream_server(Upstream(answer=vertex.answer)) as server:
        here = f"http://127.0.0.1:{server.port}"
        ways = {"embed.test": here, "find.test": here}
        async with house(asking_vertex(tmp_path), answer=answered, connect_to=ways) as gateway:
            reply = await gateway.get(f"/t?q={prompt}")
    assert (reply.status, reply.fault()[0]) == (500, f"steps.semanticcache.{code}")


async def test_a_datapoint_that_is_not_taken_is_a_fault(tmp_path: Path) -> None:
    vertex = VertexServer()
    vertex.status = 503
    async with upstream_server(Upstream(answer=vertex.answer)) as server:
        ways = {"embed.test": f"http://127.0.0.1:{server.port}"}
        async with house(asking_vertex(tmp_path), answer=answered, connect_to=ways) as gateway:
            reply = await gateway.get("/t?q=sky")
    assert reply.fault()[0] == "steps.semanticcache.populate.VectorSearchUpsertAPIFailed"


@pytest.mark.parametrize(
    ("host", "called", "hits"),
    [
        ("embed.test", {"predict", "upsertDatapoints"}, ["false false", "true true"]),
        ("find.test", {"findNeighbors"}, ["true false", "true false"]),
    ],
)
async def test_the_stand_in_does_the_work_of_a_server_that_is_not_there(
    tmp_path: Path, host: str, called: set[str], hits: list[str]
) -> None:
    vertex = VertexServer()
    vertex.points["of somebody else"] = {}
    async with upstream_server(Upstream(answer=vertex.answer)) as server:
        ways = {host: f"http://127.0.0.1:{server.port}"}
        async with house(asking_vertex(tmp_path), answer=answered, connect_to=ways) as gateway:
            assert [(await gateway.get("/t?q=sky")).headers["X-Hit"] for _ in range(2)] == hits
        assert {seen["path"].partition(":")[2] for seen in server.seen if ":" in seen["path"]} == called


async def test_a_search_that_measures_another_way_hits_below_the_threshold(tmp_path: Path) -> None:
    vertex = VertexServer()
    path = asking_vertex(tmp_path, "<DistanceMeasureType>COSINE_DISTANCE</DistanceMeasureType>")
    async with upstream_server(Upstream(answer=vertex.answer)) as server:
        here = f"http://127.0.0.1:{server.port}"
        ways = {"embed.test": here, "find.test": here}
        async with house(path, answer=answered, connect_to=ways) as gateway:
            await gateway.get("/t?q=sky")
            assert (await gateway.get("/t?q=far")).headers["X-Hit"] == "false false"
            vertex.distance = 0.9
            assert (await gateway.get("/t?q=near")).headers["X-Hit"] == "true true"


async def test_the_stand_in_can_stay_where_only_the_model_is_led_to_a_server(tmp_path: Path) -> None:
    vertex = VertexServer()
    async with upstream_server(Upstream(answer=vertex.answer)) as server:
        here = f"http://127.0.0.1:{server.port}"
        ways = {"embed.test": here, "find.test": here}
        only_here = Environment(stand_ins={"semanticCache": {"*": {"local": True}}})
        async with house(
            asking_vertex(tmp_path), answer=answered, connect_to=ways, environment=only_here
        ) as gateway:
            hits = [(await gateway.get("/t?q=sky")).headers["X-Hit"] for _ in range(2)]
    assert hits == ["false false", "true true"]
    assert not [seen for seen in server.seen if ":" in seen["path"]]


async def test_a_response_above_256_kb_is_not_kept(using: Services) -> None:
    model = Model(using)
    await model.ask("why is the sky blue", response(body="x" * (256 * 1024 + 1)))
    assert (await model.ask("why is the sky blue"))[1]
