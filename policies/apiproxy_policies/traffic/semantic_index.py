"""A local stand-in for Vertex AI: embeddings of prompts, and an index of them in the store.

No network and no model are needed. A prompt's embedding counts its words and the groups of three letters in them,
hashed to numbers, so that it is the same in every process; prompts are as similar as the cosine of their embeddings:
1 for the same words in any order, case and punctuation, near 0 for prompts that share none. It knows no meaning. Where a
test needs that two differently worded prompts count as one, the environment's standins.json says so:

    {"semanticCache": {"SCL-Lookup": {"same": [["why is the sky blue", "what colours the sky"]]},
                       "SCP-Populate": {"error": "VectorSearchUpsertAPIFailed"}, "*": {}}}

The keys are names of policies; `*` serves those that are not listed. `error` makes every call of the policy fail:
`EmbeddingsAPIFailed`, `VectorSearchAPIFailed` or `AuthenticationFailure` for a lookup, `VectorSearchUpsertAPIFailed` or
`CachePutError` for a populate policy.

A search compares with every entry of the index, which is quick up to some thousands.
"""

from __future__ import annotations

import json
import re
from math import log, sqrt
from typing import Any
from zlib import crc32

from apiproxy_runtime.policy.api import Answer, CachedResponse, Site, Store, settled

Embedding = dict[int, float]

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
    """The cosine of two embeddings, 0 to 1."""
    if len(one) > len(other):
        one, other = other, one
    return min(sum(weight * other.get(feature, 0.0) for feature, weight in one.items()), 1.0)


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

    def nearest(self, embedding: Embedding) -> Answer[tuple[float, CachedResponse | None]]:
        """The most similar entry: its similarity, and its response; 0 and None in an empty index."""
        return self._store.finish(self._nearest(embedding))

    async def _nearest(self, embedding: Embedding) -> tuple[float, CachedResponse | None]:
        best, found, after = 0.0, "", ""
        while True:
            page = await settled(self._store.entries(self._embeddings, after=after, limit=PAGE))
            for key, text in page:
                likeness = similarity(embedding, unpack(text))
                if likeness > best:
                    best, found = likeness, key
            if len(page) < PAGE:
                break
            after = page[-1][0]
        stored = await settled(self._store.get(self._responses, found)) if found else None
        return best, CachedResponse.unpack(stored)

    def add(self, key: str, embedding: Embedding, response: CachedResponse, ttl: float) -> Answer[None]:
        """Add an entry that lives for so many seconds."""
        return self._store.finish(self._add(key, embedding, response, ttl))

    async def _add(self, key: str, embedding: Embedding, response: CachedResponse, ttl: float) -> None:
        # the response first: whoever finds the embedding must find the response too
        await settled(self._store.put(self._responses, key, response.pack(), ttl))
        await settled(self._store.put(self._embeddings, key, pack(embedding), ttl))
