"""The entities of a kong.yml once it is read: defaults filled in, references resolved, ids set."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.kong.plugin import Plugin
from apiproxy_runtime.kong.schema import Config

#: The Kong Gateway whose behaviour and words are those of this one.
KONG_VERSION = "3.10.0"


class Service(Struct, frozen=True, eq=False):
    """An upstream API. Timeouts are milliseconds; `path` is None for `/`."""

    id: str
    name: str | None
    protocol: str
    host: str
    port: int
    path: str | None
    retries: int
    connect_timeout: int
    write_timeout: int
    read_timeout: int
    enabled: bool
    tls_verify: bool | None
    ca_certificates: tuple[str, ...]
    client_certificate: Certificate | None
    tags: tuple[str, ...]
    place: Place

    @property
    def title(self) -> str:
        return self.name or self.id


class Route(Struct, frozen=True, eq=False):
    """Which requests are for a service, and what of their path it sees."""

    id: str
    name: str | None
    service: Service | None
    protocols: tuple[str, ...]
    methods: tuple[str, ...]
    hosts: tuple[str, ...]
    paths: tuple[str, ...]
    headers: Mapping[str, tuple[str, ...]]
    snis: tuple[str, ...]
    strip_path: bool
    preserve_host: bool
    regex_priority: int
    path_handling: str
    https_redirect_status_code: int
    request_buffering: bool
    response_buffering: bool
    tags: tuple[str, ...]
    place: Place

    @property
    def title(self) -> str:
        return self.name or self.id


class Certificate(Struct, frozen=True, eq=False):
    """A certificate and its key, PEM texts, and the server names it is shown for."""

    id: str
    cert: str
    key: str
    snis: tuple[str, ...]
    place: Place


class Consumer(Struct, frozen=True, eq=False):
    """Whoever calls. `acls` are the groups of the acl plugin, `groups` the consumer groups."""

    id: str
    username: str | None
    custom_id: str | None
    acls: tuple[str, ...]
    groups: tuple[str, ...]
    tags: tuple[str, ...]
    place: Place

    @property
    def title(self) -> str:
        return self.username or self.custom_id or self.id


class Credential(Struct, frozen=True, eq=False):
    """What a consumer proves its identity with: `values` are the fields of the entity `kind`."""

    id: str
    kind: str
    consumer: Consumer
    values: Config
    place: Place

    @property
    def identifier(self) -> str:
        """What upstreams are told: `X-Credential-Identifier`."""
        if self.kind in ("basicauth_credentials", "hmacauth_credentials"):
            return str(self.values["username"])
        if self.kind == "jwt_secrets":
            return str(self.values["key"])
        return self.id


class Target(Struct, frozen=True, eq=False):
    """One server of an upstream. A weight of 0 takes no traffic."""

    host: str
    port: int
    weight: int

    @property
    def title(self) -> str:
        return f"{self.host}:{self.port}"


class Upstream(Struct, frozen=True, eq=False):
    """A virtual host whose traffic is spread over targets. `config` holds the fields as they are declared."""

    id: str
    name: str
    config: Config
    targets: tuple[Target, ...]
    place: Place


class Instance(Struct, frozen=True, eq=False):
    """A plugin with its config, and whose traffic it sees; bound to nothing, it is global."""

    id: str
    plugin: Plugin
    name: str
    config: Config
    enabled: bool
    protocols: tuple[str, ...]
    route: Route | None
    service: Service | None
    consumer: Consumer | None
    consumer_group: str | None
    ordering: Mapping[str, tuple[str, ...]]
    condition: str
    tags: tuple[str, ...]
    place: Place

    @property
    def title(self) -> str:
        """What traces call it: its `instance_name`, else the plugin's name."""
        return self.name or self.plugin.name

    @property
    def is_global(self) -> bool:
        return not (self.route or self.service or self.consumer or self.consumer_group)


class Configuration(Struct, frozen=True, eq=False):
    """Everything of one kong.yml."""

    file: str
    services: tuple[Service, ...] = ()
    routes: tuple[Route, ...] = ()
    consumers: tuple[Consumer, ...] = ()
    credentials: tuple[Credential, ...] = ()
    plugins: tuple[Instance, ...] = ()
    upstreams: tuple[Upstream, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    ca_certificates: Mapping[str, str] = field(default_factory=dict)
    transform: bool = True
    version: str = KONG_VERSION
    #: in the order of the file
    consumers_by_id: Mapping[str, Consumer] = field(default_factory=dict)

    def credentials_of(self, kind: str) -> list[Credential]:
        return [credential for credential in self.credentials if credential.kind == kind]

    def consumer(self, name: str) -> Consumer | None:
        """A consumer by id, username or custom id, as `anonymous` names one."""
        found = self.consumers_by_id.get(name)
        if found is not None:
            return found
        by_name = (each for each in self.consumers if each.username == name)
        return next(by_name, next((each for each in self.consumers if each.custom_id == name), None))
