"""The management API under `/v1/organizations`: what apigeetool, Maven, gcloud, Terraform and their like call.

Each noun has a module with its routes as data: method, path below the organization, handler. The short forms `/v1/o`
and `/e` lead to the same handlers, and a slash at the end of a path means nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management import (
    aliases,
    apiproducts,
    apis,
    apps,
    archives,
    attributes,
    caches,
    datacollectors,
    debugsessions,
    deployments,
    developers,
    entries,
    envgroups,
    environments,
    flowhooks,
    keys,
    keystores,
    keyvaluemaps,
    maskconfigs,
    organization,
    references,
    resourcefiles,
    resources,
    revisions,
    targetservers,
    virtualhosts,
)
from apiproxy_runtime.control.management.absent import refusal_of
from apiproxy_runtime.control.management.call import Call, Handler, Route
from apiproxy_runtime.control.management.flavour import (
    Choice,
    error_answer,
    flavour_of,
    refused_deploy,
)
from apiproxy_runtime.control.name import check_name
from apiproxy_runtime.control.trace.trace import Trace
from apiproxy_runtime.state.store import StoreError

ORGANIZATION = "/v1/{o:o|organizations}"
_NOUNS = (
    organization,
    environments,
    envgroups,
    apis,
    revisions,
    resources,
    deployments,
    targetservers,
    keyvaluemaps,
    entries,
    caches,
    keystores,
    aliases,
    flowhooks,
    references,
    virtualhosts,
    resourcefiles,
    datacollectors,
    maskconfigs,
    apiproducts,
    developers,
    apps,
    keys,
    attributes,
)


def area(choice: Choice, trace: Trace) -> Callable[[Host], list[web.RouteDef]]:
    """The area of the control port, with the flavour of all requests, or `auto`; `trace` has the debug sessions."""

    def routes(host: Host) -> list[web.RouteDef]:
        table: list[Route] = [route for noun in _NOUNS for route in noun.ROUTES]
        table += [*archives.routes(), *debugsessions.routes(host, trace)]
        defined = [web.get(f"{ORGANIZATION}{{slash:/?}}", _handle(host, choice, organization.all_of_them))]
        for method, path, handler in table:
            defined.append(web.route(method, full_path(path), _handle(host, choice, handler)))
        anything = (f"{ORGANIZATION}/{{organization}}{{rest:.*}}", "/v1/{o:audits}/{rest:.*}")
        return [*defined, *(web.route("*", path, _handle(host, choice, unknown)) for path in anything)]

    return routes


def full_path(path: str) -> str:
    """A path below the organization as aiohttp matches it."""
    path = path.replace("environments/{environment}", "{e:e|environments}/{environment}")
    return f"{ORGANIZATION}/{{organization}}{'/' if path else ''}{path}{{slash:/?}}"


def _handle(
    host: Host, choice: Choice, handler: Handler
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handle(request: web.Request) -> web.StreamResponse:
        flavour = flavour_of(request, choice)
        try:
            call = Call(host, request, flavour)
            if host.strict and call.organization not in ("", host.organization.name):
                raise Refused(
                    404,
                    "organizations.OrganizationDoesNotExist",
                    f"the organization here is {host.organization.name!r}, not {call.organization!r}",
                )
            check_name(call.environment, "environment")
            return await handler(call)
        except Refused as error:
            return error_answer(flavour, error)
        except DeployError as error:
            return refused_deploy(flavour, error)
        except StoreError as error:
            return error_answer(flavour, Refused(503, "StateUnavailable", str(error)))

    return handle


async def unknown(call: Call) -> web.StreamResponse:
    """Whatever the management API has and this server has not."""
    raise refusal_of(call)
