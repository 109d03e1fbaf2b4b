"""The suites of public bundle repositories, and what each needs of its environment.

Facts only: which folders are bundles, which products, apps, key value maps and target servers the suite's own deploy
script would create, which hosts answer from a mock, and which variables its features read. `{host}` stands for the
address that `apiproxy serve` listens on, `{private_key}` and `{public_key}` for a fresh RSA pair in PEM.
"""

from dataclasses import dataclass, field, replace
from typing import TypeAlias

SAMPLES = "GoogleCloudPlatform/apigee-samples"
DEVREL = "apigee/devrel"
SUBJECT = "ada@example.com"

Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True)
class Suite:
    """One suite: the folder that holds its tests, its bundles, and its environment.

    Paths are relative to the repository. `tests` is relative to `root`; `copies` (source to destination) and
    `replacements` (in file names that end with one of `.xml .js .feature`) are applied to a copy of `root`. `pause`: milliseconds before each
    request, for spike arrests that a distant platform does not trip.
    """

    name: str
    repository: str
    root: str
    tests: str
    bundles: tuple[str, ...]
    variables: dict[str, str] = field(default_factory=dict)
    products: tuple[Json, ...] = ()
    apps: tuple[Json, ...] = ()
    maps: tuple[Json, ...] = ()
    target_servers: tuple[Json, ...] = ()
    upstreams: tuple[str, ...] = ()
    copies: dict[str, str] = field(default_factory=dict)
    replacements: dict[str, str] = field(default_factory=dict)
    tags: str = ""
    runner: str = "cucumber"
    pause: int = 0


def product(name: str, *operations: tuple[str, str, tuple[str, ...]], **more: Json) -> Json:
    """A product whose operations are (proxy, resource, methods)."""
    configs: list[Json] = [
        {"apiSource": proxy, "operations": [{"resource": resource, "methods": list(methods)}]}
        for proxy, resource, methods in operations
    ]
    return {
        "name": name,
        "displayName": name,
        "approvalType": "auto",
        "environments": ["test"],
        "operationGroup": {"operationConfigs": configs, "operationConfigType": "proxy"},
        **more,
    }


def app(name: str, product_name: str, **more: Json) -> Json:
    """An app whose key is NAME-key and whose secret is NAME-secret."""
    return {
        "name": name,
        "developerEmail": SUBJECT,
        "apiProducts": [product_name],
        "credentials": [
            {
                "consumerKey": f"{name}-key",
                "consumerSecret": f"{name}-secret",
                "status": "approved",
                "apiProducts": [{"apiproduct": product_name, "status": "approved"}],
            }
        ],
        **more,
    }


def sample(name: str) -> Suite:
    """A suite of apigee-samples as nearly all of them are."""
    return Suite(
        name=name,
        repository=SAMPLES,
        root=name,
        tests="test/integration/features",
        bundles=(f"{name}/apiproxy",),
        variables={"PROXY_URL": f"{{host}}/v1/samples/{name}"},
    )


def reference(name: str, folder: str = "", tests: str = "test/integration/features") -> Suite:
    """A suite of devrel's references as nearly all of them are."""
    root = f"references/{folder or name}"
    return Suite(
        name=name,
        repository=DEVREL,
        root=root,
        tests=tests,
        bundles=(f"{root}/apiproxy",),
        variables={"TEST_HOST": "{host}"},
    )


def with_variables(suite: Suite, **variables: str) -> Suite:
    return replace(suite, variables=suite.variables | variables)


_COMMON = tuple(
    f"references/common-shared-flows/{name}/sharedflowbundle"
    for name in (
        "correlation-v1",
        "cors-v1",
        "error-handling-v1",
        "get-config-v1",
        "logging-v1",
        "not-found-v1",
        "ping-v1",
        "status-v1",
        "traffic-mgmt-v1",
        "verify-token-v1",
    )
)

_PER_MINUTE: dict[str, Json] = {"quota": "10", "quotaInterval": "1", "quotaTimeUnit": "minute"}

_USERS = "/*/users"
_USER = "/*/users/*"


def _identity_facade(name: str, pkce: str, tags: str) -> Suite:
    base = "v1/openid-connect"
    host_entries: dict[str, Json] = {
        f"idp.{part}.hostname": "{host}" for part in ("az", "token", "jwks", "userinfo")
    }
    return replace(
        reference(name, "identity-facade"),
        bundles=("references/identity-facade/apiproxy", "references/oidc-mock/apiproxy"),
        tags=tags,
        variables={
            "TEST_HOST": "{host}",
            "TEST_APP_CONSUMER_KEY": "facade-key",
            "TEST_APP_CONSUMER_SECRET": "facade-secret",
            "TEST_APP_PKCE_CODE_CHALLENGE": "hoLP4vNbBccHkhNAbk_jbyLhlGwgeoRyo53A-Luiirg",
            "TEST_APP_PKCE_CODE_VERIFIER": "iloveapis1234567890",
            "IS_PKCE_ENABLED": pkce,
        },
        copies={"AM-SetPKCEMode.template.xml": "apiproxy/policies/AM-SetPKCEMode.xml"},
        replacements={"@IsPKCEEnabled@": pkce},
        upstreams=("{host}",),
        maps=(
            {
                "name": "idpConfigIdentityProxy",
                "encrypted": True,
                "entries": {
                    **host_entries,
                    "idp.az.uri": f"{base}/authorize",
                    "idp.token.uri": f"{base}/token",
                    "idp.jwks.uri": f"{base}/certs",
                    "idp.userinfo.uri": f"{base}/userinfo",
                    "idp.issuer": f"https://{{host}}/{base}",
                    "idp.apigee.client_id": "dummy-client_id-apigee123",
                    "idp.apigee.client_secret": "dummy-client_secret_apigee456",
                    "idp.apigee.redirect_uri": "https://{host}/v1/oauth20/callback",
                },
            },
        ),
        products=(
            {
                "name": "IdentityFacade",
                "approvalType": "auto",
                "environments": ["test"],
                "proxies": ["identity-facade-v1"],
                "apiResources": [],
                "attributes": [{"name": "access", "value": "public"}],
            },
        ),
        apps=(app("facade", "IdentityFacade", callbackUrl="https://mocktarget.apigee.net/echo"),),
    )


SUITES: tuple[Suite, ...] = (
    with_variables(
        replace(
            sample("oauth-client-credentials"),
            products=(product("cc", ("oauth-client-credentials", "/", ("GET", "POST")), **_PER_MINUTE),),
            apps=(app("cc", "cc"),),
        ),
        APP_CLIENT_ID="cc-key",
        APP_CLIENT_SECRET="cc-secret",
    ),
    with_variables(
        replace(
            sample("oauth-client-credentials-with-scope"),
            products=tuple(
                product(
                    name,
                    ("oauth-client-credentials-with-scope", "/", ("GET", "POST")),
                    scopes=scopes,
                    **_PER_MINUTE,
                )
                for name, scopes in (("reading", ["read"]), ("writing", ["read", "write"]))
            ),
            apps=(app("reading", "reading"), app("writing", "writing")),
        ),
        APP_READ_SCOPE_CLIENT_ID="reading-key",
        APP_READ_SCOPE_CLIENT_SECRET="reading-secret",
        APP_WRITE_SCOPE_CLIENT_ID="writing-key",
        APP_WRITE_SCOPE_CLIENT_SECRET="writing-secret",
    ),
    replace(
        sample("apiproduct-operations"),
        bundles=(
            "apiproduct-operations/bundles/apiproduct-operations/apiproxy",
            "apiproduct-operations/bundles/apiproduct-operations-oauth2/apiproxy",
        ),
        variables={
            "APIGEE_HOST": "{host}",
            "SAMPLE_PROXY_BASEPATH": "/v1/samples/apiproduct-operations",
            **{f"{who.upper()}_CLIENT_ID": f"{who}-key" for who in ("viewer", "creator", "admin")},
            **{f"{who.upper()}_CLIENT_SECRET": f"{who}-secret" for who in ("viewer", "creator", "admin")},
        },
        products=(
            product(
                "viewer",
                ("apiproduct-operations", _USERS, ("GET",)),
                ("apiproduct-operations", _USER, ("GET",)),
            ),
            product("creator", ("apiproduct-operations", _USERS, ("POST",))),
            product(
                "admin",
                ("apiproduct-operations", _USERS, ("GET", "POST")),
                ("apiproduct-operations", _USER, ("DELETE", "GET", "PUT")),
            ),
        ),
        apps=tuple(app(who, who) for who in ("viewer", "creator", "admin")),
    ),
    replace(
        sample("json-web-tokens"),
        maps=(
            {
                "name": "jwt-keys",
                "entries": {"rsa_privatekey": "{private_key}", "rsa_publickey": "{public_key}"},
            },
        ),
    ),
    sample("spike-arrest"),
    replace(sample("threat-protection"), upstreams=("mocktarget.apigee.net",)),
    with_variables(
        replace(
            sample("basic-quota"),
            products=(
                product("trial", ("basic-quota", "/", ("GET",)), **_PER_MINUTE),
                product(
                    "premium",
                    ("basic-quota", "/", ("GET",)),
                    quota="1000",
                    quotaInterval="1",
                    quotaTimeUnit="hour",
                ),
            ),
            apps=(app("trial", "trial"), app("premium", "premium")),
        ),
        CLIENT_ID_1="trial-key",
        CLIENT_ID_2="premium-key",
    ),
    sample("property-set"),
    replace(sample("basic-caching"), upstreams=("www.googleapis.com",)),
    replace(sample("extract-variables"), upstreams=("mocktarget.apigee.net",)),
    replace(sample("composite-api"), upstreams=("geocode.maps.co", "api.open-meteo.com")),
    replace(
        sample("data-deidentification"),
        bundles=("data-deidentification/bundle/apiproxy",),
        variables={
            "APIGEE_HOST": "{host}",
            "SAMPLE_PROXY_BASEPATH": "/v1/samples/data-deidentification",
        },
        replacements={
            "deidentify_template1 = projects/PROJECT_ID/deidentifyTemplates/TEMPLATE_ID": "deidentify_template1 = all",
            "deidentify_template2 = projects/PROJECT_ID/deidentifyTemplates/TEMPLATE_ID": "deidentify_template2 = email",
        },
        upstreams=("dlp.googleapis.com",),
    ),
    reference("oidc-mock"),
    _identity_facade("identity-facade", "false", "not @pkce"),
    _identity_facade("identity-facade-pkce", "true", "@pkce"),
    replace(
        reference("auth-schemes"),
        variables={
            "PROXY_URL": "{host}/auth-schemes/v0",
            "APP_CLIENT_ID": "schemes-key",
            "APP_CLIENT_SECRET": "schemes-secret",
        },
        copies={
            "templates/AssignMessage.SetPrivateKey.xml.tmpl": "apiproxy/policies/AssignMessage.SetPrivateKey.xml",
            "templates/JWT.Verify.xml.tmpl": "apiproxy/policies/JWT.Verify.xml",
        },
        replacements={"$_JWT_PRIVATE_KEY": "{private_key}", "$_JWT_PUBLIC_KEY": "{public_key}"},
        products=(product("schemes", ("auth-schemes-v0", "/**", ("GET",))),),
        apps=(app("schemes", "schemes"),),
    ),
    reference("threat-protect"),
    replace(
        reference("oauth-admin-api"),
        variables={
            "TEST_HOST": "{host}",
            "TEST_CLIENT_ID": "oauth-admin-key",
            "TEST_CLIENT_SECRET": "oauth-admin-secret",
        },
        products=(product("oauth-admin", ("oauth-admin-v1", "/", ())),),
        apps=(app("oauth-admin", "oauth-admin"),),
    ),
    replace(
        reference("openapi-mock", tests="test"), variables={"APIGEE_X_HOSTNAME": "{host}"}, runner="jest"
    ),
    reference("cicd-pipeline", tests="test/integration"),
    replace(reference("js-callout"), upstreams=("mocktarget.apigee.net",)),
    replace(
        reference("data-api"),
        bundles=("references/data-api/template/apiproxy",),
        variables={"TEST_BASE_URI": "{host}/london/v1", "APIGEE_TOKEN": "unused"},
        replacements={
            "$PROXY_NAME": "london-v1-bikerentals",
            "$BASE_PATH": "/london/v1/bikerentals",
            "$DATA_SET": "bigquery-public-data.london_bicycles.cycle_hire",
            "$BQ_PROJECT_ID": "example",
        },
        upstreams=("www.googleapis.com",),
    ),
    replace(
        reference("dutch-healthcare", "dutch-healthcare/healthcare-v1", "test/features"),
        bundles=(
            "references/dutch-healthcare/healthcare-v1/apiproxy",
            "references/dutch-healthcare/healthcare-mock-v1/apiproxy",
            *_COMMON,
        ),
        variables={"TEST_HOST": "{host}", "TEST_BASEPATH": "/healthcare/v1"},
        pause=120,
        upstreams=("mocktarget.apigee.net",),
    ),
    replace(
        reference("proxy-template", "proxy-template/template-v1", "test/features"),
        bundles=("references/proxy-template/template-v1/apiproxy", *_COMMON),
        pause=120,
        replacements={
            "@ProxyName@": "example",
            "@Version@": "v1",
            "@Basepath@": "example",
            "@VirtualHost@": "secure",
            "@Proxy@": "example",
            "@ProxyPath@": "/echo",
            "@TargetServerName@": "ts-mocktarget.apigee.net-443",
        },
        target_servers=(
            {
                "name": "ts-mocktarget.apigee.net-443",
                "host": "mocktarget.apigee.net",
                "port": 443,
                "isEnabled": True,
                "sSLInfo": {"enabled": True},
            },
        ),
        upstreams=("mocktarget.apigee.net",),
    ),
    Suite(
        name="oas-apigee-mock",
        repository=DEVREL,
        root="tools/oas-apigee-mock",
        tests="test/features",
        bundles=tuple(
            f"tools/oas-apigee-mock/test/api_bundles/oas-apigee-mock-orders{kind}/apiproxy"
            for kind in ("", "-apikey-header", "-apikey-query")
        ),
        variables={"APIGEE_ORG": "example", "APIGEE_ENV": "test", "APIKEY": "mock-key"},
        products=(
            {
                "name": "mock",
                "environments": ["test"],
                "approvalType": "auto",
                "proxies": [
                    f"oas-apigee-mock-orders{kind}" for kind in ("", "-apikey-header", "-apikey-query")
                ],
            },
        ),
        apps=(app("mock", "mock"),),
    ),
)
