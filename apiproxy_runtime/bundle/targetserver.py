"""`targetservers.json`: the named backends of an environment."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.entry import Entry
from apiproxy_runtime.bundle.finding import Findings, Place, Placed
from apiproxy_runtime.bundle.model import SSLInfo

Protocol = Literal["HTTP", "HTTP2", "GRPC_TARGET", "GRPC", "EXTERNAL_CALLOUT"]
#: Source: docs.cloud.google.com/apigee, REST resource organizations.environments.targetservers.
_PROTOCOLS: dict[str, Protocol] = {
    "HTTP": "HTTP",
    "HTTP2": "HTTP2",
    "GRPC_TARGET": "GRPC_TARGET",
    "GRPC": "GRPC",
    "EXTERNAL_CALLOUT": "EXTERNAL_CALLOUT",
}
_FIELDS = ("name", "description", "host", "port", "protocol", "isEnabled", "enabled", "sSLInfo", "sslInfo")


class TargetServer(Struct, frozen=True):
    """`ssl_info` is the server's own and wins over the target endpoint's; its key and trust store may be ref://."""

    name: str
    host: str
    port: int
    protocol: Protocol
    enabled: bool
    ssl_info: SSLInfo | None
    description: str
    place: Placed

    @property
    def uses_tls(self) -> bool:
        """Whether its own settings switch TLS on."""
        return self.ssl_info is not None and (self.ssl_info.enabled or "").lower() == "true"


def read_target_server(entry: Entry, findings: Findings) -> TargetServer | None:
    """None (and an error) without a name or host."""
    name = entry.name("name")
    entry.check_fields(_FIELDS)
    host = entry.text("host").strip()
    if not name:
        return None
    if not host or "/" in host or any(letter.isspace() for letter in host):
        findings.error(
            entry.member("host") or entry,
            "InvalidHost",
            f'{entry.noun} must have a host name or address as its "host", not "{host}"',
            "Write it without scheme, port and path.",
        )
        return None
    ssl = entry.entry("sSLInfo", "sSLInfo", "sslInfo", "sSLinfo")
    ssl_info = read_ssl_entry(ssl) if ssl is not None else None
    tls = ssl_info is not None and (ssl_info.enabled or "").lower() == "true"
    return TargetServer(
        name=name,
        host=host.removeprefix("[").removesuffix("]") if host.count(":") > 1 else host,
        port=entry.integer("port", default=443 if tls else 80, minimum=1, maximum=65535),
        protocol=_protocol(entry, findings),
        enabled=entry.boolean("isEnabled", "enabled", default=True),
        ssl_info=ssl_info,
        description=entry.text("description"),
        place=Place(entry.file, entry.line, entry.column),
    )


def _protocol(entry: Entry, findings: Findings) -> Protocol:
    text = entry.text("protocol").strip()
    if not text or text == "PROTOCOL_UNSPECIFIED":
        return "HTTP"
    protocol = _PROTOCOLS.get(text.upper())
    if protocol is None:
        place = entry.member("protocol") or entry
        message = f"{text!r} is no protocol of a target server"
        findings.error(place, "InvalidValue", message, suggestion(text, _PROTOCOLS))
        return "HTTP"
    return protocol


def read_ssl_entry(entry: Entry) -> SSLInfo:
    """`sSLInfo` of a target server; booleans become the texts that an endpoint's XML would have."""
    common = entry.member("commonName")
    name: Entry | None = None
    if common is not None and isinstance(common.value, dict):
        name = entry.entry("commonName", "commonName")
    return SSLInfo(
        node=Place(entry.file, entry.line, entry.column),
        enabled=_flag(entry, "enabled"),
        enforce=_flag(entry, "enforce"),
        key_store=entry.text("keyStore", "keystore").strip() or None,
        key_alias=entry.text("keyAlias", "keyalias").strip() or None,
        trust_store=entry.text("trustStore", "truststore").strip() or None,
        client_auth_enabled=_flag(entry, "clientAuthEnabled"),
        ignore_validation_errors=_flag(entry, "ignoreValidationErrors"),
        ciphers=entry.texts("ciphers"),
        protocols=entry.texts("protocols"),
        common_name=(name.text("value") if name else entry.text("commonName")).strip() or None,
        common_name_wildcard_match=name.boolean("wildcardMatch", default=False) if name else False,
    )


def _flag(entry: Entry, key: str) -> str | None:
    if entry.member(key) is None:
        return None
    return "true" if entry.boolean(key, default=False) else "false"
