"""Who may use the control port: it deploys code, so a page in a browser and a stranger must not.

- The Host header must name this machine, or a page could reach the port by a DNS name of its own (DNS rebinding).
- A browser's request from another site is refused, by Origin and Sec-Fetch-Site.
- With a token, every request must bring it: as Bearer token, as password of Basic authentication, or in X-Control-Token.
- A body is read up to `MAX_UPLOAD`. Answers cannot be framed, sniffed or cached; pages load nothing from elsewhere.

Sources: RFC 6454 (Origin), W3C Fetch Metadata, W3C Content Security Policy.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Awaitable, Callable, Iterable
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.control.answer import Refused, refusal
from apiproxy_runtime.control.loopback import is_loopback
from apiproxy_runtime.state.store import StoreError

logger = logging.getLogger("apiproxy")

#: Bytes of a request's body; what an archive may unpack to is bounded when it is opened.
MAX_UPLOAD = 128 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def guard(token: str, names: Iterable[str]) -> Middleware:
    """The middleware that lets requests through. `names` are hosts by which the port may be called, besides loopback.

    With a token and a name that is no loopback address any Host will do: a rebound page has no token.
    """
    allowed = {name.lower() for name in names}
    any_host = bool(token) and any(not is_loopback(name) for name in allowed)

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            name = host_name(request.headers.get("Host", ""))
            if not any_host and name not in allowed and not is_loopback(name):
                raise Refused(
                    403, "HostNotAllowed", f'the control port answers to localhost, not to "{name}"'
                )
            refuse_cross_site(request)
            if token and not hmac.compare_digest(given_token(request).encode(), token.encode()):
                raise Refused(401, "TokenNeeded", "the control port needs its token (--control-token)")
            return await handler(request)
        except Refused as error:
            answer = error.answer()
            if error.status == 401:
                answer.headers["WWW-Authenticate"] = 'Basic realm="apiproxy control port"'
            return answer
        except DeployError as error:
            return refusal(error).answer()
        except StoreError as error:
            return Refused(503, "StateUnavailable", str(error)).answer()
        except RecursionError:
            return Refused(400, "InvalidJson", "the body is nested too deep").answer()
        except web.HTTPException as error:
            if error.status < 400:
                raise
            return _http_error(request, error).answer()
        except Exception:
            logger.exception("The control port failed at %s %s", request.method, request.path)
            return Refused(
                500, "InternalError", "the control port failed; the log of apiproxy tells more"
            ).answer()

    return check


def _http_error(request: web.Request, error: web.HTTPException) -> Refused:
    if error.status == 404:
        return Refused(404, "NotFound", f"there is no {request.method} {request.path} here")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return Refused(405, "MethodNotAllowed", f"{request.path} takes {allowed}, not {request.method}")
    if error.status == 413:
        return Refused(413, "TooLarge", f"the body is larger than the {MAX_UPLOAD} bytes that are read")
    return Refused(error.status, error.reason.replace(" ", ""), error.text or error.reason)


def host_name(host: str) -> str:
    """The name of a Host header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.partition(":")[0].lower()


def refuse_cross_site(request: web.Request) -> None:
    """Raises Refused for what a browser sends on behalf of another site; opening a page by a link is let through."""
    origin = request.headers.get("Origin")
    if origin is not None and urlsplit(origin).netloc.lower() != request.headers.get("Host", "").lower():
        raise Refused(403, "CrossSite", f"pages of {origin} may not use the control port")
    site = request.headers.get("Sec-Fetch-Site", "none")
    opened = request.method == "GET" and request.headers.get("Sec-Fetch-Mode") == "navigate"
    if site not in ("none", "same-origin") and not opened:
        raise Refused(403, "CrossSite", "pages of other sites may not use the control port")


def given_token(request: web.Request) -> str:
    """The token that a request brings; empty if it brings none."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[2]
        except binascii.Error:
            return ""
    return request.headers.get("X-Control-Token", "")


async def harden(request: web.Request, answer: web.StreamResponse) -> None:
    """Headers that every answer has; a signal, so that streams have them too."""
    headers = answer.headers
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("X-Frame-Options", "DENY")
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    headers.setdefault("Cache-Control", "no-store")
    headers.setdefault("Content-Security-Policy", _PAGE_POLICY)
