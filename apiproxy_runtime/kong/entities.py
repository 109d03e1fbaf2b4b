"""The entities of Kong's declarative configuration: their fields, their keys, and what nests in them.

Source: Admin API reference, and decK's file reference for what it adds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from msgspec import Struct, field

from apiproxy_runtime.kong.credentials import CREDENTIAL_FIELDS, CREDENTIAL_KEYS, check_jwt_secret
from apiproxy_runtime.kong.formats import (
    check_host,
    check_method,
    check_name,
    check_path,
    check_route_host,
    check_route_path,
    check_url,
    check_uuid,
)
from apiproxy_runtime.kong.healthchecks import HEALTHCHECKS
from apiproxy_runtime.kong.schema import (
    Config,
    Field,
    anything,
    array,
    boolean,
    foreign,
    header_name,
    integer,
    map_of,
    number,
    record,
    set_of,
    string,
)

HTTP_PROTOCOLS = frozenset(("http", "https", "grpc", "grpcs", "ws", "wss"))
_PROTOCOLS = ("http", "https", "grpc", "grpcs", "tcp", "tls", "tls_passthrough", "udp", "ws", "wss")

Check = Callable[[Config], list[tuple[str, str]]]


class Entity(Struct, frozen=True):
    """A kind of entity.

    key       the field that names one, and is unique
    unique    further fields that are
    children  what nests: member → (entity, the child's field that refers to its parent)
    """

    name: str
    fields: Mapping[str, Field]
    key: str = ""
    unique: tuple[str, ...] = ()
    children: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    check: Check | None = None


def _common() -> dict[str, Field]:
    return {
        "id": string("", rule=check_uuid),
        "created_at": number(),
        "updated_at": number(),
        "tags": set_of(string()),
    }


def _timeout(default: int = 60000) -> Field:
    return integer("milliseconds", default, between=(1, 2**31 - 2))


def check_service(config: Config) -> list[tuple[str, str]]:
    wrong = []
    secure = config["protocol"] in ("https", "tls", "wss", "grpcs")
    for name in ("client_certificate", "tls_verify", "ca_certificates"):
        if config[name] is not None and not secure:
            wrong.append((name, "value must be null unless the protocol is https or tls"))
    if config["path"] and config["protocol"] in ("tcp", "tls", "udp", "grpc", "grpcs"):
        wrong.append(("path", "value must be null"))
    return wrong


def check_route(config: Config) -> list[tuple[str, str]]:
    wrong: list[tuple[str, str]] = []
    protocols = set(config["protocols"])
    criteria = ["methods", "hosts", "headers", "paths"]
    if protocols & {"https", "grpcs", "tls", "tls_passthrough", "wss"}:
        criteria.append("snis")
    elif config["snis"]:
        message = "'snis' can only be set when 'protocols' is 'grpcs', 'https', 'tls' or 'tls_passthrough'"
        wrong.append(("snis", message))
    if protocols & {"http", "https"} and not any(config[name] for name in criteria):
        listed = ", ".join(f"'{name}'" for name in criteria)
        wrong.append(("", f"must set one of {listed} when 'protocols' is '{config['protocols'][0]}'"))
    for name in config["headers"] or {}:
        if name.lower() == "host":
            message = "cannot contain 'host' header, which must be specified in the 'hosts' attribute"
            wrong.append(("headers", message))
    return wrong


def check_consumer(config: Config) -> list[tuple[str, str]]:
    if config["username"] or config["custom_id"]:
        return []
    return [("", "at least one of these fields must be non-empty: 'custom_id', 'username'")]


def check_upstream(config: Config) -> list[tuple[str, str]]:
    wrong = []
    needed = {"header": "header", "cookie": "cookie", "query_arg": "query_arg", "uri_capture": "uri_capture"}
    for side in ("hash_on", "hash_fallback"):
        kind = config[side]
        name = f"{side}_{needed[kind]}" if kind in needed else ""
        if kind == "cookie":
            name = "hash_on_cookie"
        if name and not config[name]:
            wrong.append((name, f"required field missing: '{side}' is '{kind}'"))
    if config["hash_on"] in ("none", "cookie") and config["hash_fallback"] != "none":
        wrong.append(("hash_fallback", "expected one of: none"))
    return wrong


_HASH = ("none", "consumer", "ip", "header", "cookie", "path", "query_arg", "uri_capture")

PLUGIN_FIELDS: dict[str, Field] = {
    **_common(),
    "name": string().needs(),
    "instance_name": string(rule=check_name),
    "route": foreign(),
    "service": foreign(),
    "consumer": foreign(),
    "consumer_group": foreign(),
    "protocols": set_of(string(one_of=_PROTOCOLS), "", ["grpc", "grpcs", "http", "https"], len_min=1),
    "enabled": boolean("", True),
    "ordering": record(
        {
            "before": record({"access": array(string())}, optional=True),
            "after": record({"access": array(string())}, optional=True),
        },
        optional=True,
    ),
    "condition": string(),
    "config": anything(),
    "_config": string(),
}

_OF_CONSUMER = {name: (name, "consumer") for name in CREDENTIAL_FIELDS}

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        Entity(
            "services",
            {
                **_common(),
                "name": string(rule=check_name),
                "url": string(rule=check_url),
                "protocol": string("", "http", one_of=_PROTOCOLS),
                "host": string(rule=check_host).needs(),
                "port": integer("", 80, between=(0, 65535)),
                "path": string(rule=check_path),
                "retries": integer("", 5, between=(0, 32767)),
                "connect_timeout": _timeout(),
                "write_timeout": _timeout(),
                "read_timeout": _timeout(),
                "enabled": boolean("", True),
                "client_certificate": foreign(),
                "tls_verify": boolean(),
                "tls_verify_depth": integer(between=(0, 64)),
                "ca_certificates": array(string()),
            },
            "name",
            children={"routes": ("routes", "service"), "plugins": ("plugins", "service")},
            check=check_service,
        ),
        Entity(
            "routes",
            {
                **_common(),
                "name": string(rule=check_name),
                "service": foreign(),
                "protocols": set_of(string(one_of=_PROTOCOLS), "", ["http", "https"], len_min=1),
                "methods": set_of(string(rule=check_method)),
                "hosts": array(string(rule=check_route_host)),
                "paths": array(string(rule=check_route_path)),
                "headers": map_of(array(string()), keys=header_name()),
                "snis": set_of(string(rule=check_route_host)),
                "sources": anything(),
                "destinations": anything(),
                "strip_path": boolean("", True),
                "preserve_host": boolean("", False),
                "regex_priority": integer("", 0),
                "path_handling": string("", "v0", one_of=("v0", "v1")),
                "https_redirect_status_code": integer("", 426, one_of=(426, 301, 302, 307, 308)),
                "request_buffering": boolean("", True),
                "response_buffering": boolean("", True),
            },
            "name",
            children={"plugins": ("plugins", "route")},
            check=check_route,
        ),
        Entity(
            "consumers",
            {
                **_common(),
                "username": string(),
                "custom_id": string(),
                "groups": array(anything()),
            },
            "username",
            ("custom_id",),
            children={**_OF_CONSUMER, "plugins": ("plugins", "consumer")},
            check=check_consumer,
        ),
        Entity(
            "consumer_groups",
            {**_common(), "name": string().needs(), "consumers": array(anything())},
            "name",
            children={"plugins": ("plugins", "consumer_group")},
        ),
        Entity("plugins", PLUGIN_FIELDS),
        Entity(
            "upstreams",
            {
                **_common(),
                "name": string(rule=check_host).needs(),
                "algorithm": string(
                    "",
                    "round-robin",
                    one_of=(
                        *("consistent-hashing", "least-connections", "round-robin", "latency"),
                        "sticky-sessions",
                    ),
                ),
                "hash_on": string("", "none", one_of=_HASH),
                "hash_fallback": string("", "none", one_of=_HASH),
                "hash_on_header": header_name(),
                "hash_fallback_header": header_name(),
                "hash_on_cookie": string(),
                "hash_on_cookie_path": string("", "/", rule=check_path),
                "hash_on_query_arg": string(),
                "hash_fallback_query_arg": string(),
                "hash_on_uri_capture": string(),
                "hash_fallback_uri_capture": string(),
                "slots": integer("", 10000, between=(10, 65536)),
                "host_header": string(),
                "client_certificate": foreign(),
                "use_srv_name": boolean("", False),
                "healthchecks": HEALTHCHECKS,
            },
            "name",
            children={"targets": ("targets", "upstream")},
            check=check_upstream,
        ),
        Entity(
            "targets",
            {
                **_common(),
                "target": string().needs(),
                "weight": integer("", 100, between=(0, 65535)),
                "upstream": foreign(),
            },
        ),
        Entity(
            "certificates",
            {
                **_common(),
                "cert": string().needs(),
                "key": string().needs(),
                "cert_alt": string(),
                "key_alt": string(),
            },
            children={"snis": ("snis", "certificate")},
        ),
        Entity(
            "snis",
            {**_common(), "name": string(rule=check_route_host).needs(), "certificate": foreign()},
            "name",
        ),
        Entity("ca_certificates", {**_common(), "cert": string().needs(), "cert_digest": string()}),
        *(
            Entity(
                name,
                {**_common(), "consumer": foreign(), **fields},
                CREDENTIAL_KEYS.get(name, ""),
                check=check_jwt_secret if name == "jwt_secrets" else None,
            )
            for name, fields in CREDENTIAL_FIELDS.items()
        ),
    )
}

#: Kinds of entities that Kong knows and that mean nothing to a gateway without a database, stream or WebAssembly.
UNUSED = frozenset(
    (
        *("keys", "key_sets", "filter_chains", "licenses", "parameters", "partials", "workspaces"),
        *("rbac_roles", "rbac_users", "rbac_role_endpoints", "consumer_group_consumers", "custom_plugins"),
        *("consumer_group_plugins", "event_hooks", "document_objects", "files", "degraphql_routes"),
        *("graphql_ratelimiting_cost_decorations", "jwt_signer_jwks", "oic_issuers", "oic_jwks", "sessions"),
        *("clustering_data_planes", "acme_storage", "custom_entities", "cloned_plugins"),
    )
)
CREDENTIALS = tuple(name for name in CREDENTIAL_FIELDS if name != "acls")
