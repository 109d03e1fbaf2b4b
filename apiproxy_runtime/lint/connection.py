"""The `<HTTPTargetConnection>` of a target endpoint, as the rules about targets look at it."""

from __future__ import annotations

from msgspec import Struct

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.parts import EndpointFile


class TargetConnection(Struct, frozen=True):
    """What a connection holds, each as often as it stands there."""

    node: Node
    urls: tuple[Node, ...]
    load_balancers: tuple[Node, ...]
    ssl_infos: tuple[Node, ...]
    health_monitors: tuple[Node, ...]

    @property
    def url(self) -> str:
        """The text of the first `<URL>`, stripped; "" without."""
        return self.urls[0].text.strip() if self.urls else ""

    @property
    def is_https(self) -> bool:
        return self.url.lower().startswith("https://")

    @property
    def is_http(self) -> bool:
        """Whether it is certainly not encrypted: a URL that begins with a variable may be."""
        return self.url.lower().startswith("http://")

    @property
    def ssl_info(self) -> Node | None:
        """The one `<SSLInfo>`; None without, and where there are several."""
        return self.ssl_infos[0] if len(self.ssl_infos) == 1 else None

    @property
    def load_balancer(self) -> Node | None:
        """The one `<LoadBalancer>`; None without, and where there are several."""
        return self.load_balancers[0] if len(self.load_balancers) == 1 else None


def connection_of(endpoint: EndpointFile) -> TargetConnection | None:
    """The first connection of a target endpoint, if it has one over HTTP."""
    node = endpoint.node.child("HTTPTargetConnection")
    if node is None:
        return None
    tags = ("URL", "LoadBalancer", "SSLInfo", "HealthMonitor")
    urls, load_balancers, ssl_infos, monitors = (node.all(tag) for tag in tags)
    return TargetConnection(node, urls, load_balancers, ssl_infos, monitors)


def says_true(node: Node, tag: str) -> bool:
    """Whether the first child of that name holds `true`."""
    return node.child_text(tag, "").lower() == "true"
