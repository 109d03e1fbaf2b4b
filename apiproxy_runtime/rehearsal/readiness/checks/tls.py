"""X015, X030: TLS to targets."""

import re
from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_DOCS = "https://docs.cloud.google.com/apigee/docs/api-platform/system-administration/options-configuring-tls"
_OLD = frozenset(("SSLv3", "SSLv2Hello", "TLSv1", "TLSv1.0", "TLSv1.1"))
_KEYSTORE = re.compile(r"[A-Za-z0-9-]+")


def _settings(subject: Subject) -> Iterator[Hit]:
    for info, policy in subject.ssl_infos:
        if (info.enabled or "").lower() == "true" and (info.enforce or "").lower() != "true":
            yield Hit(info.node, "no <Enforce>: the server's certificate is not insisted on", policy)
        for what, store in (("keystore", info.key_store), ("trust store", info.trust_store)):
            name = (store or "").removeprefix("ref://")
            if name and "{" not in name and _KEYSTORE.fullmatch(name) is None:
                message = f"the {what} {name}: only letters, digits and hyphens are allowed in its name"
                yield Hit(info.node, message, policy, fix="Give it another name, best through a reference.")
        if (info.client_auth_enabled or "").lower() == "true" and not info.key_store:
            yield Hit(info.node, "ClientAuthEnabled without a <KeyStore>", policy, fix="Name the keystore.")


def _protocols(subject: Subject) -> Iterator[Hit]:
    for info, policy in subject.ssl_infos:
        old = [protocol for protocol in info.protocols if protocol in _OLD]
        if old:
            yield Hit(info.node, f"the protocols {', '.join(old)}", policy)


CHECKS = (
    Check(
        "X015",
        "changes",
        "SSLInfo",
        "without <Enforce> a wrong certificate goes unnoticed; hybrid 1.10 and later verify it",
        "Add <Enforce>true</Enforce> and a trust store.",
        _settings,
        _DOCS,
        autofix=True,
    ),
    Check(
        "X030",
        "changes",
        "old TLS protocols",
        "the ingress of Apigee X takes TLS 1.2 and later only",
        "Name TLSv1.2 and TLSv1.3, and ask clients that speak less.",
        _protocols,
        _DOCS,
    ),
)
