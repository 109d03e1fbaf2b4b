"""What scripts call: flow variables, messages, hashes, outgoing calls.

A host belongs to one realm and serves one run at a time; `ctx` is the transaction of that run. Its functions never
raise, since the engine cannot carry exceptions: a failure goes back as marked text and is thrown by the prelude.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import TARGET_REQUEST, MessageContext
from apiproxy_runtime.message.message import Message, Parameters
from apiproxy_runtime.scripting.javascript.crypto import algorithm, digest, format_date
from apiproxy_runtime.scripting.javascript.e4x import parse_xml
from apiproxy_runtime.scripting.javascript.engine import Primitive
from apiproxy_runtime.scripting.javascript.http import Exchanges
from apiproxy_runtime.scripting.javascript.jsonfaults import json_fault
from apiproxy_runtime.scripting.javascript.values import (
    MARK,
    ScriptValue,
    from_script,
    text_from_script,
    text_to_script,
    to_script,
)

logger = logging.getLogger("apiproxy.javascript")

Wording = Callable[[str, str, int, int], str | None]


class HostError(Exception):
    """What a host function throws into the script."""


class Host:
    """The host functions of one realm.

    wording  Rhino's message for an engine's error: (kind, message, line, column) → message, None to leave it
    load     loads a part of the prelude that the script turns out to need
    """

    def __init__(self, exchanges: Exchanges, wording: Wording, load: Callable[[str], Primitive]) -> None:
        self.ctx: MessageContext | None = None
        #: stands for the run, or for the transaction in a session's realm
        self.run = object()
        #: whether a flow variable holds an object that later scripts can only share, not copy
        self.shares = False
        self.exchanges = exchanges
        self.policy = ""
        self._wording = wording
        self._do_load = load

    # ---- the functions the prelude knows

    def get(self, name: str) -> Primitive:
        try:
            ctx = self._context()
            value = variables.read(ctx, name)
            if ctx.observer is not None:
                ctx.observer.variable_read(name, value)
            if value.__class__ is Message:
                return MARK + "M" + name
            if value.__class__ is ScriptValue and value.owner is self.run:
                return f"{MARK}O{value.number}"
            return to_script(value)
        except Exception as error:
            return thrown(error)

    def set(self, name: str, value: Any) -> Primitive:
        try:
            self._write(name, from_script(value))
        except Exception as error:
            return thrown(error)
        return None

    def remove(self, name: str) -> Primitive:
        try:
            return variables.remove(self._context(), name)
        except Exception as error:
            return thrown(error)

    def print(self, text: str) -> Primitive:
        try:
            ctx, line = self._context(), text_from_script(text)
            if ctx.observer is not None:
                ctx.observer.printed(ctx, line)
            logger.debug("%s: %s", self.policy, line)
        except Exception as error:
            return thrown(error)
        return None

    def call(self, operation: str, *arguments: Any) -> Primitive:
        try:
            function: Callable[..., Primitive] = getattr(self, "_do_" + operation)
            return function(*arguments)
        except Exception as error:
            return thrown(error)

    # ---- variables

    def _context(self) -> MessageContext:
        if self.ctx is None:
            raise HostError("the script has ended")
        return self.ctx

    def _write(self, name: str, value: Any) -> None:
        ctx = self._context()
        done = variables.write(ctx, name, value)
        if ctx.observer is not None:
            ctx.observer.variable_written(name, value, done)

    def _do_setMessage(self, name: str, handle: str) -> None:
        self._write(text_from_script(name), self._message(handle))

    def _do_setCollection(self, name: str, items: str) -> None:
        self._write(text_from_script(name), json.loads(items))

    def _do_setObject(self, name: str, value: str | None, text: str, number: int, living: bool) -> None:
        self.shares = self.shares or living
        json_text = None if value is None else text_from_script(value)
        self._write(text_from_script(name), ScriptValue(json_text, text_from_script(text), self.run, number))

    def _do_flow(self) -> str:
        return self._context().phase

    def _do_wording(self, kind: str, message: str, line: int, column: int) -> str | None:
        return self._wording(kind, text_from_script(message), line, column)

    def _do_jsonFault(self, text: str) -> str | None:
        fault = json_fault(text_from_script(text))
        return None if fault is None else text_to_script(fault)

    # ---- messages

    def _find(self, handle: str) -> Message | None:
        ctx = self._context()
        if handle in ("request", "proxyRequest", "targetRequest"):
            return ctx.request
        if handle in ("response", "proxyResponse", "targetResponse"):
            # the error flow has no response of its own unless the target gave one: scripts edit the pending error
            return ctx.response if ctx.response is not None or ctx.fault is None else ctx.error
        if handle.startswith("exchange "):
            return self.exchanges.response(int(handle[9:]))
        found = variables.read(ctx, handle)
        return found if isinstance(found, Message) else None

    def _message(self, handle: str) -> Message:
        message = self._find(handle)
        if message is None:
            raise HostError(f"{handle} is not available in {self._context().phase}")
        return message

    def _do_exists(self, handle: str) -> bool:
        if handle in ("targetRequest", "targetResponse") and self._context().target is None:
            return False
        return self._find(handle) is not None

    def _do_content(self, handle: str) -> str:
        return text_to_script(self._message(handle).content)

    def _do_setContent(self, handle: str, text: str) -> None:
        message, content = self._message(handle), text_from_script(text)
        message.content = content
        self._changed(handle, "content", content)

    def _do_verb(self, handle: str) -> str | None:
        message = self._message(handle)
        return message.verb if message.is_request else None

    def _do_setVerb(self, handle: str, text: str) -> None:
        self._message(handle).verb = text_from_script(text)

    def _do_status(self, handle: str) -> int | None:
        message = self._message(handle)
        return None if message.is_request else message.status

    def _do_setStatus(self, handle: str, text: str) -> None:
        try:
            status = int(float(text))
        except ValueError:
            raise HostError(f'status code must be a number, not "{text}"') from None
        message = self._message(handle)
        message.status, message.reason = status, None
        self._changed(handle, "status.code", status)

    def _do_reason(self, handle: str) -> str:
        return text_to_script(self._message(handle).reason_phrase)

    def _do_setReason(self, handle: str, text: str) -> None:
        self._message(handle).reason = text_from_script(text)

    def _changed(self, handle: str, part: str, value: object) -> None:
        ctx = self._context()
        if ctx.observer is not None and not handle.startswith("exchange "):
            name = handle.removeprefix("proxy").removeprefix("target").lower()
            ctx.observer.variable_written(f"{name}.{part}", value, True)

    # ---- headers and parameters

    def _do_names(self, handle: str, kind: str) -> str:
        message = self._message(handle)
        return json.dumps(message.headers.names() if kind == "header" else _parameters(message, kind).names())

    def _do_values(self, handle: str, kind: str, name: str) -> str | None:
        message, name = self._message(handle), text_from_script(name)
        values = message.headers.values(name) if kind == "header" else _parameters(message, kind).values(name)
        return json.dumps(values) if values else None

    def _do_setValues(self, handle: str, kind: str, name: str, values: str) -> None:
        message, name = self._message(handle), text_from_script(name)
        texts = [text_from_script(text) for text in json.loads(values)]
        if kind == "header":
            message.headers.set_values(name, texts)
            self._changed(handle, f"header.{name}", ", ".join(texts))
        elif kind == "query":
            message.edit_query().set_values(name, texts)
            self._changed(handle, f"queryparam.{name}", ", ".join(texts))
        else:
            message.edit_form().set_values(name, texts)
            self._changed(handle, f"formparam.{name}", ", ".join(texts))

    def _do_clear(self, handle: str, kind: str) -> None:
        message = self._message(handle)
        if kind == "header":
            message.headers.clear()
        elif kind == "query":
            message.edit_query().clear()
        else:
            message.edit_form().clear()

    def _do_parseForm(self, text: str) -> str:
        parameters = Parameters.parse(text_from_script(text))
        return json.dumps([[name, parameters.values(name)] for name in parameters.names()])

    def _do_parseXml(self, text: str) -> str:
        try:
            return text_to_script(json.dumps(parse_xml(text_from_script(text)), ensure_ascii=False))
        except ValueError as error:
            raise HostError(str(error)) from None

    # ---- URLs

    def _do_url(self, handle: str, part: str) -> str | int | None:
        if part == "uri":
            return text_to_script(self._message(handle).uri)
        url = self._url(handle)
        if url is None:
            return text_to_script(self._message(handle).path) if part == "path" else None
        parts = urlsplit(url)
        if part == "port":
            return parts.port or (443 if parts.scheme == "https" else 80)
        values = {"url": url, "protocol": parts.scheme, "host": parts.hostname or "", "path": parts.path}
        return text_to_script(values[part])

    def _url(self, handle: str) -> str | None:
        ctx = self._context()
        if handle == "targetRequest" or (handle in ("request", "message") and ctx.phase == TARGET_REQUEST):
            found = variables.read(ctx, "target.url")
        elif handle in ("request", "proxyRequest", "message"):
            found = variables.read(ctx, "proxy.url")
        else:
            found = self._message(handle).url
        return None if found is None else str(found)

    def _do_setUrl(self, handle: str, part: str, text: str) -> None:
        """Change the target's URL; before the target flow, and for its path alone, the message itself."""
        ctx, value = self._context(), text_from_script(text)
        if ctx.phase != TARGET_REQUEST:
            if part == "path":
                self._message(handle).path = value
            return
        if part == "url":
            self._write("target.url", value)
            return
        parts = urlsplit(variables.read(ctx, "target.url") or "http://localhost")
        host, port = parts.hostname or "", f":{parts.port}" if parts.port else ""
        scheme, path = parts.scheme, parts.path
        if part == "protocol":
            scheme = value.removesuffix("://").removesuffix(":")
        elif part == "host":
            host, _, given = value.partition(":")
            port = f":{given}" if given else port
        elif part == "port":
            port = f":{value}"
        else:
            path = value if value.startswith("/") else "/" + value
        self._write("target.url", urlunsplit((scheme, host + port, path, parts.query, parts.fragment)))

    # ---- crypto

    def _do_algorithm(self, name: str) -> str:
        try:
            return algorithm(text_from_script(name))
        except ValueError as error:
            raise HostError(str(error)) from None

    def _do_digest(self, name: str, text: str, encoding: str) -> str:
        return digest(name, text_from_script(text), encoding)

    def _do_dateFormat(self, pattern: str, zone: str, milliseconds: float | None) -> str:
        seconds = self._context().world.now() if milliseconds is None else milliseconds / 1000
        try:
            return text_to_script(format_date(text_from_script(pattern), text_from_script(zone), seconds))
        except ValueError as error:
            raise HostError(str(error)) from None

    def _do_wsSecSign(self, payload: str, options: str) -> str:
        # loaded when a script first calls it: XML and keys cost memory and time that other scripts need not pay
        from apiproxy_runtime.scripting.javascript.wssecurity import functions

        ctx = self._context()
        given = json.loads(text_from_script(options))
        try:
            return text_to_script(functions.sign(ctx, text_from_script(payload), given))
        except functions.SecurityError as error:
            raise HostError(f"crypto.wsSecRsaSign: {error}") from None

    def _do_wsSecValidate(self, payload: str, options: str) -> bool:
        from apiproxy_runtime.scripting.javascript.wssecurity import functions

        ctx = self._context()
        error = functions.fault(ctx, text_from_script(payload), json.loads(text_from_script(options)))
        self._write("wssec_valid", error is None)
        if error is not None:
            self._write("wssec_error", error)
        return error is None

    # ---- the world

    def _do_now(self) -> float:
        return float(int(self._context().world.now() * 1000))

    def _do_random(self) -> float:
        return self._context().world.random_float()

    # ---- calls

    def _do_send(self, request: str, answered: bool) -> int:
        return self.exchanges.send(self._context(), json.loads(text_from_script(request)), answered)

    def _do_exchange(self, number: int) -> str:
        return self.exchanges.state(number)

    def _do_exchangeError(self, number: int) -> str:
        return text_to_script(self.exchanges.error(number))


def thrown(error: BaseException) -> str:
    """A failure as the prelude throws it."""
    text = str(error) if isinstance(error, HostError) else f"{type(error).__name__}: {error}"
    return MARK + "E" + text_to_script(text).removeprefix(MARK + "S")


def _parameters(message: Message, kind: str) -> Parameters:
    return message.query if kind == "query" else message.form
