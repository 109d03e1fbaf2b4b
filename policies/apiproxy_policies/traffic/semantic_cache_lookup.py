"""SemanticCacheLookup: answers a prompt with what a similar one was answered."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from math import isfinite

from apiproxy_policies.traffic.semantic_index import (
    DEFAULT_MEASURE,
    MEASURES,
    Embedding,
    Index,
    StandIn,
    embedding_of,
    pack,
    vector_of,
)
from apiproxy_policies.traffic.vertex_ai import VertexAI, VertexFailed
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    CachedResponse,
    Element,
    Headers,
    Message,
    MessageContext,
    Policy,
    Render,
    Respond,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    one_of,
    settled,
    then,
)

#: Where requests to Gemini hold the prompt of the user.
PROMPT = "{jsonPath('$.contents[-1].parts[-1].text',request.content,true)}"
THRESHOLD = 0.9
#: What the lookup leaves for SemanticCachePopulate: the index, and the embedding of the prompt.
INDEX, EMBEDDING = "semanticcache.index", "semanticcache.embedding"


class EmbeddingsVertexAI(Element):
    url: str | None = child("URL", doc="predict method of an embedding model; template")


class Embeddings(Element):
    vertex: EmbeddingsVertexAI | None = nested("VertexAI", EmbeddingsVertexAI, doc="an embedding model")


class PrivateServiceConnect(Element):
    endpoint: str | None = child("GrpcEndpoint", doc="private address of the index; never called")


class SearchVertexAI(Element):
    url: str | None = child("URL", doc="findNeighbors method of an index endpoint; template")
    index: str | None = child("DeployedIndexID", doc="name of the deployed index")
    threshold: str | None = child(
        "Threshold", doc="distance that is enough for a hit: at least, of a dot product; else at most; 0.9"
    )
    measure: str = child(
        "DistanceMeasureType", one_of(*MEASURES), default=DEFAULT_MEASURE, doc="what the index measures"
    )
    private: PrivateServiceConnect | None = nested("PrivateServiceConnect", PrivateServiceConnect)


class SimilaritySearch(Element):
    vertex: SearchVertexAI | None = nested("VertexAI", SearchVertexAI, doc="an index of embeddings")


class SemanticCacheLookup(Policy):
    """Answer a prompt from the cache when a similar one has been answered before, without calling the model.

    Attach it to a request flow, and SemanticCachePopulate to a response flow of the same proxy. The prompt alone is the key:
    model, headers and whoever asks do not count. On a hit the answer carries `Cached-Content: true`, and the response flows
    run from their beginning.

    Locally a stand-in takes the place of Vertex AI: embeddings are computed from words and letters, and the index is in the
    store (see the `semantic_index` module, which tells how standins.json configures it). With `--connect-to HOST=URL` for
    the host of a URL, that server is called; what was answered to a datapoint stays in the store.
    """

    tag = "SemanticCacheLookup"
    family = "traffic"
    prefix = "semanticcachelookup"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/semantic-cache-lookup-policy"
    faults = fault_table(
        "steps.semanticcache.lookup",
        (
            "EmbeddingsAPIFailed",
            500,
            "Embeddings API call failed in policy {policy}",
            "Vertex AI gives no embedding, or standins.json asks for it",
        ),
        (
            "VectorSearchAPIFailed",
            500,
            "Vector search API call failed in policy {policy}",
            "Vertex AI cannot search, or standins.json asks for it",
        ),
        (
            "AuthenticationFailure",
            500,
            "Authentication failure in policy {policy}",
            "Vertex AI answers 401 or 403, or standins.json asks for it",
        ),
        (
            "FailedToExtractUserPrompt",
            400,
            "Failed to extract user prompt in policy {policy}",
            "<UserPromptSource> does not resolve",
        ),
    )
    variables = {
        "SemanticCacheLookup.{policy}.cache_hit": "whether the response is from the cache",
        "SemanticCacheLookup.{policy}.is_nearest_neighbor_hit": "whether a prompt is near enough",
        "SemanticCacheLookup.{policy}.nearest_neighbor_distance": "distance of the nearest prompt; 0 without one",
        "SemanticCacheLookup.{policy}.user_prompt": "the prompt",
        "SemanticCacheLookup.{policy}.cached_llm_response": "content of the response from the cache",
        "SemanticCacheLookup.{policy}.dense_embeddings": "embedding that Vertex AI gave, as JSON",
        "SemanticCacheLookup.{policy}.embeddings_request": "what Vertex AI was sent for it",
        "SemanticCacheLookup.{policy}.embeddings_response": "what Vertex AI answered",
        "SemanticCacheLookup.{policy}.nearest_neighbor_request": "what the index endpoint was sent",
        "SemanticCacheLookup.{policy}.nearest_neighbor_response": "what the index endpoint answered",
        "semanticcachelookup.{policy}.failed": "true when the policy failed",
    }
    example = """
<SemanticCacheLookup name="SCL-Lookup">
  <UserPromptSource>{jsonPath('$.messages[-1].content',request.content,true)}</UserPromptSource>
  <Embeddings><VertexAI><URL>https://…:predict</URL></VertexAI></Embeddings>
  <SimilaritySearch>
    <VertexAI>
      <URL>https://…:findNeighbors</URL>
      <DeployedIndexID>prompts</DeployedIndexID>
      <Threshold>0.95</Threshold>
    </VertexAI>
  </SimilaritySearch>
</SemanticCacheLookup>"""

    prompt_source: str | None = child("UserPromptSource", doc="template of the prompt; by default Gemini's")
    embeddings: Embeddings | None = nested("Embeddings", Embeddings, doc="where embeddings come from")
    search: SimilaritySearch | None = nested(
        "SimilaritySearch", SimilaritySearch, doc="where similar are found"
    )
    ignore_unresolved: bool = child(
        "IgnoreUnresolvedVariables", BOOLEAN, default=False, doc="true: an unresolved variable is empty"
    )

    def compile(self, site: Site) -> StepFunction:
        prompt_of = site.template(
            self.prompt_source or PROMPT,
            self.node,
            ignore_unresolved=self.ignore_unresolved,
            unresolved=lambda name: self.fault("FailedToExtractUserPrompt"),
        )
        vertex = self.search.vertex if self.search is not None else None
        source = self.embeddings.vertex if self.embeddings is not None else None
        embeddings_url = self._url(site, source.url if source is not None else None)
        search_url = self._url(site, vertex.url if vertex is not None else None)
        measure = MEASURES[vertex.measure if vertex is not None else DEFAULT_MEASURE]
        stand_in, threshold, store = StandIn(site, self.name), self._threshold(site), site.store
        deployed = (vertex.index if vertex is not None else None) or "_default"
        start = f"{site.deployment.organization}/{site.deployment.environment}/"
        told = f"SemanticCacheLookup.{self.name}"
        api = VertexAI(site, told, stand_in.local)
        hit, near, asked = (
            f"{told}.{each}" for each in ("cache_hit", "is_nearest_neighbor_hit", "user_prompt")
        )
        far, content = f"{told}.nearest_neighbor_distance", f"{told}.cached_llm_response"
        error = stand_in.error if stand_in.error in self.faults else ""

        def semantic_cache_lookup(ctx: MessageContext) -> Awaitable[object] | None:
            prompt = prompt_of(ctx)
            if not prompt:
                raise self.fault("FailedToExtractUserPrompt")
            ctx.variables[asked] = prompt
            if error:
                raise self.fault(error)
            name = f"{start}{ctx.deployment.proxy}/{deployed}"
            to_embed, to_search = embeddings_url(ctx), search_url(ctx)
            if api.answers(to_embed) or api.answers(to_search):
                return ask(ctx, name, prompt, to_embed, to_search)
            embedding = stand_in.embed(prompt)

            def found(nearest: tuple[float | None, CachedResponse | None]) -> None:
                settle(ctx, name, embedding, *nearest)

            return then(Index(store, name).nearest(embedding, measure), found)

        async def ask(ctx: MessageContext, name: str, prompt: str, to_embed: str, to_search: str) -> None:
            """With at least one of the two servers; the stand-in does the other's work."""
            index, fault = Index(store, name), "EmbeddingsAPIFailed"
            distance: float | None = None
            cached: CachedResponse | None = None
            try:
                if api.answers(to_embed):
                    vector = await api.embed(ctx, to_embed, prompt)
                    ctx.variables[f"{told}.dense_embeddings"] = json.dumps(vector)
                    embedding = embedding_of(vector)
                else:
                    embedding = stand_in.embed(prompt)
                fault = "VectorSearchAPIFailed"
                if api.answers(to_search):
                    neighbor = await api.nearest(ctx, to_search, deployed, vector_of(embedding))
                    if neighbor is not None:
                        distance, cached = neighbor[1], await index.response(neighbor[0])
                else:
                    distance, cached = await settled(index.nearest(embedding, measure))
            except VertexFailed as failed:
                raise self.fault("AuthenticationFailure" if failed.refused else fault) from failed
            settle(ctx, name, embedding, distance, cached)

        def settle(
            ctx: MessageContext,
            name: str,
            embedding: Embedding,
            distance: float | None,
            cached: CachedResponse | None,
        ) -> None:
            enough = distance is not None and measure.enough(distance, threshold)
            ctx.variables.update({near: enough, far: distance or 0.0})
            if cached is None or not enough:
                ctx.variables.update({hit: False, INDEX: name, EMBEDDING: pack(embedding)})
                return
            response = Message(False, Headers(cached.headers), cached.body)
            response.status, response.reason = cached.status, cached.reason or None
            response.headers.set("Cached-Content", "true")
            ctx.variables.update({hit: True, content: response.content, INDEX: None, EMBEDDING: None})
            raise Respond(response)

        return semantic_cache_lookup

    def _url(self, site: Site, written: str | None) -> Render:
        """A URL; variables that do not resolve leave one that nobody answers."""
        return site.template((written or "").strip(), self.node)

    def _threshold(self, site: Site) -> float:
        """The distance that is enough. Samples carry a placeholder until they are deployed: that is no error."""
        vertex = self.search.vertex if self.search is not None else None
        written = vertex.threshold if vertex is not None else None
        if vertex is None or not written:
            return THRESHOLD
        try:
            threshold = float(written)
            if isfinite(threshold):
                return threshold
        except ValueError:
            pass
        site.warning(
            vertex.node,
            "InvalidThreshold",
            f'<Threshold> must be a number, not "{written}"; {THRESHOLD} is taken',
            "Write a number such as 0.95.",
        )
        return THRESHOLD
