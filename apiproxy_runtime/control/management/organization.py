"""The organization: there is one, and it answers to whatever name a client calls it."""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.management.call import Call, Route

#: Entries of key value maps are edited one by one.
_PROPERTIES = {"features.isCpsEnabled": "true", "features.hybrid.enabled": "true"}


async def all_of_them(call: Call) -> web.Response:
    """Edge: a list of names. X: objects, of which gcloud takes the project."""
    name = call.host.organization.name
    if call.edge:
        return call.answer([name])
    return call.answer({"organizations": [{"organization": name, "projectId": name, "projectIds": [name]}]})


async def get(call: Call) -> web.Response:
    name = call.organization
    return call.answer(
        {
            "name": name,
            "displayName": name,
            "description": "a local runtime for Apigee proxies",
            "createdAt": 0,
            "lastModifiedAt": 0,
            "environments": list(call.host.organization.environments),
            "projectId": name,
            "properties": {
                "property": [{"name": key, "value": value} for key, value in _PROPERTIES.items()],
            },
            "runtimeType": "HYBRID",
            "state": "ACTIVE",
            "subscriptionType": "TRIAL",
            "type": "trial",
        }
    )


async def operation(call: Call) -> web.Response:
    """X's long-running operations: here all are over when the answer is sent."""
    return call.answer(done(call, call.part("id")))


async def operations(call: Call) -> web.Response:
    """None is ever under way."""
    return call.answer({"operations": []})


def done(call: Call, id: str) -> dict[str, object]:
    return {
        "name": f"organizations/{call.organization}/operations/{id}",
        "metadata": {"state": "FINISHED"},
        "done": True,
        "response": {},
    }


ROUTES: list[Route] = [
    ("GET", "", get),
    ("GET", "operations", operations),
    ("GET", "operations/{id}", operation),
]
