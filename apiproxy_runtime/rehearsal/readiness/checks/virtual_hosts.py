"""X008, X009: virtual hosts, their certificates and client TLS."""

import json
from collections.abc import Iterator

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DOCS = "https://docs.cloud.google.com/apigee/docs/api-platform/fundamentals/environmentgroups-overview"
_CLIENT_TLS = ("tls.client.", "client.cn", "client.country", "client.email.address", "client.organization")


def _named(subject: Subject) -> Iterator[Hit]:
    for proxy in subject.bundle.proxies:
        if proxy.virtual_hosts:
            yield Hit(proxy.node, f"the virtual hosts {', '.join(proxy.virtual_hosts)} of {proxy.name}")


def _tls(subject: Subject) -> Iterator[Hit]:
    for usage in subject.usages:
        if usage.name.startswith(_CLIENT_TLS):
            yield Hit(usage.place, f"{usage.name} is the client's certificate", usage.policy)
    for file in subject.beside:
        if "virtualhost" not in file.lower() or not file.endswith(".json"):
            continue
        try:
            content = json.loads(subject.bundle.source.read(file))
        except (SourceError, ValueError):
            continue
        written = json.dumps(content)
        if '"useBuiltInFreeTrialCert": true' in written:
            yield Hit(Place(file), "a virtual host with the free-trial certificate")
        if '"clientAuthEnabled": true' in written or '"clientAuthEnabled": "true"' in written:
            yield Hit(Place(file), "a virtual host that asks clients for a certificate")


CHECKS = (
    Check(
        "X008",
        "information",
        "VirtualHost elements",
        "they are ignored: the hostnames of the environment group decide",
        "Put the hostnames into an environment group.",
        _named,
        _DOCS,
    ),
    Check(
        "X009",
        "changes",
        "certificates of virtual hosts, and client TLS",
        "TLS ends at the load balancer, which holds certificates and asks clients for theirs",
        "Configure the load balancer, and let it send the certificate's facts as headers.",
        _tls,
        _DOCS,
    ),
)
