"""SemanticCacheLookup: answers a prompt with what a similar one was answered."""

from __future__ import annotations

from collections.abc import Awaitable

from apiproxy_policies.traffic.semantic_index import Index, StandIn, pack
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    CachedResponse,
    Element,
    Headers,
    Message,
    MessageContext,
    Policy,
    Respond,
    Site,
    StepFunction,
    child,
    fault_table,
    nested,
    then,
)

#: Where requests to Gemini hold the prompt of the user.
PROMPT = "{jsonPath('$.contents[-1].parts[-1].text',request.content,true)}"
THRESHOLD = 0.9
#: What the lookup leaves for SemanticCachePopulate: the index, and the embedding of the prompt.
INDEX, EMBEDDING = "semanticcache.index", "semanticcache.embedding"


class EmbeddingsVertexAI(Element):
    url: str | None = child("URL", doc="predict method of an embedding model; not called")


class Embeddings(Element):
    vertex: EmbeddingsVertexAI | None = nested("VertexAI", EmbeddingsVertexAI, doc="an embedding model")


class PrivateServiceConnect(Element):
    endpoint: str | None = child("GrpcEndpoint", doc="private address of the index; not called")


class SearchVertexAI(Element):
    url: str | None = child("URL", doc="findNeighbors method of an index endpoint; not called")
    index: str | None = child("DeployedIndexID", doc="name of the deployed index")
    threshold: str | None = child("Threshold", doc="similarity that is enough for a hit, such as 0.95")
    measure: str | None = child("DistanceMeasureType", doc="how Vertex AI compares; here it is the cosine")
    private: PrivateServiceConnect | None = nested("PrivateServiceConnect", PrivateServiceConnect)


class SimilaritySearch(Element):
    vertex: SearchVertexAI | None = nested("VertexAI", SearchVertexAI, doc="an index of embeddings")


class SemanticCacheLookup(Policy):
    """Answer a prompt from the cache when a similar one has been answered before, without calling the model.

    Attach it to a request flow, and SemanticCachePopulate to a response flow of the same proxy. The prompt alone is the key:
    model, headers and whoever asks do not count. On a hit the response flows run from their beginning.

    Locally a stand-in takes the place of Vertex AI: embeddings are computed from words and letters, and the index is in the
    store (see the `semantic_index` module, which tells how standins.json configures it). URLs are not called.
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
            "standins.json asks for it",
        ),
        (
            "VectorSearchAPIFailed",
            500,
            "Vector search API call failed in policy {policy}",
            "standins.json asks for it",
        ),
        (
            "AuthenticationFailure",
            500,
            "Authentication failure in policy {policy}",
            "standins.json asks for it",
        ),
        (
            "FailedToExtractUserPrompt",
            400,
            "Failed to extract user prompt in policy {policy}",
            "<UserPromptSource> does not resolve",
        ),
    )
    variables = {
        "semanticcachelookup.{policy}.cachehit": "whether the response is from the cache",
        "semanticcachelookup.{policy}.similarity": "how similar the nearest prompt is, 0 to 1",
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
        stand_in, threshold, store = StandIn(site, self.name), self._threshold(site), site.store
        vertex = self.search.vertex if self.search is not None else None
        index_name = (vertex.index if vertex is not None else None) or "_default"
        start = f"{site.deployment.organization}/{site.deployment.environment}/"
        hit, likeness = (f"semanticcachelookup.{self.name}.{each}" for each in ("cachehit", "similarity"))
        error = stand_in.error if stand_in.error in self.faults else ""

        def semantic_cache_lookup(ctx: MessageContext) -> Awaitable[object] | None:
            prompt = prompt_of(ctx)
            if not prompt:
                raise self.fault("FailedToExtractUserPrompt")
            if error:
                raise self.fault(error)
            embedding = stand_in.embed(prompt)
            name = f"{start}{ctx.deployment.proxy}/{index_name}"

            def found(nearest: tuple[float, CachedResponse | None]) -> None:
                similar, cached = nearest
                if cached is None or similar < threshold:
                    ctx.variables.update(
                        {hit: False, likeness: similar, INDEX: name, EMBEDDING: pack(embedding)}
                    )
                    return
                ctx.variables.update({hit: True, likeness: similar, INDEX: None, EMBEDDING: None})
                response = Message(False, Headers(cached.headers), cached.body)
                response.status, response.reason = cached.status, cached.reason or None
                raise Respond(response)

            return then(Index(store, name).nearest(embedding), found)

        return semantic_cache_lookup

    def _threshold(self, site: Site) -> float:
        """The similarity that is enough. Samples carry a placeholder until they are deployed: that is no error."""
        vertex = self.search.vertex if self.search is not None else None
        written = vertex.threshold if vertex is not None else None
        if vertex is None or not written:
            return THRESHOLD
        try:
            threshold = float(written)
        except ValueError:
            threshold = -1.0
        if 0 <= threshold <= 1:
            return threshold
        site.warning(
            vertex.node,
            "InvalidThreshold",
            f'<Threshold> must be a number from 0 to 1, not "{written}"; {THRESHOLD} is taken',
            "Write a number such as 0.95.",
        )
        return THRESHOLD
