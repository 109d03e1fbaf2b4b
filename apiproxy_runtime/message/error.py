"""The message a fault becomes when nobody says otherwise."""

from __future__ import annotations

import json

from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message


def default_error(fault: Fault, request: Message) -> Message:
    """The default answer to a fault: JSON, or XML for a client that speaks XML (policies common rules, Edge samples)."""
    message = Message.response(fault.status)
    if wants_xml(request):
        message.headers.set("Content-Type", "text/xml")
        reason = f"<reason>{escape(fault.reason)}</reason>" if fault.reason else ""
        message.body = (
            f"<fault><faultstring>{escape(fault.text)}</faultstring>"
            f"<detail><errorcode>{escape(fault.code)}</errorcode>{reason}</detail></fault>"
        ).encode()
        return message
    message.headers.set("Content-Type", "application/json")
    detail = {"errorcode": fault.code}
    if fault.reason:
        detail["reason"] = fault.reason
    body = {"fault": {"faultstring": fault.text, "detail": detail}}
    message.body = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    return message


def escape(text: str) -> str:
    """A text as it stands in XML; the standard library's function comes with a whole HTTP client."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def wants_xml(request: Message) -> bool:
    """Whether the client's Accept, or else its Content-Type, asks for XML before JSON."""
    accept = (request.headers.get("Accept") or "").lower()
    if "json" in accept:
        return False
    if "/xml" in accept or "+xml" in accept:
        return "html" not in accept
    if accept and "*/*" not in accept:
        return False
    content_type = request.content_type()
    return content_type in ("text/xml", "application/xml") or content_type.endswith("+xml")
