"""Caches of an environment. A cache needs none of this to be used; what is described here is when its entries expire."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route
from apiproxy_runtime.control.management.collection import as_it_is, collection
from apiproxy_runtime.state.cache import Caches
from apiproxy_runtime.state.store import settled


async def clear(call: Call) -> web.Response:
    """Edge's `POST …/entries?action=clear`: forget the entries."""
    host = call.host
    caches = Caches(host.store, host.organization.name, call.environment)
    await settled(caches.cache(call.part("cache")).clear())
    return call.answer({"name": call.part("cache")})


ROUTES: list[Route] = [
    *collection("caches", "cache", as_it_is, as_it_is),
    ("POST", f"{ENVIRONMENT}/caches/{{cache}}/entries", clear),
]
