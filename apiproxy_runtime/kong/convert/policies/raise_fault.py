"""RaiseFault → request-termination: a fixed status and body."""

from __future__ import annotations

from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import is_field, static


def raise_fault(site: Attachment) -> Outcome:
    """The answer must be known when converting. The headers are added by a response-transformer."""
    if site.phase != "request":
        return Outcome(
            "manual",
            "Kong cannot turn a response into an error",
            lost=("raise this fault in a post-function or an exit-transformer",),
        )
    response = site.policy.node.child("FaultResponse")
    settings = response.child("Set") if response is not None else None
    status = (settings.child_text("StatusCode") if settings is not None else None) or "500"
    status_text = static(status, site)
    lost: list[str] = []
    if status_text is None or not status_text.isdigit() or not 100 <= int(status_text) <= 599:
        lost.append(f"the status {status}, which is only known at run time; 500 is sent")
        status_text = "500"
    config: Config = {"status_code": int(status_text)}
    payload = settings.child("Payload") if settings is not None else None
    if payload is not None:
        content = payload.inner_xml().strip() if payload.children else payload.text.strip()
        body = static(content, site)
        if body is None:
            lost.append(f"the body from a template: {content[:80]}")
        elif body:
            config["body"] = body
            config["content_type"] = payload.attributes.get("contentType") or "text/plain"
    plugins = []
    headers = settings.child("Headers") if settings is not None else None
    added = []
    for header in headers.all("Header") if headers is not None else ():
        value = static(header.text.strip(), site)
        if value is None or not header.name or not is_field(header.name):
            lost.append(f"the header {header.name} from {header.text.strip()}")
        elif header.name.lower() == "content-type" and "body" in config:
            config["content_type"] = value
        else:
            added.append(f"{header.name}:{value}")
    for child in response.children if response is not None else ():
        if child.tag in ("Copy", "Remove", "Add") and child.children:
            lost.append(f"<{child.tag}> at line {child.line}")
    if "body" not in config and not lost:
        config["body"] = ""
    if config.get("body") == "":
        del config["body"]
    plugins.append(Plugin("request-termination", config))
    if added:
        plugins.append(Plugin("response-transformer", {"add": {"headers": added}}))
    return Outcome(
        "partial",
        f"request-termination answers {config['status_code']}",
        tuple(plugins),
        tuple(lost),
        (
            "request-termination runs after every other plugin: keys are asked and calls are counted first",
            "fault rules do not run, and no fault variables are set",
        ),
        ("a call that raises this fault",),
    )


CONVERTERS = {"RaiseFault": raise_fault}
