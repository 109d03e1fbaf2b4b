"""SemanticCachePopulate: keeps the answer to a prompt for similar ones."""

from __future__ import annotations

from collections.abc import Awaitable

from apiproxy_policies.traffic.semantic_cache_lookup import EMBEDDING, INDEX
from apiproxy_policies.traffic.semantic_index import Index, StandIn, unpack, vector_of
from apiproxy_policies.traffic.vertex_ai import VertexAI, VertexFailed
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    CachedResponse,
    Element,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    settled,
    then,
)

TTL = 60
#: Bytes of the largest response that the cache takes (tutorial on semantic caching, Limitations).
LARGEST = 256 * 1024


class UpsertVertexAI(Element):
    url: str | None = child("URL", doc="upsertDatapoints method of an index; template")


class UpsertSearch(Element):
    vertex: UpsertVertexAI | None = nested("VertexAI", UpsertVertexAI, doc="an index of embeddings")


class SemanticCachePopulate(Policy):
    """Keep a response for prompts that are similar to the one it answers.

    The SemanticCacheLookup policy that missed in the same call has left the embedding and the index. Without one, after a
    hit, and for responses that are no success (2xx), are streamed or larger than 256 KB, nothing is kept.

    Locally the index is in the store, as for SemanticCacheLookup. With `--connect-to HOST=URL` for the host of the URL, that
    server gets the datapoint, too.
    """

    tag = "SemanticCachePopulate"
    family = "traffic"
    prefix = "semanticcachepopulate"
    profiles = ("apigeex",)
    docs = (
        "https://cloud.google.com/apigee/docs/api-platform/reference/policies/semantic-cache-populate-policy"
    )
    faults = fault_table(
        "steps.semanticcache.populate",
        (
            "VectorSearchUpsertAPIFailed",
            500,
            "Vector search upsert API call failed in policy {policy}",
            "Vertex AI does not take the datapoint, or standins.json asks for it",
        ),
        (
            "CachePutError",
            500,
            "Failed to put the response into the cache in policy {policy}",
            "standins.json asks for it",
        ),
    )
    variables = {
        "SemanticCachePopulate.{policy}.upsert_index_request": "what Vertex AI was sent",
        "SemanticCachePopulate.{policy}.upsert_index_response": "what Vertex AI answered",
        "semanticcachepopulate.{policy}.failed": "true when the response could not be kept",
    }
    example = """
<SemanticCachePopulate name="SCP-Populate">
  <SimilaritySearch><VertexAI><URL>https://…:upsertDatapoints</URL></VertexAI></SimilaritySearch>
  <TTLInSeconds>600</TTLInSeconds>
</SemanticCachePopulate>"""

    search: UpsertSearch | None = nested("SimilaritySearch", UpsertSearch, doc="where the embedding goes")
    ttl: str | None = child("TTLInSeconds", doc="for how long; 60")
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables", BOOLEAN, default=False, doc="no effect: the policy resolves nothing"
    )

    def compile(self, site: Site) -> StepFunction:
        stand_in, ttl, store, world = StandIn(site, self.name), self._ttl(site), site.store, site.world
        vertex = self.search.vertex if self.search is not None else None
        url_of = site.template(((vertex.url if vertex is not None else None) or "").strip(), self.node)
        api = VertexAI(site, f"SemanticCachePopulate.{self.name}", stand_in.local)
        error = stand_in.error if stand_in.error in self.faults else ""

        def semantic_cache_populate(ctx: MessageContext) -> Awaitable[object] | None:
            response, name = ctx.response, ctx.variables.get(INDEX)
            embedding = ctx.variables.get(EMBEDDING)
            if response is None or not isinstance(name, str) or not isinstance(embedding, str):
                return None
            if ctx.fault is not None or response.stream is not None or not 200 <= response.status <= 299:
                return None
            if len(response.body) > LARGEST:
                return None
            if error:
                raise self.fault(error)
            cached = CachedResponse(
                response.status, response.reason or "", tuple(response.headers), response.body, world.now()
            )
            key, url = world.uuid(), url_of(ctx)
            if api.answers(url):
                return upsert(ctx, url, name, key, embedding, cached)
            return then(Index(store, name).add(key, unpack(embedding), cached, ttl), lambda done: None)

        async def upsert(
            ctx: MessageContext, url: str, name: str, key: str, packed: str, cached: CachedResponse
        ) -> None:
            embedding = unpack(packed)
            try:
                await api.upsert(ctx, url, key, vector_of(embedding), ttl)
            except VertexFailed as failed:
                raise self.fault("VectorSearchUpsertAPIFailed") from failed
            await settled(Index(store, name).add(key, embedding, cached, ttl))

        return semantic_cache_populate

    def _ttl(self, site: Site) -> int:
        """Seconds. Samples carry a placeholder until they are deployed: that is no error."""
        if not self.ttl:
            return TTL
        if self.ttl.isdecimal() and int(self.ttl) > 0:
            return int(self.ttl)
        site.warning(
            self.node,
            "InvalidTTL",
            f'<TTLInSeconds> must be a positive number of seconds, not "{self.ttl}"; {TTL} is taken',
            "Write a number such as 600.",
        )
        return TTL
