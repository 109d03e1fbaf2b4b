"""Which calls an API product covers: its environments, proxies, resource paths and operations.

Resource paths are compared with the path after the proxy's base path. `/` covers the base path and all below it,
`*` one path segment, `**` any number of them; a slash at the end of the call's path makes no difference. So `/*` and
`/**` leave the base path itself out. Source: docs.cloud.google.com/apigee, "Managing API products" (resource path
behaviour) and REST resource organizations.apiproducts (apiResources, operationGroup).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from apiproxy_runtime.bundle.product import Product, ProductQuota


#: Says whether a path after the base path is covered; None covers all.
Covers = Callable[[str], object] | None
#: Where ParsePayload leaves the operation that it found last, whatever the policy is called.
PAYLOAD_OPERATION = "parsepayload.operation"
_WILDCARD = re.compile(r"\*\*|\*")


class Grant(Struct, frozen=True, eq=False):
    """A product, and the operation of it, that lets a call through.

    name        of the operation: the proxy (`apiSource`) of its configuration, empty for a product without operations
    resource    the pattern that covered the path; empty where the product names none
    methods     the verbs of the operation; empty is all of them
    quota       the operation's own, else the product's
    llm_quota   tokens: the operation's own, else the product's
    models      names of the LLM operation's models
    attributes  of the operation's configuration
    """

    product: Product
    name: str = ""
    resource: str = ""
    methods: tuple[str, ...] = ()
    quota: ProductQuota | None = None
    llm_quota: ProductQuota | None = None
    models: tuple[str, ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)


class Rule(Struct, frozen=True, eq=False):
    """One way into a product; `fits` asks a transaction for what a policy has found in its body, where that counts."""

    grant: Grant
    covers: Covers
    methods: frozenset[str]
    fits: Callable[[Mapping[str, Any]], bool] | None = None

    def allows(self, verb: str, path: str) -> bool:
        return (not self.methods or verb in self.methods) and (self.covers is None or bool(self.covers(path)))

    @property
    def always(self) -> bool:
        """Whether it lets every call to its proxy through."""
        return not self.methods and self.covers is None and self.fits is None


def covers(resource: str) -> Covers:
    """Compile a resource path."""
    resource = resource.strip() or "/"
    if resource == "/":
        return None
    if not resource.startswith("/"):
        resource = f"/{resource}"
    pattern, start = "", 0
    for wildcard in _WILDCARD.finditer(resource):
        pattern += re.escape(resource[start : wildcard.start()])
        pattern += ".+" if wildcard.group() == "**" else "[^/]+"
        start = wildcard.end()
    pattern += re.escape(resource[start:].rstrip("/") if start else resource.rstrip("/")) + "/?"
    return re.compile(pattern).fullmatch


def rules_of(product: Product, proxy: str) -> Iterator[Rule]:
    """The ways into a product for calls to a proxy, in the order in which they are tried.

    A product with operations of any kind is only about those. One that names neither proxies nor paths covers all.
    """
    grouped = False
    if product.operation_group is not None or product.llm_operation_group is not None:
        grouped = True
        yield from _operations(product, proxy)
        yield from _llm_operations(product, proxy)
    if product.graphql_operation_group is not None:
        grouped = True
        yield from _graphql_operations(product, proxy)
    if product.grpc_operation_group is not None:
        grouped = True
        yield from _grpc_operations(product, proxy)
    if product.payload_operation_group is not None:
        grouped = True
        yield from _payload_operations(product, proxy)
    if grouped or (product.proxies and proxy not in product.proxies):
        return
    for resource in product.api_resources or ("",):
        grant = Grant(product, "", resource, (), product.quota, product.llm_quota)
        yield Rule(grant, covers(resource), frozenset())


def _operations(product: Product, proxy: str) -> Iterator[Rule]:
    for config in product.operation_group or ():
        if config.api_source != proxy:
            continue
        quota = config.quota or product.quota
        choices = [(operation.resource, operation.methods) for operation in config.operations] or [("/", ())]
        for resource, methods in choices:
            token_quota = _token_quota(product, proxy, resource)
            grant = Grant(product, proxy, resource, methods, quota, token_quota, attributes=config.attributes)
            yield Rule(grant, covers(resource), _verbs(methods))


def _token_quota(product: Product, proxy: str, resource: str) -> ProductQuota | None:
    """What the LLM operation of the same path allows, for products that list a path in both groups."""
    for config in product.llm_operation_group or ():
        if config.api_source == proxy and any(item.resource == resource for item in config.operations):
            return config.token_quota or product.llm_quota
    return product.llm_quota


def _llm_operations(product: Product, proxy: str) -> Iterator[Rule]:
    for config in product.llm_operation_group or ():
        if config.api_source != proxy:
            continue
        for operation in config.operations:
            grant = Grant(
                product,
                proxy,
                operation.resource,
                operation.methods,
                product.quota,
                config.token_quota or product.llm_quota,
                (operation.model,) if operation.model else (),
                config.attributes,
            )
            yield Rule(grant, covers(operation.resource), _verbs(operation.methods))


def _graphql_operations(product: Product, proxy: str) -> Iterator[Rule]:
    for config in product.graphql_operation_group or ():
        if config.api_source != proxy:
            continue
        for operation in config.operations:
            types = frozenset(kind.upper() for kind in operation.types)
            grant = Grant(
                product,
                operation.operation,
                quota=config.quota or product.quota,
                attributes=config.attributes,
            )
            yield Rule(grant, None, frozenset(), _graphql_fits(operation.operation, types))


def _graphql_fits(operation: str, types: frozenset[str]) -> Callable[[Mapping[str, Any]], bool]:
    """What the GraphQL policy found in the request must be what the product lists (GraphQL policy, variables)."""

    def fits(variables: Mapping[str, Any]) -> bool:
        name = variables.get("graphql.operation.name") or variables.get("graphql.operation")
        kind = variables.get("graphql.operation.operationType") or variables.get("graphql.operationType")
        if operation not in ("", "*") and operation != name:
            return False
        return not types or str(kind or "").upper() in types

    return fits


def _grpc_operations(product: Product, proxy: str) -> Iterator[Rule]:
    for config in product.grpc_operation_group or ():
        if config.api_source != proxy:
            continue
        for resource in [f"/{config.service}/{method}" for method in config.methods or ("*",)]:
            grant = Grant(
                product, proxy, resource, quota=config.quota or product.quota, attributes=config.attributes
            )
            yield Rule(grant, covers(resource), frozenset())


def _payload_operations(product: Product, proxy: str) -> Iterator[Rule]:
    """What ParsePayload found must be an operation of the product: by its name, or all that begin with `NAME/*`.

    Source: "Manage MCP tool access with API products". That page shows whole names only; `*` is as for GraphQL.
    """
    for config in product.payload_operation_group or ():
        if config.api_source != proxy:
            continue
        for operation in config.operations:
            grant = Grant(
                product, operation, quota=config.quota or product.quota, attributes=config.attributes
            )
            yield Rule(grant, None, frozenset(), _payload_fits(operation))


def _payload_fits(operation: str) -> Callable[[Mapping[str, Any]], bool]:
    whole, start = operation, operation[:-1] if operation.endswith("*") else None

    def fits(variables: Mapping[str, Any]) -> bool:
        found = variables.get(PAYLOAD_OPERATION)
        if not isinstance(found, str):
            return False
        return found == whole if start is None else found.startswith(start)

    return fits


def _verbs(methods: tuple[str, ...]) -> frozenset[str]:
    return frozenset(method.strip().upper() for method in methods)
