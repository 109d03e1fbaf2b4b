"""Vertex AI's REST API, as the semantic cache policies call it: embeddings of prompts, and an index of them.

Three methods: `predict` of a text embedding model, `findNeighbors` of an index endpoint, `upsertDatapoints` of an index.
A datapoint carries the moment it expires, in milliseconds, as the number `exp_millis`; a search leaves out those that
have. Sources: Vertex AI's REST reference, and the shared flows of the public sample llm-semantic-cache, which make
the same calls by hand.
"""

from __future__ import annotations

import json
from typing import Any

from apiproxy_runtime.policy.api import CallFailed, GoogleApi, MessageContext, Site

_EXPIRY = "exp_millis"
_REFUSED = (401, 403)


class VertexFailed(Exception):
    """There is no usable answer. `refused`: the service account was."""

    def __init__(self, refused: bool) -> None:
        super().__init__("Vertex AI refused the call" if refused else "Vertex AI failed")
        self.refused = refused


class VertexAI:
    """Calls of one policy; `{prefix}.…_request` and `…_response` show what was sent and answered.

    local  nobody is called, whoever answers
    """

    def __init__(self, site: Site, prefix: str, local: bool) -> None:
        self._api = GoogleApi(site)
        self._local = local
        self._world = site.world
        self._prefix = prefix

    def answers(self, url: str) -> bool:
        """Whether calls of a URL have somebody to answer them; else the local index does."""
        return not self._local and self._api.answers(url)

    async def embed(self, ctx: MessageContext, url: str, prompt: str) -> list[float]:
        """The embedding of a prompt. Raises VertexFailed."""
        question = {"instances": [{"content": prompt}], "parameters": {"autoTruncate": True}}
        answer = await self._call(ctx, url, "embeddings", question)
        try:
            values = [float(value) for value in answer["predictions"][0]["embeddings"]["values"]]
        except (LookupError, TypeError, ValueError):
            raise VertexFailed(False) from None
        if not values:
            raise VertexFailed(False)
        return values

    async def nearest(
        self, ctx: MessageContext, url: str, index: str, vector: list[float]
    ) -> tuple[str, float] | None:
        """Id and distance of the nearest datapoint that has not expired; None in an empty index. Raises VertexFailed."""
        alive = {"namespace": _EXPIRY, "value_int": self._now(), "op": "GREATER"}
        point = {"numeric_restricts": [alive], "feature_vector": vector}
        query = {"datapoint": point, "neighbor_count": 1}
        answer = await self._call(
            ctx, url, "nearest_neighbor", {"deployed_index_id": index, "queries": [query]}
        )
        try:
            for found in answer.get("nearestNeighbors", ()):
                for neighbor in found.get("neighbors", ()):
                    # JSON of protocol buffers leaves out a distance of 0
                    return str(neighbor["datapoint"]["datapointId"]), float(neighbor.get("distance", 0))
        except (LookupError, TypeError, ValueError, AttributeError):
            raise VertexFailed(False) from None
        return None

    async def upsert(self, ctx: MessageContext, url: str, key: str, vector: list[float], ttl: int) -> None:
        """Add a datapoint that lives for so many seconds. Raises VertexFailed."""
        now = self._now()
        numbers = [
            {"namespace": "time_millis", "value_int": now},
            {"namespace": _EXPIRY, "value_int": now + ttl * 1000},
        ]
        point = {"datapoint_id": key, "feature_vector": vector, "numeric_restricts": numbers}
        await self._call(ctx, url, "upsert_index", {"datapoints": [point]})

    def _now(self) -> int:
        return int(self._world.now() * 1000)

    async def _call(self, ctx: MessageContext, url: str, name: str, question: object) -> dict[str, Any]:
        body = json.dumps(question)
        ctx.variables[f"{self._prefix}.{name}_request"] = body
        try:
            response = await self._api.post(ctx, url, body.encode())
        except CallFailed as error:
            raise VertexFailed(False) from error
        ctx.variables[f"{self._prefix}.{name}_response"] = response.content
        if response.status >= 400:
            raise VertexFailed(response.status in _REFUSED)
        try:
            answer = response.json()
        except ValueError:
            raise VertexFailed(False) from None
        if not isinstance(answer, dict):
            raise VertexFailed(False)
        return answer
