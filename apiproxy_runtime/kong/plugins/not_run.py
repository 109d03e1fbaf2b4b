"""Plugins that Kong has and that are not run here: a warning names each, and requests pass it by.

A configuration that uses them can be served and rehearsed all the same, as far as it goes without them.
"""

from __future__ import annotations

from apiproxy_runtime.kong.plugin import Edition, Phases, Plugin
from apiproxy_runtime.kong.schema import Config
from apiproxy_runtime.kong.site import KongSite


def compile_nothing(config: Config, site: KongSite) -> Phases:
    return Phases()


def _named(edition: Edition, names: dict[str, int], doc: str) -> list[Plugin]:
    return [
        Plugin(name, priority, {}, compile_nothing, doc, edition, runs=False)
        for name, priority in names.items()
    ]


PLUGINS = (
    *_named(
        "kong",
        {
            "acme": 1705,
            "prometheus": 13,
            "opentelemetry": 14,
            "zipkin": 100000,
            "statsd": 11,
            "datadog": 10,
            "udp-log": 8,
            "tcp-log": 7,
            "loggly": 6,
            "syslog": 4,
        },
        "It changes nothing of a request or its answer.",
    ),
    *_named(
        "kong",
        {
            "session": 1900,
            "oauth2": 1400,
            "ldap-auth": 1200,
            "aws-lambda": 750,
            "azure-functions": 749,
            "grpc-web": 3,
            "grpc-gateway": 998,
            "standard-webhooks": 760,
            "ai-proxy": 770,
            "ai-prompt-decorator": 772,
            "ai-prompt-guard": 771,
            "ai-prompt-template": 773,
            "ai-request-transformer": 777,
            "ai-response-transformer": 768,
        },
        "It would change or refuse requests: without it they pass.",
    ),
    *_named(
        "enterprise",
        {
            "exit-transformer": 9999,
            "jwe-decrypt": 1999,
            "oauth2-introspection": 1700,
            "mtls-auth": 1600,
            "degraphql": 1500,
            "vault-auth": 1350,
            "key-auth-enc": 1250,
            "ldap-auth-advanced": 1200,
            "openid-connect": 1050,
            "header-cert-auth": 1009,
            "jwt-signer": 1020,
            "saml": 1010,
            "injection-protection": 1007,
            "request-validator": 999,
            "opa": 920,
            "graphql-rate-limiting-advanced": 902,
            "service-protection": 901,
            "route-by-header": 850,
            "oas-validation": 840,
            "jq": 811,
            "datakit": 810,
            "request-transformer-advanced": 802,
            "response-transformer-advanced": 800,
            "route-transformer-advanced": 780,
            "upstream-oauth": 760,
            "confluent": 752,
            "confluent-consume": 751,
            "kafka-consume": 750,
            "kafka-upstream": 751,
            "kafka-log": 5,
            "websocket-size-limit": 1003,
            "websocket-validator": 1006,
            "tls-handshake-modifier": 997,
            "tls-metadata-headers": 996,
            "upstream-timeout": 400,
            "proxy-cache-advanced": 100,
            "graphql-proxy-cache-advanced": 99,
            "forward-proxy": 50,
            "canary": 20,
            "mocking": -1,
            "konnect-application-auth": 950,
            "application-registration": 995,
            "app-dynamics": 999999,
            "ai-rate-limiting-advanced": 905,
            "ai-semantic-cache": 765,
            "ai-semantic-prompt-guard": 762,
            "ai-proxy-advanced": 770,
        },
        "It would change or refuse requests: without it they pass.",
    ),
)
