"""The wire contract of ExternalCallout: `apigee.ExternalCalloutService/ProcessMessage`, as message classes.

The descriptor is put together here from a table instead of from generated code, so that no version of a protobuf
compiler is bound to one of its runtime. Numbers, names and types are those of Apigee's public
`external_callout.proto` (proto3). The field option `immutable`, which tells servers what they need not change, is
left out: options do not travel. protobuf is loaded when a bundle first needs the contract.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

from msgspec import Struct

from apiproxy_runtime.policy.api import Rpc

PACKAGE = "apigee"
METHOD = "/apigee.ExternalCalloutService/ProcessMessage"

#: field → (number, type); `map<T>` has string keys, `repeated T` is a list, other capitals are messages
MESSAGES: dict[str, dict[str, tuple[int, str]]] = {
    "MessageContext": {
        "request": (1, "Request"),
        "response": (2, "Response"),
        "error": (3, "Error"),
        "fault": (5, "Fault"),
        "api_proxy": (6, "ApiProxy"),
        "client": (7, "Client"),
        "current_flow": (8, "CurrentFlow"),
        "message_id": (9, "string"),
        "organization_name": (10, "string"),
        "environment_name": (11, "string"),
        "proxy": (12, "Proxy"),
        "route": (13, "Route"),
        "target": (14, "Target"),
        "additional_flow_variables": (15, "map<FlowVariable>"),
    },
    "Request": {
        "uri": (1, "string"),
        "verb": (2, "string"),
        "http_version": (3, "string"),
        "headers": (4, "map<Strings>"),
        "form_params": (5, "map<Strings>"),
        "query_params": (6, "map<Strings>"),
        "content": (7, "string"),
    },
    "Response": {
        "status_code": (1, "int32"),
        "reason_phrase": (2, "string"),
        "headers": (3, "map<Strings>"),
        "content": (4, "string"),
    },
    "Fault": {
        "name": (1, "string"),
        "type": (2, "string"),
        "category": (3, "string"),
        "fault_string": (4, "string"),
    },
    "Error": {"message": (1, "string"), "response": (2, "Response")},
    "Policy": {"name": (1, "string"), "time_taken_ns": (2, "int64"), "properties": (3, "map<Strings>")},
    "ApiProxy": {"name": (1, "string"), "revision": (2, "string")},
    "Client": {
        "cn": (1, "string"),
        "country": (2, "string"),
        "email_address": (3, "string"),
        "host": (4, "string"),
        "ip": (5, "string"),
        "locality": (6, "string"),
        "organization": (7, "string"),
        "organization_unit": (8, "string"),
        "port": (9, "int32"),
        "scheme": (10, "string"),
        "state": (11, "string"),
        "ssl_enabled": (12, "bool"),
    },
    "CurrentFlow": {"name": (1, "string"), "description": (2, "string")},
    "Proxy": {
        "endpoint_name": (1, "string"),
        "client_ip": (2, "string"),
        "base_path": (3, "string"),
        "path_suffix": (4, "string"),
        "url": (5, "string"),
    },
    "Route": {"name": (1, "string"), "target": (2, "string")},
    "Target": {
        "base_path": (1, "string"),
        "copy_path_suffix": (2, "bool"),
        "copy_query_params": (3, "bool"),
        "country": (4, "string"),
        "cn": (5, "string"),
        "email_address": (6, "string"),
        "expected_cn": (7, "string"),
        "host": (8, "string"),
        "ip": (9, "string"),
        "locality": (10, "string"),
        "name": (11, "string"),
        "organization": (12, "string"),
        "organization_unit": (13, "string"),
        "port": (14, "int32"),
        "scheme": (15, "string"),
        "state": (16, "string"),
        "ssl_enabled": (17, "bool"),
        "url": (18, "string"),
    },
    "Strings": {"strings": (1, "repeated string")},
    "FlowVariable": {
        "int32": (1, "int32"),
        "int64": (2, "int64"),
        "string": (3, "string"),
        "bool": (4, "bool"),
        "double": (5, "double"),
    },
}
#: the message whose fields exclude each other
_ONEOF = "FlowVariable"


class Contract(Struct, frozen=True):
    """The message classes by name, and the method they travel by. A class is called with its fields by keyword."""

    messages: dict[str, Any]
    method: Rpc[Any, Any]


@lru_cache(1)
def load_contract() -> Contract:
    """The contract; made once."""
    # protobuf is loaded here because most bundles have no ExternalCallout
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="external_callout.proto", package=PACKAGE, syntax="proto3")
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        if name == _ONEOF:
            message.oneof_decl.add(name="value")
        for field, (number, kind) in fields.items():
            _add_field(message, field, number, kind, name == _ONEOF)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    messages = {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in MESSAGES
    }
    context = messages["MessageContext"]
    # maps in one order on each run, so that a recorded call can be told from another one
    serialize = partial(context.SerializeToString, deterministic=True)
    return Contract(messages, Rpc(METHOD, serialize, context.FromString))


def _add_field(message: Any, name: str, number: int, kind: str, in_oneof: bool) -> None:
    """Add one field to a DescriptorProto; a map is a repeated entry message, as the language defines it."""
    repeated = kind.startswith(("repeated ", "map<"))
    field = message.field.add(name=name, number=number, label=3 if repeated else 1)
    if kind.startswith("map<"):
        entry_name = "".join(part.capitalize() for part in name.split("_")) + "Entry"
        entry = message.nested_type.add(name=entry_name)
        entry.options.map_entry = True
        _add_field(entry, "key", 1, "string", False)
        _add_field(entry, "value", 2, kind[4:-1], False)
        kind = f"{message.name}.{entry_name}"
    _set_type(field, kind.removeprefix("repeated "))
    if in_oneof:
        field.oneof_index = 0


def _set_type(field: Any, kind: str) -> None:
    if kind[0].isupper():
        field.type, field.type_name = field.TYPE_MESSAGE, f".{PACKAGE}.{kind}"
    else:
        field.type = getattr(field, f"TYPE_{kind.upper()}")
