"""MessageLogging: a line for Cloud Logging, a syslog server or a file."""

from __future__ import annotations

import json
import logging
import socket
from collections.abc import Callable
from datetime import UTC
from logging.handlers import RotatingFileHandler, TimedRotatingFileHandler
from pathlib import Path

from apiproxy_policies.cloud_logging import CloudLog
from apiproxy_policies.syslog import Syslog as SyslogServer
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    POSITIVE,
    DateFormatError,
    Element,
    MessageContext,
    Policy,
    Render,
    Site,
    StepFunction,
    attribute,
    child,
    compile_format,
    fault_table,
    many,
    nested,
    one_of,
    text,
)
from apiproxy_runtime.policy.api import read_ssl_info as read_ssl_info

#: syslog priorities of the user facility (RFC 5424 §6.2.1), and Cloud Logging's severities
PRIORITIES = {"INFO": 14, "WARN": 12, "ERROR": 11, "ALERT": 9}
SEVERITIES = {"INFO": "INFO", "WARN": "WARNING", "ERROR": "ERROR", "ALERT": "ALERT"}
DATE_FORMAT = "yyyy-MM-dd'T'HH:mm:ss.SSSZ"
Write = Callable[[MessageContext], None]


class LogMessage(Element):
    """The text of the line; with contentType application/json Cloud Logging gets it as an object."""

    open = True
    content_type: str | None = attribute("contentType", default=None)
    source: str = text(PAYLOAD, default="")


class Label(Element):
    key: str = child("Key", default="")
    value: str = child("Value", default="")


class Labels(Element):
    items: tuple[Label, ...] = many("Label", Label)


class CloudLogging(Element):
    """A log entry. It goes to the records of this runtime (`records/cloud-logging.jsonl`), in Google's shape; with
    `--connect-to logging.googleapis.com=URL` to that server, through Cloud Logging's REST API."""

    log_name: str = child("LogName", default="", doc="projects/PROJECT/logs/ID; template")
    message: LogMessage | None = nested("Message", LogMessage)
    labels: Labels | None = nested("Labels", Labels)
    resource_type: str = child("ResourceType", default="api")


class SyslogElement(Element):
    """A line for a syslog server; network errors never fail the call."""

    ignored = ("SSLInfo",)
    message: LogMessage | None = nested("Message", LogMessage)
    host: str = child("Host", default="localhost", doc="template")
    port: str = child("Port", default="514")
    protocol: str = child("Protocol", default="UDP", doc="TCP or UDP")
    format_message: bool = child(
        "FormatMessage", BOOLEAN, default=False, doc="true: in front stands what Loggly expects"
    )
    payload_only: bool = child("PayloadOnly", BOOLEAN, default=False, doc="true: nothing stands in front")
    date_format: str = child("DateFormat", default=DATE_FORMAT)


class RotationFrequency(Element):
    unit: str = attribute("unit", one_of("minute", "hour", "day", "month", ignore_case=True), default="hour")
    count: int = text(POSITIVE, default=1)


class FileRotationOptions(Element):
    on_startup: bool = attribute("rotateFileOnStartup", BOOLEAN, default=False)
    kind: str = child("FileRotationType", one_of("SIZE", "TIME"), default="SIZE")
    megabytes: int = child("MaxFileSizeInMB", POSITIVE, default=10)
    retain: int = child("MaxFilesToRetain", POSITIVE, default=10)
    frequency: RotationFrequency | None = nested("RotationFrequency", RotationFrequency)


class LogFile(Element):
    """A line for a file (Edge private cloud), below `records/messagelogging/ORG/ENV/PROXY/REVISION/POLICY/`."""

    message: LogMessage | None = nested("Message", LogMessage)
    name: str = child("FileName", default="message.log")
    rotation: FileRotationOptions | None = nested("FileRotationOptions", FileRotationOptions)


class MessageLogging(Policy):
    """Write a log line to Cloud Logging, to syslog over TCP, UDP or TLS, or to a file.

    Exactly one destination. Variables that do not resolve print empty. Delivery is asynchronous: what a server does
    with the line never fails the call. Where pages differ on the default protocol (TCP in the schema, UDP in SAP's
    edition) this is UDP, syslog's own.
    """

    tag = "MessageLogging"
    family = "extension"
    prefix = "messagelogging"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/message-logging-policy"
    faults = fault_table(
        "steps.messagelogging",
        ("StepDefinitionExecutionFailed", 500, "Execution of MessageLogging {policy} failed. {reason}"),
    )
    deploy_errors = {
        "InvalidProtocol": "Invalid Protocol: {protocol} for Syslog handler in policy {policy}.",
        "InvalidPort": "Invalid Port: {port} for Syslog handler in policy {policy}.",
        "FailedToConfigure": "Syslog of MessageLogging {policy} names no host",
        "DestinationMissing": "MessageLogging {policy} needs exactly one of CloudLogging, Syslog and File",
    }
    example = """
<MessageLogging name="ML-Requests">
  <Syslog>
    <Message>{request.verb} {request.uri} {response.status.code}</Message>
    <Host>logs.example.com</Host>
    <Port>6514</Port>
    <Protocol>TCP</Protocol>
  </Syslog>
  <logLevel>INFO</logLevel>
</MessageLogging>"""

    cloud: CloudLogging | None = nested("CloudLogging", CloudLogging)
    syslog: SyslogElement | None = nested("Syslog", SyslogElement)
    file: LogFile | None = nested("File", LogFile)
    buffer: bool = child("BufferMessage", BOOLEAN, default=False)
    level: str = child("logLevel", one_of("INFO", "ALERT", "WARN", "ERROR", ignore_case=True), default="INFO")

    def failed_variables(self) -> tuple[str, ...]:
        return (f"messagelogging.{self.name}.failed", "messagelogging.failed")

    def check(self, site: Site) -> None:
        if sum(destination is not None for destination in (self.cloud, self.syslog, self.file)) != 1:
            site.error(self.node, "DestinationMissing", "Keep one destination.")
        if self.syslog is not None:
            if self.syslog.node.child_text("Host", "") == "":
                site.error(self.syslog.place("Host"), "FailedToConfigure", "Write <Host>.")
            if self.syslog.protocol.upper() not in ("TCP", "UDP"):
                site.error(
                    self.syslog.place("Protocol"),
                    "InvalidProtocol",
                    "Write TCP or UDP.",
                    protocol=self.syslog.protocol,
                )
            if not self.syslog.port.isdigit() or not 0 < int(self.syslog.port) < 65536:
                site.error(
                    self.syslog.place("Port"),
                    "InvalidPort",
                    "Write a port from 1 to 65535.",
                    port=self.syslog.port,
                )

    def compile(self, site: Site) -> StepFunction:
        if self.cloud is not None:
            return self._to_cloud(site, self.cloud)
        if self.syslog is not None:
            return self._to_syslog(site, self.syslog)
        assert self.file is not None
        return self._to_file(site, self.file)

    def _message(self, site: Site, message: LogMessage | None) -> Render:
        if message is None:
            return lambda ctx: ""
        source = message.node.inner_xml() if message.node.children else message.node.text
        return site.template(source.strip(), message.node)

    def _to_cloud(self, site: Site, cloud: CloudLogging) -> Write:
        message = self._message(site, cloud.message)
        name = site.template(cloud.log_name, cloud.node)
        as_json = cloud.message is not None and "json" in (cloud.message.content_type or "").lower()
        labels = [
            (label.key, site.template(label.value, label.node))
            for label in (cloud.labels.items if cloud.labels else ())
        ]
        severity, resource, records = SEVERITIES[self.level], cloud.resource_type, site.services.records
        log = CloudLog(site)
        rfc3339 = compile_format("yyyy-MM-dd'T'HH:mm:ss.SSS'Z'")

        def write(ctx: MessageContext) -> None:
            line = message(ctx)
            entry: dict[str, object] = {
                "logName": name(ctx),
                "resource": {"type": resource},
                "severity": severity,
                "timestamp": rfc3339(ctx.world.now(), UTC),
                "labels": {key: value(ctx) for key, value in labels},
            }
            try:
                entry["jsonPayload" if as_json else "textPayload"] = json.loads(line) if as_json else line
            except ValueError:
                entry["textPayload"] = line
            if log.answers():
                log.write(entry)
            else:
                records.add("cloud-logging", entry)

        return write

    def _to_syslog(self, site: Site, syslog: SyslogElement) -> Write:
        message, host = self._message(site, syslog.message), site.template(syslog.host, syslog.node)
        tls_node = syslog.node.child("SSLInfo")
        info = read_ssl_info(tls_node, site.findings) if tls_node is not None else None
        server = SyslogServer(site, syslog.protocol.upper(), int(syslog.port), info)
        try:
            date = compile_format(syslog.date_format)
        except DateFormatError:
            date = compile_format(DATE_FORMAT)
        priority, here = PRIORITIES[self.level], socket.gethostname()
        framed, bare = syslog.format_message, syslog.payload_only

        def write(ctx: MessageContext) -> None:
            line = message(ctx)
            if not bare:
                moment = date(ctx.world.now(), UTC)
                line = (
                    f"<{priority}>1 {moment} {here} Apigee - - - {line}"
                    if framed
                    else f"<{priority}>{moment} {here} {line}"
                )
            server.send(ctx, host(ctx), line)

        return write

    def _to_file(self, site: Site, file: LogFile) -> Write:
        message = self._message(site, file.message)
        folder = site.services.records.folder
        if folder is None:
            records = site.services.records
            return lambda ctx: records.add("messagelogging", {"file": file.name, "line": message(ctx)})
        at = site.deployment
        path = (
            folder
            / "messagelogging"
            / at.organization
            / at.environment
            / at.proxy
            / at.revision
            / self.name
            / Path(file.name).name
        )
        log = logging.getLogger(f"apiproxy.messagelogging.{path}")
        if not log.handlers:
            log.propagate = False
            log.setLevel(logging.INFO)
            log.addHandler(rotating(path, file.rotation))
        return lambda ctx: log.info("%s", message(ctx))


def rotating(path: Path, options: FileRotationOptions | None) -> logging.Handler:
    """A handler that keeps the file within its bounds; the file is made with the first line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    retain = options.retain if options else 10
    handler: RotatingFileHandler | TimedRotatingFileHandler
    if options is not None and options.kind == "TIME":
        frequency = options.frequency
        unit = {"minute": "M", "hour": "H", "day": "D", "month": "D"}[frequency.unit if frequency else "hour"]
        count = (frequency.count if frequency else 1) * (30 if frequency and frequency.unit == "month" else 1)
        handler = TimedRotatingFileHandler(path, unit, count, retain, encoding="utf-8", delay=True)
    else:
        megabytes = options.megabytes if options else 10
        handler = RotatingFileHandler(path, "a", megabytes << 20, retain, encoding="utf-8", delay=True)
    if options is not None and options.on_startup and path.exists():
        handler.doRollover()
    return handler
