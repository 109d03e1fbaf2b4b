"""`products.json`: API products, with proxies and paths or with operation groups.

Fields are those of the management API's apiproducts resource. Source: docs.cloud.google.com/apigee, REST resource
organizations.apiproducts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from msgspec import Struct

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.entry import Entry
from apiproxy_runtime.bundle.finding import Findings, Place, Placed

_UNITS = ("second", "minute", "hour", "day", "week", "month", "year")
_FIELDS = (
    "name",
    "displayName",
    "description",
    "approvalType",
    "environments",
    "proxies",
    "apiResources",
    "scopes",
    "attributes",
    "quota",
    "quotaInterval",
    "quotaTimeUnit",
    "quotaCounterScope",
    "operationGroup",
    "llmOperationGroup",
    "graphqlOperationGroup",
    "grpcOperationGroup",
    "payloadOperationGroup",
    "llmQuota",
    "llmQuotaInterval",
    "llmQuotaTimeUnit",
)
_Config = TypeVar("_Config")


class ProductQuota(Struct, frozen=True):
    """So many calls (or tokens) in `interval` times `time_unit` (second … year)."""

    limit: int
    interval: int
    time_unit: str


class Operation(Struct, frozen=True):
    """A path pattern (`/`, `/*`, `/**`, `/a/*/b`) and verbs; no verbs are all of them."""

    resource: str
    methods: tuple[str, ...]


class OperationConfig(Struct, frozen=True):
    """`api_source` is a proxy's name."""

    api_source: str
    operations: tuple[Operation, ...]
    quota: ProductQuota | None
    attributes: dict[str, str]


class LLMOperation(Struct, frozen=True):
    resource: str
    methods: tuple[str, ...]
    model: str


class LLMOperationConfig(Struct, frozen=True):
    """`token_quota` counts tokens."""

    api_source: str
    operations: tuple[LLMOperation, ...]
    token_quota: ProductQuota | None
    attributes: dict[str, str]


class GraphQLOperation(Struct, frozen=True):
    """`types` are QUERY and MUTATION."""

    operation: str
    types: tuple[str, ...]


class GraphQLOperationConfig(Struct, frozen=True):
    api_source: str
    operations: tuple[GraphQLOperation, ...]
    quota: ProductQuota | None
    attributes: dict[str, str]


class GrpcOperationConfig(Struct, frozen=True):
    """`service` is the gRPC service's full name; no methods are all of them."""

    api_source: str
    service: str
    methods: tuple[str, ...]
    quota: ProductQuota | None
    attributes: dict[str, str]


class PayloadOperationConfig(Struct, frozen=True):
    """`operations` are what ParsePayload finds in a body: `tools/list`, `tools/call/NAME`."""

    api_source: str
    operations: tuple[str, ...]
    quota: ProductQuota | None
    attributes: dict[str, str]


class Product(Struct, frozen=True, eq=False):
    """Operation groups are None where the product has none; `approval_type` is auto or manual."""

    name: str
    display_name: str
    description: str
    approval_type: str
    environments: tuple[str, ...]
    proxies: tuple[str, ...]
    api_resources: tuple[str, ...]
    scopes: tuple[str, ...]
    attributes: dict[str, str]
    quota: ProductQuota | None
    llm_quota: ProductQuota | None
    operation_group: tuple[OperationConfig, ...] | None
    llm_operation_group: tuple[LLMOperationConfig, ...] | None
    graphql_operation_group: tuple[GraphQLOperationConfig, ...] | None
    grpc_operation_group: tuple[GrpcOperationConfig, ...] | None
    payload_operation_group: tuple[PayloadOperationConfig, ...] | None
    place: Placed


def read_product(entry: Entry, findings: Findings) -> Product | None:
    """None (and an error) without a name."""
    name = entry.name("name")
    entry.check_fields(_FIELDS)
    if not name:
        return None
    product = Product(
        name=name,
        display_name=entry.text("displayName", default=name),
        description=entry.text("description"),
        approval_type=entry.text("approvalType", default="auto"),
        environments=entry.texts("environments"),
        proxies=entry.texts("proxies"),
        api_resources=entry.texts("apiResources"),
        scopes=tuple(scope for scope in entry.texts("scopes") if scope),
        attributes=entry.attributes(),
        quota=_quota(entry, "quota", "quotaInterval", "quotaTimeUnit"),
        llm_quota=_quota(entry, "llmQuota", "llmQuotaInterval", "llmQuotaTimeUnit"),
        operation_group=_group(entry, "operationGroup", _operation_config),
        llm_operation_group=_group(entry, "llmOperationGroup", _llm_operation_config),
        graphql_operation_group=_group(entry, "graphqlOperationGroup", _graphql_operation_config),
        grpc_operation_group=_group(entry, "grpcOperationGroup", _grpc_operation_config),
        payload_operation_group=_group(entry, "payloadOperationGroup", _payload_operation_config),
        place=Place(entry.file, entry.line, entry.column),
    )
    if product.operation_group and (product.proxies or product.api_resources):
        findings.warning(
            entry,
            "InvalidOperationGroup",
            f"{entry.noun} has an operationGroup, and proxies or apiResources beside it",
            "Apigee refuses both together; here the operationGroup decides.",
        )
    return product


def _group(entry: Entry, key: str, read: Callable[[Entry], _Config | None]) -> tuple[_Config, ...] | None:
    group = entry.entry(f"the {key} of {entry.noun}", key)
    if group is None:
        return None
    configs = (read(config) for config in group.entries(f"a config in {group.noun}", "operationConfigs"))
    return tuple(config for config in configs if config is not None)


def _operation_config(entry: Entry) -> OperationConfig | None:
    api_source = entry.name("apiSource")
    operations = tuple(
        Operation(operation.text("resource", default="/"), operation.texts("methods"))
        for operation in entry.entries(f"an operation in {entry.noun}", "operations")
    )
    quota = _nested_quota(entry, "quota")
    return OperationConfig(api_source, operations, quota, entry.attributes()) if api_source else None


def _llm_operation_config(entry: Entry) -> LLMOperationConfig | None:
    api_source = entry.name("apiSource")
    operations = tuple(
        LLMOperation(
            operation.text("resource", default="/"), operation.texts("methods"), operation.text("model")
        )
        for operation in entry.entries(f"an operation in {entry.noun}", "llmOperations", "operations")
    )
    quota = _nested_quota(entry, "llmTokenQuota")
    return LLMOperationConfig(api_source, operations, quota, entry.attributes()) if api_source else None


def _graphql_operation_config(entry: Entry) -> GraphQLOperationConfig | None:
    api_source = entry.name("apiSource")
    operations = tuple(
        GraphQLOperation(operation.text("operation"), operation.texts("operationTypes"))
        for operation in entry.entries(f"an operation in {entry.noun}", "operations")
    )
    quota = _nested_quota(entry, "quota")
    return GraphQLOperationConfig(api_source, operations, quota, entry.attributes()) if api_source else None


def _grpc_operation_config(entry: Entry) -> GrpcOperationConfig | None:
    api_source = entry.name("apiSource")
    service, methods = entry.text("service"), entry.texts("methods")
    quota = _nested_quota(entry, "quota")
    return (
        GrpcOperationConfig(api_source, service, methods, quota, entry.attributes()) if api_source else None
    )


def _payload_operation_config(entry: Entry) -> PayloadOperationConfig | None:
    api_source = entry.name("apiSource")
    operations = tuple(
        operation.text("operation")
        for operation in entry.entries(f"an operation in {entry.noun}", "operations")
    )
    quota = _nested_quota(entry, "quota")
    return PayloadOperationConfig(api_source, operations, quota, entry.attributes()) if api_source else None


def _nested_quota(entry: Entry, key: str) -> ProductQuota | None:
    quota = entry.entry(f"the {key} of {entry.noun}", key)
    return _quota(quota, "limit", "interval", "timeUnit") if quota is not None else None


def _quota(entry: Entry, limit: str, interval: str, unit: str) -> ProductQuota | None:
    """None if no limit is set; the API writes an unset one as missing, empty or null."""
    node = entry.member(limit)
    if node is None or node.value == "":
        return None
    time_unit = entry.text(unit, default="month").strip().lower() or "month"
    if time_unit not in _UNITS:
        place = entry.member(unit) or entry
        message = f"{unit!r} of {entry.noun} must be a unit of time, not {time_unit!r}"
        entry.findings.error(place, "InvalidQuotaTimeUnit", message, suggestion(time_unit, _UNITS))
        time_unit = "month"
    every = entry.member(interval)
    length = entry.integer(interval, default=1, minimum=1) if every is not None and every.value != "" else 1
    return ProductQuota(entry.integer(limit, default=0, minimum=0), length, time_unit)
