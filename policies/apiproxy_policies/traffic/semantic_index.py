"""The answers of the semantic cache in the store, and a local stand-in for Vertex AI: embeddings of prompts, and an index.

The stand-in needs neither network nor model. A prompt's embedding counts its words and the groups of three letters in them,
hashed to numbers, so that it is the same in every process; prompts are as similar as the cosine of their embeddings:
1 for the same words in any order, case and punctuation, near 0 for prompts that share none. It knows no meaning. Where a
test needs that two differently worded prompts count as one, the environment's standins.json says so:

    {"semanticCache": {"SCL-Lookup": {"same": [["why is the sky blue", "what colours the sky"]]},
                       "SCP-Populate": {"error": "VectorSearchUpsertAPIFailed"}, "*": {}}}

The keys are names of policies; `*` serves those that are not listed. `error` makes every call of the policy fail:
`EmbeddingsAPIFailed`, `VectorSearchAPIFailed` or `AuthenticationFailure` for a lookup, `VectorSearchUpsertAPIFailed` or
`CachePutError` for a populate policy. `"local": true` keeps the stand-in although `--connect-to` leads a host of its URLs
somewhere: language model and embeddings of Vertex AI live on one host, and a server may know the model alone.

A search compares with every entry of the index, which is quick up to some thousands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from math import log, sqrt
from typing import Any
from zlib import crc32

from msgspec import Struct

from apiproxy_runtime.policy.api import Answer, CachedResponse, Site, Store, settled

Embedding = dict[int, float]

#: Numbers of a local embedding as Vertex AI takes it.
DIMENSIONS = 768

#: How many entries a search reads at a time.
PAGE = 256
_WORD = re.compile(r"\w+")


def embed(prompt: str) -> Embedding:
    """The embedding of a prompt: unit length, few of its numbers are not zero; empty for a prompt without words."""
    counts: dict[int, int] = {}
    for word in _WORD.findall(prompt.lower()):
        padded = f"<{word}>"
        for part in (word, *(padded[start : start + 3] for start in range(len(padded) - 2))):
            feature = crc32(part.encode("utf-8", "surrogatepass"))
            counts[feature] = counts.get(feature, 0) + 1
    weights = {feature: 1 + log(count) for feature, count in counts.items()}
    length = sqrt(sum(weight * weight for weight in weights.values()))
    return {feature: weight / length for feature, weight in weights.items()}


def similarity(one: Embedding, other: Embedding) -> float:
    """The dot product of two embeddings, at most 1; of local ones, which have unit length, the cosine, 0 to 1."""
    if len(one) > len(other):
        one, other = other, one
    product = sum(weight * other.get(feature, 0.0) for feature, weight in one.items())
    # rounded, so that a text is as near to itself as can be whatever the sum lost
    return min(round(product, 9), 1.0)


class Measure(Struct, frozen=True):
    """How near two embeddings are: their distance, and whether one is near enough for a threshold."""

    distance: Callable[[Embedding, Embedding], float]
    enough: Callable[[float, float], bool]
    nearer: Callable[[float, float], bool]


def _squared(one: Embedding, other: Embedding) -> float:
    return sum((one.get(key, 0.0) - other.get(key, 0.0)) ** 2 for key in one.keys() | other.keys())


def _manhattan(one: Embedding, other: Embedding) -> float:
    return sum(abs(one.get(key, 0.0) - other.get(key, 0.0)) for key in one.keys() | other.keys())


def _cosine(one: Embedding, other: Embedding) -> float:
    return 1 - similarity(one, other)


DEFAULT_MEASURE = "DOT_PRODUCT_DISTANCE"
#: By DistanceMeasureType. A dot product is the greater the nearer, all others are the smaller.
MEASURES = {
    DEFAULT_MEASURE: Measure(similarity, float.__ge__, float.__gt__),
    "COSINE_DISTANCE": Measure(_cosine, float.__le__, float.__lt__),
    "SQUARED_L2_DISTANCE": Measure(_squared, float.__le__, float.__lt__),
    "L1_DISTANCE": Measure(_manhattan, float.__le__, float.__lt__),
}


def embedding_of(vector: list[float]) -> Embedding:
    """An embedding that Vertex AI gave."""
    return dict(enumerate(vector))


def vector_of(embedding: Embedding) -> list[float]:
    """The embedding as Vertex AI takes it; a local one is folded to DIMENSIONS numbers."""
    if embedding and max(embedding) < len(embedding):
        return [embedding[feature] for feature in range(len(embedding))]
    vector = [0.0] * DIMENSIONS
    for feature, weight in embedding.items():
        vector[feature % DIMENSIONS] += weight
    return vector


def pack(embedding: Embedding) -> str:
    return json.dumps(list(embedding.items()))


def unpack(text: str | bytes) -> Embedding:
    return dict(json.loads(text))


class StandIn:
    """What standins.json says of a policy."""

    def __init__(self, site: Site, policy: str) -> None:
        settings = site.environment.stand_ins.get("semanticCache", {})
        own: Any = (settings.get(policy) or settings.get("*")) if isinstance(settings, dict) else None
        self.settings: dict[str, Any] = own if isinstance(own, dict) else {}
        self.error = str(self.settings.get("error", ""))
        self.local = self.settings.get("local") is True
        #: prompts and what they are embedded as
        self._same = {
            prompt: group[0]
            for group in self.settings.get("same", ())
            if isinstance(group, list)
            for prompt in group
        }

    def embed(self, prompt: str) -> Embedding:
        return embed(self._same.get(prompt, prompt))


class Index:
    """Embeddings and the responses that belong to them."""

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._embeddings = f"semantic/{name}/embeddings"
        self._responses = f"semantic/{name}/responses"

    def nearest(
        self, embedding: Embedding, measure: Measure
    ) -> Answer[tuple[float | None, CachedResponse | None]]:
        """The nearest entry: its distance, and its response; None and None in an empty index."""
        return self._store.finish(self._nearest(embedding, measure))

    async def _nearest(
        self, embedding: Embedding, measure: Measure
    ) -> tuple[float | None, CachedResponse | None]:
        best: float | None = None
        found, after = "", ""
        while True:
            page = await settled(self._store.entries(self._embeddings, after=after, limit=PAGE))
            for key, text in page:
                distance = measure.distance(embedding, unpack(text))
                if best is None or measure.nearer(distance, best):
                    best, found = distance, key
            if len(page) < PAGE:
                break
            after = page[-1][0]
        return best, await self.response(found) if found else None

    async def response(self, key: str) -> CachedResponse | None:
        """The response of an entry, while it lives."""
        return CachedResponse.unpack(await settled(self._store.get(self._responses, key)))

    def add(self, key: str, embedding: Embedding, response: CachedResponse, ttl: float) -> Answer[None]:
        """Add an entry that lives for so many seconds."""
        return self._store.finish(self._add(key, embedding, response, ttl))

    async def _add(self, key: str, embedding: Embedding, response: CachedResponse, ttl: float) -> None:
        # the response first: whoever finds the embedding must find the response too
        await settled(self._store.put(self._responses, key, response.pack(), ttl))
        await settled(self._store.put(self._embeddings, key, pack(embedding), ttl))
