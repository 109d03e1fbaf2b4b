"""What Kong's authentication plugins have in common: refusing, or falling back to an anonymous consumer.

With `anonymous`, several of them on a route mean "any of them"; without it every one must be satisfied. Source:
Kong's authentication reference, "Using multiple authentication methods".
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from apiproxy_runtime.kong.answer import Exit, error
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Credential
from apiproxy_runtime.kong.plugin import Handler
from apiproxy_runtime.kong.schema import Config, Field, string
from apiproxy_runtime.kong.site import KongSite


class Refusal(Struct, frozen=True):
    """Why a caller is not let in, and what `WWW-Authenticate` says. `body` takes the place of the message."""

    text: str
    challenge: str
    body: object = None


#: The credential that a request proves, or why it proves none.
Prove = Callable[[KongContext], Credential | Refusal]
Answer = Callable[[KongContext, Refusal], Exit]

ANONYMOUS: Field = string("consumer, by id or username, to take for the caller when authentication fails")


def page(ctx: KongContext, refusal: Refusal) -> Exit:
    """The answer of most plugins: Kong's error page."""
    return error(ctx, 401, refusal.text, {"WWW-Authenticate": refusal.challenge})


def authenticates(
    config: Config, site: KongSite, prove: Prove, answer: Answer = page, *, preflight: bool = True
) -> Handler:
    """The access handler of an authentication plugin. `preflight` False lets OPTIONS requests through."""
    anonymous: str = config["anonymous"] or ""
    consumer = site.configuration.consumer(anonymous) if anonymous else None

    def access(ctx: KongContext) -> None:
        if not preflight and ctx.request.verb == "OPTIONS":
            return
        if anonymous and ctx.credential is not None:
            return
        proof = prove(ctx)
        if isinstance(proof, Credential):
            ctx.authenticate(proof.consumer, proof)
        elif not anonymous:
            raise answer(ctx, proof)
        elif consumer is None:
            raise error(ctx, 500, f"anonymous consumer {anonymous} is configured but doesn't exist")
        else:
            ctx.authenticate(consumer, None)

    return access


def by_field(site: KongSite, kind: str, field: str) -> dict[str, Credential]:
    """The credentials of a kind by the field that names one."""
    return {
        str(credential.values[field]): credential for credential in site.configuration.credentials_of(kind)
    }


def challenge(scheme: str, realm: str | None) -> str:
    """What WWW-Authenticate says."""
    return f'{scheme} realm="{realm}"' if realm else scheme
