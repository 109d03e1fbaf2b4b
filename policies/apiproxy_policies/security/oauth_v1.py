"""OAuthV1: OAuth 1.0a request tokens, verifiers and access tokens (Apigee Edge)."""

from __future__ import annotations

import hmac
from urllib.parse import urlencode

from apiproxy_policies.security.consumer_variables import general, identity
from apiproxy_policies.security.oauth.info import Given, given
from apiproxy_policies.security.oauth.signature import Signed, base_string, read_request, request_url, sign
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    Answer,
    Consumer,
    Element,
    Fault,
    Message,
    MessageContext,
    Policy,
    RequestToken,
    Site,
    StepFunction,
    Tokens,
    attribute,
    child,
    draw,
    fault_table,
    nested,
    one_of,
    settled,
)

OPERATIONS = ("GenerateRequestToken", "GenerateVerifier", "GenerateAccessToken", "VerifyAccessToken")
#: For how many seconds a timestamp is taken, and a nonce remembered.
WINDOW = 600
_REQUEST_LIFETIME = 3_600_000
_PROBLEMS = {
    "consumer_key_unknown": "Invalid Consumer Key",
    "parameter_absent": "Required parameter {name} is missing",
    "signature_invalid": "Invalid signature",
    "signature_method_rejected": "Only HMAC-SHA1 is supported",
    "timestamp_refused": "Invalid timestamp",
    "nonce_used": "Nonce has been used",
    "token_rejected": "Invalid token",
    "token_expired": "Token expired",
    "verifier_invalid": "Invalid verifier",
    "permission_denied": "Invalid API call as no apiproduct match found",
}


class Generated(Element):
    enabled: bool = attribute("enabled", BOOLEAN, default=True)
    format: str = child("Format", one_of("FORM_PARAM", "XML", ignore_case=True), default="FORM_PARAM")


class GeneratedError(Generated):
    realm: str = child("Realm", default="")


class OAuthV1(Policy):
    """Issue and verify OAuth 1.0a tokens; three-legged, signed with HMAC-SHA1. Apigee Edge only.

    A request token becomes an access token once a user has agreed (GenerateVerifier). Nonces are remembered for as
    long as timestamps are taken, ten minutes around now. The names of problems are those of the OAuth Problem Reporting
    extension, since the reference page lists only families.
    """

    tag = "OAuthV1"
    family = "security"
    prefix = "oauthV1"
    profiles = ("apigee",)
    docs = "https://docs.apigee.com/api-platform/reference/policies/oauth-10-policy"
    faults = fault_table("oauth.v1", *((name, 401, text) for name, text in _PROBLEMS.items()))
    deploy_errors = {
        "OperationRequired": "OAuthV1 {policy}: an Operation must be given",
    }
    variables = {
        "oauthv1requesttoken.{policy}.oauth_token": "after GenerateRequestToken; also oauth_token_secret",
        "oauthv1verifier.{policy}.oauth_verifier": "after GenerateVerifier",
        "oauthv1accesstoken.{policy}.oauth_token": "after GenerateAccessToken; also oauth_token_secret",
        "client_id": "after VerifyAccessToken, with the developer, app and apiproduct variables of a verified key",
        "oauthV1.{policy}.failed": "true when the policy failed; also fault.name and fault.cause",
    }
    example = """
<OAuthV1 name="O1-Verify">
  <Operation>VerifyAccessToken</Operation>
</OAuthV1>"""

    operation: str | None = child(
        "Operation",
        one_of(*OPERATIONS, ignore_case=True),
        error="InvalidOperation",
        doc="what the policy does",
    )
    url: Given | None = nested("URL", Given, doc="public URL that clients sign, behind another proxy")
    response: Generated | None = nested("GenerateResponse", Generated, doc="the policy writes the response")
    error_response: GeneratedError | None = nested(
        "GenerateErrorResponse", GeneratedError, doc="errors are told as oauth_problem"
    )
    request_token: Given | None = nested("RequestToken", Given, doc="GenerateVerifier: the request token")
    verifier_code: Given | None = nested("VerifierCode", Given, doc="GenerateVerifier: a code of your own")
    app_user_id: Given | None = nested("AppUserId", Given, doc="GenerateVerifier: the user who agreed")

    def check(self, site: Site) -> None:
        if not any(node.tag == "Operation" for node in self.node.children):
            site.error(self.node, "OperationRequired", f"Write one of {', '.join(OPERATIONS)}.")

    def compile(self, site: Site) -> StepFunction:
        handling = _Handling(self, site)
        operations = {
            "GenerateRequestToken": handling.request_token,
            "GenerateVerifier": handling.verifier,
            "GenerateAccessToken": handling.access_token,
        }
        work = operations.get(self.operation or "", handling.verify)
        finish = site.store.finish

        def step(ctx: MessageContext) -> Answer[None]:
            return finish(work(ctx))

        return step

    def problem(self, name: str, /, **values: object) -> Fault:
        """A fault with its variables, and an `oauth_problem` body where that is asked for."""
        fault = self.fault(name, **values)
        fault.variables = {
            f"oauthV1.{self.name}.fault.name": name,
            f"oauthV1.{self.name}.fault.cause": fault.text,
        }
        told = self.error_response
        if told is not None and told.enabled:
            fault.message = _answer(told.format, {"oauth_problem": name}, 401)
            fault.message.headers.set(
                "WWW-Authenticate", f'OAuth realm="{told.realm}",oauth_problem="{name}"'
            )
        return fault


class _Handling:
    """The operations, compiled for one policy."""

    def __init__(self, policy: OAuthV1, site: Site) -> None:
        self.policy = policy
        self.world = site.world
        self.store = site.store
        self.services = site.services
        self.tokens = Tokens(site.store, site.environment.organization)
        self.nonces = f"oauth/{site.environment.organization}/nonces"
        self.url = given(site, policy.url)
        self.given_token = given(site, policy.request_token, "request.formparam.oauth_token")
        self.given_verifier = given(site, policy.verifier_code)
        self.user = given(site, policy.app_user_id, "request.formparam.app_user_id")

    async def request_token(self, ctx: MessageContext) -> None:
        signed = read_request(ctx)
        consumer = await self._checked(ctx, signed, None)
        token = self._new(consumer, callback=signed.protocol.get("oauth_callback", "oob"))
        await settled(self.tokens.version_one.put(token))
        told = {
            "oauth_token": token.value,
            "oauth_token_secret": token.secret,
            "oauth_callback_confirmed": "true",
        }
        self._tell(ctx, "oauthv1requesttoken", told)

    async def verifier(self, ctx: MessageContext) -> None:
        code = self.given_verifier(ctx) or draw(self.world, 8)
        user = self.user(ctx)

        def agree(token: RequestToken) -> bool:
            token.verifier, token.end_user = code, user
            return not token.access and not token.expired(self.world.now())

        token = await settled(self.tokens.version_one.update(self.given_token(ctx), agree))
        if token is None:
            raise self.policy.problem("token_rejected")
        record = RequestToken(
            value=code,
            client_id=token.client_id,
            app_id=token.app_id,
            issued_at=token.issued_at,
            expires_at=token.expires_at,
            attributes={"request_token": token.value},
            secret="",
        )
        await settled(self.tokens.verifiers.put(record))
        self._tell(ctx, "oauthv1verifier", {"oauth_token": token.value, "oauth_verifier": code})

    async def access_token(self, ctx: MessageContext) -> None:
        signed = read_request(ctx)
        old = await self._token(signed, access=False)
        consumer = await self._checked(ctx, signed, old)
        verifier = signed.protocol.get("oauth_verifier", "")
        if not verifier:
            raise self.policy.problem("parameter_absent", name="oauth_verifier")
        if not old.verifier or not hmac.compare_digest(verifier.encode(), old.verifier.encode()):
            raise self.policy.problem("verifier_invalid")
        # a request token serves once, even when two exchange it at the same time
        if not await settled(self.tokens.version_one.delete(old.value)):
            raise self.policy.problem("token_rejected")
        token = self._new(consumer, access=True, end_user=old.end_user)
        await settled(self.tokens.version_one.put(token))
        self._tell(
            ctx, "oauthv1accesstoken", {"oauth_token": token.value, "oauth_token_secret": token.secret}
        )

    async def verify(self, ctx: MessageContext) -> None:
        signed = read_request(ctx)
        token = await self._token(signed, access=True)
        consumer = await self._checked(ctx, signed, token)
        grant = consumer.grant(ctx)
        if grant is None:
            raise self.policy.problem("permission_denied")
        ctx.variables.update(general(consumer, grant) | identity(consumer, grant))
        own: dict[str, object] = {"access_token": token.value, "apigee.access_token": token.value}
        if token.end_user:
            own["app_enduser"] = token.end_user
        ctx.variables.update(own)

    async def _token(self, signed: Signed, *, access: bool) -> RequestToken:
        value = signed.protocol.get("oauth_token", "")
        if not value:
            raise self.policy.problem("parameter_absent", name="oauth_token")
        token = await settled(self.tokens.version_one.get(value))
        if token is None or token.access != access or token.status != "approved":
            raise self.policy.problem("token_rejected")
        if token.expired(self.world.now()):
            raise self.policy.problem("token_expired")
        return token

    async def _checked(self, ctx: MessageContext, signed: Signed, token: RequestToken | None) -> Consumer:
        """The client that signed the request; its nonce is used up."""
        protocol, problem = signed.protocol, self.policy.problem
        for name in ("oauth_consumer_key", "oauth_signature", "oauth_timestamp", "oauth_nonce"):
            if not protocol.get(name):
                raise problem("parameter_absent", name=name)
        if protocol.get("oauth_signature_method", "HMAC-SHA1").upper() != "HMAC-SHA1":
            raise problem("signature_method_rejected")
        consumer = self.services.catalog.consumers.get(protocol["oauth_consumer_key"])
        now = self.world.now()
        if consumer is None or consumer.problem or (consumer.expires and consumer.expires <= now):
            raise problem("consumer_key_unknown")
        if token is not None and token.client_id != consumer.key:
            raise problem("token_rejected")
        base = base_string(ctx.request.verb, self.url(ctx) or request_url(ctx), signed.covered)
        wanted = sign(base, consumer.credential.consumer_secret, token.secret if token is not None else "")
        if not hmac.compare_digest(wanted.encode(), protocol["oauth_signature"].encode()):
            raise problem("signature_invalid")
        try:
            age = abs(now - int(protocol["oauth_timestamp"]))
        except ValueError:
            raise problem("timestamp_refused") from None
        if age > WINDOW:
            raise problem("timestamp_refused")
        nonce = f"{consumer.key}\0{protocol['oauth_timestamp']}\0{protocol['oauth_nonce']}"
        if not await settled(self.store.compare_and_set(self.nonces, nonce, None, "", 2 * WINDOW)):
            raise problem("nonce_used")
        return consumer

    def _new(
        self, consumer: Consumer, *, callback: str = "", access: bool = False, end_user: str = ""
    ) -> RequestToken:
        issued_at = int(self.world.now() * 1000)
        return RequestToken(
            value=draw(self.world, 28),
            secret=draw(self.world, 32),
            client_id=consumer.key,
            app_id=consumer.app_id,
            issued_at=issued_at,
            expires_at=-1 if access else issued_at + _REQUEST_LIFETIME,
            callback=callback,
            access=access,
            end_user=end_user,
        )

    def _tell(self, ctx: MessageContext, prefix: str, values: dict[str, str]) -> None:
        ctx.variables.update({f"{prefix}.{self.policy.name}.{name}": value for name, value in values.items()})
        response = self.policy.response
        if response is not None and response.enabled:
            ctx.response = _answer(response.format, values, 200)


def _answer(format: str, values: dict[str, str], status: int) -> Message:
    """A form-encoded or XML message with these values; all of them are plain words."""
    message = Message.response(status)
    if format == "XML":
        inside = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
        message.headers.set("Content-Type", "application/xml")
        message.body = f"<OAuth>{inside}</OAuth>".encode()
    else:
        message.headers.set("Content-Type", "application/x-www-form-urlencoded")
        message.body = urlencode(values).encode()
    return message
