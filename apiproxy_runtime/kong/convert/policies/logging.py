"""MessageLogging → syslog, tcp-log, udp-log or file-log: Kong's own record in place of the template."""

from __future__ import annotations

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.kong.convert.outcome import Attachment, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import static

_DIFFERS = (
    "Kong logs one fixed JSON record for each call in place of the message",
    "it logs in the log phase, after the answer was sent",
)


def message_logging(site: Attachment) -> Outcome:
    """The first destination that is there; Kong logs once a call whatever the flow."""
    root = site.policy.node
    syslog, file = root.child("Syslog"), root.child("File")
    lost = ("write the template's fields with custom_fields_by_lua",)
    if syslog is not None:
        plugin = _network(syslog, site)
        if plugin is not None:
            return Outcome("partial", f"{plugin.name} to the same server", (plugin,), lost, _DIFFERS)
        return Outcome(
            "manual", "host and port are only known at run time", lost=("log with tcp-log or udp-log",)
        )
    if file is not None:
        name = file.child_text("FileName") or f"{site.policy.name}.log"
        return Outcome(
            "partial",
            "file-log",
            (Plugin("file-log", {"path": f"/tmp/{name}", "reopen": False}),),
            lost,
            _DIFFERS,
        )
    return Outcome(
        "manual",
        "Kong has no Cloud Logging; http-log needs an address",
        lost=("log with http-log to a collector of yours",),
        differences=_DIFFERS,
    )


def _network(syslog: Node, site: Attachment) -> Plugin | None:
    host, port = static(syslog.child_text("Host", ""), site), static(syslog.child_text("Port", "514"), site)
    if not host or not port or not port.isdigit():
        return None
    name = "tcp-log" if syslog.child_text("Protocol", "UDP").upper() == "TCP" else "udp-log"
    return Plugin(name, {"host": host, "port": int(port), "timeout": 10000})


CONVERTERS = {"MessageLogging": message_logging}
