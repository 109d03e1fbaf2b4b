from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.lint.rule import EndpointFile, LintBundle, Match, PolicyFile, Rule

_HOST = re.compile(r"http://([^/:?\s{}]+)", re.IGNORECASE)
#: Hosts that nobody reaches from outside, and such as stand in examples.
_PRIVATE = re.compile(
    r"(?i)localhost|127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|metadata\.google|"
    r"[^.]+$|.*\.(?:local|internal|lan|svc|test|example|invalid|localhost|svc\.cluster\.local)$|"
    r"(?:.*\.)?example\.(?:com|org|net)$"
)


class UnprotectedConnection(Rule):
    """A target or callout is called over plain http, or over TLS whose certificate nobody checks.

    Hosts inside a network (private addresses, names without a dot, `.internal` and the like) may be called over http.
    TD011 tells of targets that ignore errors of certificates, so only callouts are told of here.
    """

    id = "AR302"
    name = "Unprotected connection"
    bad = "<HTTPTargetConnection><URL>http://api.acme.com/v1</URL></HTTPTargetConnection>"
    good = "<HTTPTargetConnection><URL>https://api.acme.com/v1</URL></HTTPTargetConnection>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
    )

    def on_target_endpoint(self, endpoint: EndpointFile, bundle: LintBundle) -> Iterator[Match]:
        for connection in endpoint.node.all("HTTPTargetConnection"):
            yield from _plain(connection)

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:
        for connection in policy.node.all("HTTPTargetConnection"):
            yield from _plain(connection)
            info = connection.child("SSLInfo")
            ignored = info.child("IgnoreValidationErrors") if info is not None else None
            if ignored is not None and ignored.text.strip().lower() == "true":
                yield Match(
                    ignored,
                    "errors of the certificate are ignored, so anybody may answer",
                    "Remove it, and name a <TrustStore> with the certificate's issuer.",
                )


def _plain(connection: Node) -> Iterator[Match]:
    url = connection.child("URL")
    host = _HOST.match(url.text.strip()) if url is not None else None
    if url is not None and host is not None and not _PRIVATE.match(host.group(1)):
        yield Match(url, f"{host.group(1)} is called over plain http", "Write https.")
