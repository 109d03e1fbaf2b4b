"""The health checks of an upstream: by probes of Kong's own (active), and by what requests meet (passive).

Source: Admin API reference, "Upstream object".
"""

from __future__ import annotations

from apiproxy_runtime.kong.formats import check_path
from apiproxy_runtime.kong.schema import Field, array, boolean, integer, map_of, number, record, string


def _statuses(default: list[int]) -> Field:
    return array(integer(between=(100, 999)), default=default)


def _counter() -> Field:
    return integer("0 is off", 0, between=(0, 255))


HEALTHCHECKS = record(
    {
        "threshold": number("", 0, between=(0, 100)),
        "active": record(
            {
                "type": string("", "http", one_of=("tcp", "http", "https", "grpc", "grpcs")),
                "timeout": number("seconds", 1, between=(0, 65535)),
                "concurrency": integer("", 10, between=(1, 2**31)),
                "http_path": string("", "/", rule=check_path),
                "https_sni": string(),
                "https_verify_certificate": boolean("", True),
                "headers": map_of(array(string())),
                "healthy": record(
                    {
                        "interval": number("seconds; 0 is off", 0, between=(0, 65535)),
                        "http_statuses": _statuses([200, 302]),
                        "successes": _counter(),
                    }
                ),
                "unhealthy": record(
                    {
                        "interval": number("seconds; 0 is off", 0, between=(0, 65535)),
                        "http_statuses": _statuses([429, 404, 500, 501, 502, 503, 504, 505]),
                        "tcp_failures": _counter(),
                        "timeouts": _counter(),
                        "http_failures": _counter(),
                    }
                ),
            }
        ),
        "passive": record(
            {
                "type": string("", "http", one_of=("tcp", "http", "https", "grpc", "grpcs")),
                "healthy": record(
                    {
                        "http_statuses": _statuses([*range(200, 209), 226, *range(300, 309)]),
                        "successes": _counter(),
                    }
                ),
                "unhealthy": record(
                    {
                        "http_statuses": _statuses([429, 500, 503]),
                        "tcp_failures": _counter(),
                        "timeouts": _counter(),
                        "http_failures": _counter(),
                    }
                ),
            }
        ),
    }
)
