"""WS-Security with RSA keys: what `crypto.wsSecRsaSign` and `crypto.wsSecRsaValidate` do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apiproxy_runtime.expression.template.compiler import TemplateSyntaxError, compile_template
from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.scripting.javascript.wssecurity.envelope import SecurityError
from apiproxy_runtime.scripting.javascript.wssecurity.options import Options
from apiproxy_runtime.scripting.javascript.wssecurity.sign import sign as sign_message
from apiproxy_runtime.scripting.javascript.wssecurity.validate import validate

__all__ = ["SecurityError", "fault", "sign"]


def sign(ctx: MessageContext, payload: str, given: Mapping[str, Any]) -> str:
    """The signed message. Raises SecurityError."""
    return sign_message(payload, _options(ctx, given), ctx.world.now())


def fault(ctx: MessageContext, payload: str, given: Mapping[str, Any]) -> str | None:
    """What is wrong with a signed message, or with the options; None when nothing is."""
    try:
        validate(payload, _options(ctx, given), ctx.world.now())
    except SecurityError as error:
        return str(error)
    return None


def _options(ctx: MessageContext, given: Mapping[str, Any]) -> Options:
    def render(text: str) -> str:
        try:
            return compile_template(text, variables.getter, world=ctx.world).render(ctx)
        except TemplateSyntaxError as error:
            raise SecurityError(f"{text[:80]!r} is no message template: {error}") from None

    return Options(given, render)
