"""OAuthV2: issues, verifies and revokes OAuth 2.0 tokens and authorization codes."""

from __future__ import annotations

from apiproxy_policies.profile import PROFILE
from apiproxy_policies.security.oauth.attributes import Attribute, Attributes
from apiproxy_policies.security.oauth.authorize import compile_authorization_code, compile_implicit
from apiproxy_policies.security.oauth.elements import (
    MILLISECONDS_OR_NEVER,
    GenerateErrorResponse,
    GenerateResponse,
    GrantTypes,
    KeyHolder,
    ListedToken,
    ListedTokens,
)
from apiproxy_policies.security.oauth.faults import FAULTS
from apiproxy_policies.security.oauth.generate import compile_generate
from apiproxy_policies.security.oauth.invalidate import compile_status
from apiproxy_policies.security.oauth.jwt import ALGORITHMS, compile_signing, compile_verify_jwt
from apiproxy_policies.security.oauth.refresh import compile_refresh
from apiproxy_policies.security.oauth.refusal import compile_refusals
from apiproxy_policies.security.oauth.verify import compile_verify
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    VARIABLE,
    Policy,
    Site,
    StepFunction,
    Value,
    at_least,
    child,
    many,
    nested,
    one_of,
)

ISSUING = (
    "GenerateAccessToken",
    "GenerateAccessTokenImplicitGrant",
    "GenerateJWTAccessToken",
    "GenerateJWTAccessTokenImplicitGrant",
    "RefreshAccessToken",
    "RefreshJWTAccessToken",
)
OPERATIONS = (
    *ISSUING,
    "GenerateAuthorizationCode",
    "VerifyAccessToken",
    "VerifyJWTAccessToken",
    "InvalidateToken",
    "ValidateToken",
)


class OAuthV2(Policy):
    """Generate, verify, refresh and revoke OAuth 2.0 access tokens, and generate authorization codes.

    Elements that take part of a request hold the *name of a variable*. Decisions where the reference is silent:

    - A lifetime that is not given is 30 minutes for tokens and one minute for codes; a refresh token lives for 30
      days (profile apigeex, two years at most) or for ever (profile apigee).
    - A product check, a revoked token and a changed app count at once; Apigee caches for up to three minutes.
    - Refreshing deletes the old access token, and the old refresh token unless it is to be reused.
    - A variable of AppEndUser that is not set means a token without an end user (public proxies rely on it); the response tells
      the end user that there is as `app_enduser`.
    - JWT tokens are not stored: they can neither be looked up nor revoked.
    """

    tag = "OAuthV2"
    family = "security"
    prefix = "oauthV2"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/oauthv2-policy"
    faults = FAULTS
    deploy_errors = {
        "InvalidOperation": 'OAuthV2 {policy}: invalid operation "{value}"',
        "InvalidValueForExpiresIn": 'OAuthV2 {policy}: invalid value "{value}" for ExpiresIn',
        "InvalidValueForRefreshTokenExpiresIn": 'OAuthV2 {policy}: invalid value "{value}" for RefreshTokenExpiresIn',
        "InvalidGrantType": 'OAuthV2 {policy}: invalid grant type "{value}" in SupportedGrantTypes',
        "ExpiresInNotApplicableForOperation": "OAuthV2 {policy}: ExpiresIn is not applicable for operation {operation}",
        "RefreshTokenExpiresInNotApplicableForOperation": "OAuthV2 {policy}: RefreshTokenExpiresIn is not applicable "
        "for operation {operation}",
        "GrantTypesNotApplicableForOperation": "OAuthV2 {policy}: SupportedGrantTypes is not applicable for operation "
        "{operation}",
        "TokenValueRequired": "OAuthV2 {policy}: a Token needs the name of a variable",
    }
    settings = (PROFILE,)
    variables = {
        "oauthv2accesstoken.{policy}.access_token": "after a token was issued; also token_type, expires_in (seconds), "
        "issued_at, scope, client_id, status, refresh_token, refresh_token_expires_in, refresh_token_issued_at, "
        "refresh_token_status, refresh_count, app_enduser, api_product_list, organization_name, developer.*, custom attributes",
        "oauthv2authcode.{policy}.code": "after a code was generated; also redirect_uri, scope, client_id, attributes",
        "access_token": "after verification; also organization_name, client_id, grant_type, token_type, issued_at, "
        "expires_in, status, scope",
        "accesstoken.{attribute}": "after verification: a custom attribute of the token",
        "developer.{property}": "after verification: id, email, userName, firstName, lastName, status, apps, …",
        "app.{property}": "after verification: name, id, callbackUrl, status, apiproducts, …, custom attributes",
        "apiproduct.{property}": "after verification: name, developer.quota.limit, …, operation.resource, attributes",
        "apigee.access_token": "the token that was issued or verified; also apigee.client_id, apigee.developer.email, …",
        "oauthV2.{policy}.failed": "true when the policy failed",
        "oauthV2.{policy}.fault.name": "name of the fault; the whole code after VerifyAccessToken",
        "oauthV2.{policy}.fault.cause": "text of the fault",
    }
    example = """
<OAuthV2 name="OA-Token">
  <Operation>GenerateAccessToken</Operation>
  <ExpiresIn>1800000</ExpiresIn>
  <SupportedGrantTypes><GrantType>client_credentials</GrantType></SupportedGrantTypes>
  <Scope>request.formparam.scope</Scope>
  <Attributes><Attribute name="tenant" ref="request.header.x-tenant" display="false"/></Attributes>
  <GenerateResponse enabled="true"/>
</OAuthV2>"""

    operation: str | None = child(
        "Operation",
        one_of(*OPERATIONS, ignore_case=True),
        error="InvalidOperation",
        message='OAuthV2 {policy}: invalid operation "{value}"',
        cure=f"Write one of {', '.join(OPERATIONS)}.",
        doc="what the policy does",
    )
    grant_type: str | None = child(
        "GrantType", VARIABLE, doc="variable; default request.formparam.grant_type"
    )
    grant_types: GrantTypes | None = nested(
        "SupportedGrantTypes", GrantTypes, doc="default authorization_code and implicit"
    )
    client_id: str | None = child(
        "ClientId",
        VARIABLE,
        doc="variable; default the Basic header, else form (or query) parameter client_id",
    )
    redirect_uri: str | None = child("RedirectUri", VARIABLE, doc="variable; default parameter redirect_uri")
    code: str | None = child("Code", VARIABLE, doc="variable; default request.formparam.code")
    response_type: str | None = child(
        "ResponseType", VARIABLE, doc="variable; default parameter response_type"
    )
    state: str | None = child("State", VARIABLE, doc="variable; default parameter state")
    scope: str | None = child(
        "Scope", doc="generating: variable with the requested scopes; verifying: the accepted scopes"
    )
    user_name: str | None = child("UserName", VARIABLE, doc="variable; default request.formparam.username")
    password: str | None = child("PassWord", VARIABLE, doc="variable; default request.formparam.password")
    app_end_user: str | None = child("AppEndUser", VARIABLE, doc="variable with the end user's id")
    refresh_token: str | None = child(
        "RefreshToken", VARIABLE, doc="variable; default request.formparam.refresh_token"
    )
    access_token: str | None = child(
        "AccessToken", VARIABLE, doc="variable with the token; default the Authorization header"
    )
    access_token_prefix: str = child(
        "AccessTokenPrefix", default="Bearer", doc="what stands before the token in the Authorization header"
    )
    expires_in: Value[int] | None = child(
        "ExpiresIn",
        MILLISECONDS_OR_NEVER,
        ref=True,
        error="InvalidValueForExpiresIn",
        message='OAuthV2 {policy}: invalid value "{value}" for ExpiresIn',
        cure="Write a positive number of milliseconds, or -1.",
        doc="milliseconds; -1 for ever",
    )
    refresh_token_expires_in: Value[int] | None = child(
        "RefreshTokenExpiresIn",
        MILLISECONDS_OR_NEVER,
        ref=True,
        error="InvalidValueForRefreshTokenExpiresIn",
        message='OAuthV2 {policy}: invalid value "{value}" for RefreshTokenExpiresIn',
        cure="Write a positive number of milliseconds, or -1.",
        doc="milliseconds; -1 for ever",
    )
    generate_response: GenerateResponse | None = nested(
        "GenerateResponse", GenerateResponse, doc="the policy writes the response itself"
    )
    generate_error_response: GenerateErrorResponse | None = nested(
        "GenerateErrorResponse", GenerateErrorResponse, doc="errors have an OAuth error body"
    )
    reuse_refresh_token: bool = child(
        "ReuseRefreshToken", BOOLEAN, default=False, doc="true: refreshing keeps the refresh token"
    )
    rfc_compliant: bool = child(
        "RFCCompliantRequestResponse", BOOLEAN, default=False, doc="true: responses as in RFC 6749"
    )
    external_authorization: bool = child(
        "ExternalAuthorization",
        BOOLEAN,
        default=False,
        doc="true: oauth_external_authorization_status takes the place of the client secret",
    )
    external_access_token: str | None = child(
        "ExternalAccessToken", VARIABLE, doc="variable with a token that somebody else made"
    )
    external_refresh_token: str | None = child(
        "ExternalRefreshToken", VARIABLE, doc="variable with a refresh token that somebody else made"
    )
    external_authorization_code: str | None = child(
        "ExternalAuthorizationCode", VARIABLE, doc="variable with a code that somebody else made"
    )
    store_token: bool | None = child("StoreToken", BOOLEAN, doc="false: the token is not stored")
    attributes: tuple[Attributes, ...] = many("Attributes", Attributes, doc="custom attributes, up to 18")
    tokens: ListedTokens | None = nested("Tokens", ListedTokens, doc="tokens to revoke or to approve")
    algorithm: str | None = child("Algorithm", one_of(*ALGORITHMS), doc="of JWT operations")
    secret_key: KeyHolder | None = nested("SecretKey", KeyHolder, doc="key of HS algorithms")
    private_key: KeyHolder | None = nested("PrivateKey", KeyHolder, doc="key that signs, RS algorithms")
    public_key: KeyHolder | None = nested("PublicKey", KeyHolder, doc="key that verifies, RS algorithms")
    cache_expiry: Value[int] | None = child(
        "CacheExpiryInSeconds",
        at_least(1, "a number of seconds from 1 to 180"),
        ref=True,
        doc="for how long Apigee keeps a verified token (1 to 180); no effect here",
    )

    # ---- what the fields mean together

    @property
    def supported_grant_types(self) -> tuple[str, ...]:
        listed = self.grant_types.items if self.grant_types is not None else ()
        return listed or ("authorization_code", "implicit")

    @property
    def custom_attributes(self) -> tuple[Attribute, ...]:
        # editors leave an empty element beside the one that was filled: all of them count
        return tuple(item for attributes in self.attributes for item in attributes.items)

    @property
    def listed_tokens(self) -> tuple[ListedToken, ...]:
        return self.tokens.items if self.tokens is not None else ()

    @property
    def generates_response(self) -> bool:
        return self.generate_response is not None and self.generate_response.enabled

    @property
    def writes_errors(self) -> bool:
        if self.generate_error_response is not None:
            return self.generate_error_response.enabled
        return self.generates_response

    def check(self, site: Site) -> None:
        operation = self.operation
        if operation is None:
            if any(child.tag == "Operation" and child.text.strip() for child in self.node.children):
                return
            site.warning(
                self.node,
                "OperationRequired",
                f"OAuthV2 {self.name}: an Operation must be given; it is taken to be GenerateAccessToken",
                "Write <Operation>GenerateAccessToken</Operation>, or another.",
            )
            operation = self.operation = "GenerateAccessToken"
        if self.expires_in is not None and operation not in (*ISSUING, "GenerateAuthorizationCode"):
            self._not_applicable(site, "ExpiresIn")
        if self.refresh_token_expires_in is not None and operation not in (
            *ISSUING,
            "GenerateAuthorizationCode",
        ):
            self._not_applicable(site, "RefreshTokenExpiresIn")
        if self.grant_types is not None and self.grant_types.items and operation not in ISSUING:
            site.error(
                self.grant_types.node,
                "GrantTypesNotApplicableForOperation",
                "Remove SupportedGrantTypes.",
                operation=operation,
            )
        if operation in ("InvalidateToken", "ValidateToken"):
            for token in self.listed_tokens:
                if not token.variable:
                    site.error(
                        token.node,
                        "TokenValueRequired",
                        "Write the variable's name: request.formparam.token.",
                    )
        if len(self.custom_attributes) > 18:
            site.warning(
                self.attributes[-1].node,
                "TooManyAttributes",
                f"{len(self.custom_attributes)} custom attributes; Apigee stores 18",
                "Put several values into one attribute.",
            )
        if "JWT" in operation:
            self._check_keys(site, operation)

    def _not_applicable(self, site: Site, element: str) -> None:
        node = next((child for child in self.node.children if child.tag == element), self.node)
        site.error(
            node, f"{element}NotApplicableForOperation", f"Remove {element}.", operation=self.operation
        )

    def _check_keys(self, site: Site, operation: str) -> None:
        if self.algorithm is None:
            site.warning(self.node, "AlgorithmRequired", f"{operation} needs an Algorithm", "HS256 is taken.")
        signing = operation != "VerifyJWTAccessToken"
        symmetric = (self.algorithm or "HS256").startswith("HS")
        name = "SecretKey" if symmetric else "PrivateKey" if signing else "PublicKey"
        holder = self.secret_key if symmetric else self.private_key if signing else self.public_key
        if holder is None or holder.value is None or not (holder.value.ref or holder.value.text):
            site.warning(
                holder.node if holder is not None else self.node,
                "KeyRequired",
                f"{operation} with {self.algorithm or 'HS256'} needs a {name}",
                f'Write <{name}><Value ref="private.key"/></{name}>.',
            )

    def compile(self, site: Site) -> StepFunction:
        realm = self.generate_error_response.realm if self.generate_error_response is not None else None
        refuse = compile_refusals(self.name, self.writes_errors, self.rfc_compliant, realm)
        match self.operation:
            case "GenerateAccessToken":
                return compile_generate(self, site, refuse)
            case "GenerateJWTAccessToken":
                return compile_generate(self, site, refuse, compile_signing(self, site))
            case "GenerateAccessTokenImplicitGrant":
                return compile_implicit(self, site, refuse)
            case "GenerateJWTAccessTokenImplicitGrant":
                return compile_implicit(self, site, refuse, compile_signing(self, site))
            case "GenerateAuthorizationCode":
                return compile_authorization_code(self, site, refuse)
            case "RefreshAccessToken":
                return compile_refresh(self, site, refuse)
            case "RefreshJWTAccessToken":
                return compile_refresh(self, site, refuse, compile_signing(self, site))
            case "VerifyJWTAccessToken":
                return compile_verify_jwt(self, site)
            case "InvalidateToken":
                return compile_status(self, site, "revoked")
            case "ValidateToken":
                return compile_status(self, site, "approved")
            case _:
                return compile_verify(self, site)
