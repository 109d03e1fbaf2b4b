"""LDAP: users and entries of a real directory server."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.gateway.egress import HttpEgress
from apiproxy_runtime.gateway.http.client import HttpClient
from apiproxy_runtime.message.fault import Fault
from tests.house import house, proxy, show, steps, target, write_bundle
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    read,
    run,
    services,
)
from tests.policies.security.certificates import certificate, pem, trusting
from tests.policies.security.directory import (
    BASE,
    MANAGER,
    MANAGER_PASSWORD,
    SCHEMA,
    SLAPD,
    directory,
)
from tests.policies.security.tokens import private_pem, rsa_key

needs_slapd = pytest.mark.skipif(
    SLAPD is None or SCHEMA is None, reason="slapd is not installed (Debian: apt-get install slapd)"
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with directory(tmp_path_factory.mktemp("directory")) as found:
        yield found


def resource(port: int, **settings: Any) -> dict[str, Any]:
    return {
        "url": f"ldap://127.0.0.1:{port}",
        "bindDn": MANAGER,
        "bindPassword": MANAGER_PASSWORD,
        **settings,
    }


def around(port: int, **settings: Any) -> Environment:
    return Environment(stand_ins={"ldap": {"people": resource(port, **settings)}})


def using(environment: Environment, connect_to: dict[str, str] | None = None) -> Any:
    found = services(environment=environment)
    found.egress = HttpEgress(HttpClient(), connect_to)
    return found


def authentication(
    content: str = '<UserName ref="user"/>', password: str = '<Password ref="password"/>'
) -> str:
    return f"""<Ldap name="L"><LdapResource>people</LdapResource><Authentication>{content}{password}
      </Authentication></Ldap>"""


def search(content: str, attributes: str = "<Attribute>mail</Attribute>") -> str:
    return f"""<Ldap name="L"><LdapResource>people</LdapResource><Search>{content}
      <Attributes>{attributes}</Attributes></Search></Ldap>"""


def compiled(text: str, port: int, **settings: Any) -> Any:
    return compile_policy(text, using=using(around(port, **settings)))


async def refused(text: str, port: int, **variables: Any) -> Fault:
    return await fault_of(compiled(text, port), context(variables=variables))


# ---- authenticating


@needs_slapd
@pytest.mark.parametrize(
    ("content", "variables"),
    [
        ('<UserName ref="user"/>', {"user": "ada"}),
        ('<UserName value="ada"/>', {}),
        ("<UserName>ada</UserName>", {}),
        ('<UserName ref="user"/>', {"user": f"uid=ada,ou=people,{BASE}"}),
        ("<SearchQuery>mail={user}</SearchQuery>", {"user": "ada@example.com"}),
        ("<SearchQuery>(&amp;(sn=Lovelace)(mail={user}))</SearchQuery>", {"user": "ada@example.com"}),
        ("<SearchQuery>{query}</SearchQuery>", {"query": "(mail=ada@example.com)"}),
        (f'<UserName value="ada"/><BaseDN value="ou=people,{BASE}"/><Scope>onelevel</Scope>', {}),
        ('<UserName value="ada"/><BaseDN ref="base">dc=nowhere</BaseDN>', {"base": BASE}),
        (f'<UserName value="ada"/><BaseDN ref="unset">{BASE}</BaseDN>', {}),
        (f'<UserName value="ada"/><BaseDN value="uid=ada,ou=people,{BASE}"/><Scope>object</Scope>', {}),
    ],
)
async def test_user_is_known_by_the_password(port: int, content: str, variables: dict[str, Any]) -> None:
    step = compiled(authentication(content), port)
    ctx = await run(step, context(variables={"password": "engine", **variables}))
    assert read(ctx, "ldap.L.execution.success") is True


@needs_slapd
@pytest.mark.parametrize(
    ("content", "variables"),
    [
        ('<UserName ref="user"/>', {"user": "ada", "password": "wrong"}),
        ('<UserName ref="user"/>', {"user": "nobody"}),
        ('<UserName ref="user"/>', {"user": "*"}),
        ('<UserName ref="user"/>', {"user": "ada)(uid=*"}),
        ('<UserName ref="user"/>', {"user": f"uid=ada,ou=nowhere,{BASE}"}),
        ("<SearchQuery>mail={user}</SearchQuery>", {"user": "*"}),
        ("<SearchQuery>mail={user}</SearchQuery>", {"user": "ada@example.com)(uid=ada"}),
        ("<SearchQuery>objectClass=inetOrgPerson</SearchQuery>", {}),
        ("<SearchQuery>mail={user}</SearchQuery><Scope>object</Scope>", {"user": "ada@example.com"}),
        (
            f'<UserName value="eve"/><BaseDN value="ou=people,{BASE}"/><Scope>onelevel</Scope>',
            {"password": "apple"},
        ),
        ('<UserName value="ada"/><BaseDN value="dc=nowhere"/>', {}),
    ],
)
async def test_anything_else_is_invalid_credentials(
    port: int, content: str, variables: dict[str, Any]
) -> None:
    fault = await refused(authentication(content), port, **{"password": "engine", **variables})
    assert (fault.code, fault.status, fault.text) == (
        "steps.ldap.InvalidUserCredentials",
        401,
        "Invalid user credentials.",
    )
    assert fault.variables == {"ldap.L.execution.success": False}


@needs_slapd
@pytest.mark.parametrize(
    ("text", "variables", "code", "status", "message"),
    [
        (authentication(), {"password": "x"}, "UserNameIsNull", 401, "User name is null."),
        (
            authentication(),
            {"user": "ada"},
            "InvalidValueForPassword",
            500,
            "Invalid value for password field. It can not be empty.",
        ),
        (
            authentication(),
            {"user": "ada", "password": ""},
            "InvalidValueForPassword",
            500,
            "Invalid value for password field. It can not be empty.",
        ),
        (
            authentication('<UserName value="ada"/><BaseDN ref="base"/>'),
            {"password": "x", "base": " "},
            "InvalidSearchBase",
            500,
            "Search base can not be empty.",
        ),
    ],
)
async def test_missing_values(
    port: int, text: str, variables: dict[str, Any], code: str, status: int, message: str
) -> None:
    fault = await refused(text, port, **variables)
    assert (fault.code, fault.status, fault.text) == (f"steps.ldap.{code}", status, message)


@needs_slapd
async def test_attribute_of_users_is_the_resources_to_name(port: int) -> None:
    step = compiled(authentication(), port, userAttribute="mail")
    await run(step, context(variables={"user": "ada@example.com", "password": "engine"}))


@needs_slapd
async def test_resource_without_credentials_asks_anonymously(port: int) -> None:
    step = compiled(authentication(), port, bindDn="", bindPassword="")
    await run(step, context(variables={"user": "ada", "password": "engine"}))


# ---- searching


@needs_slapd
async def test_values_of_entries_become_variables(port: int) -> None:
    attributes = "".join(f"<Attribute>{name}</Attribute>" for name in ("mail", "telephoneNumber", "title"))
    ctx = await run(
        compiled(search("<SearchQuery>mail={user}</SearchQuery>", attributes), port),
        context(variables={"user": "ada@example.com"}),
    )
    prefix = "ldap.L.search.result"
    assert read(ctx, f"{prefix}.count") == 1
    assert read(ctx, f"{prefix}[0].dn") == f"uid=ada,ou=people,{BASE}"
    assert read(ctx, f"{prefix}[0].attribute.mail[0]") == "ada@example.com"
    assert read(ctx, f"{prefix}[0].attribute.telephoneNumber[0]") == "1"
    assert read(ctx, f"{prefix}[0].attribute.telephoneNumber[1]") == "2"
    assert read(ctx, f"{prefix}[0].attribute.title[0]") is None
    assert read(ctx, "ldap.L.execution.success") is True


@needs_slapd
@pytest.mark.parametrize(
    ("content", "count"),
    [
        ("<SearchQuery>objectClass=inetOrgPerson</SearchQuery>", 3),
        ("<SearchQuery>(&amp;(objectClass=inetOrgPerson)(!(uid=eve)))</SearchQuery>", 2),
        ("<SearchQuery>cn={name}</SearchQuery>", 1),
        (f'<SearchQuery>uid=*</SearchQuery><BaseDN value="ou=people,{BASE}"/><Scope>onelevel</Scope>', 2),
        (f'<SearchQuery>uid=*</SearchQuery><BaseDN value="ou=people,{BASE}"/><Scope>object</Scope>', 0),
        ("<SearchQuery>uid=nobody</SearchQuery>", 0),
        ('<SearchQuery>uid=ada</SearchQuery><BaseDN value="dc=nowhere"/>', 0),
        (f'<BaseDN value="uid=ada,ou=people,{BASE}"/>', 1),
    ],
)
async def test_scope_and_filter_say_what_is_found(port: int, content: str, count: int) -> None:
    step = compiled(search(content), port)
    ctx = await run(step, context(variables={"name": "Bob (the builder)"}))
    assert read(ctx, "ldap.L.search.result.count") == count


@needs_slapd
async def test_text_is_utf_8(port: int) -> None:
    ctx = await run(
        compiled(search("<SearchQuery>uid=bob</SearchQuery>", "<Attribute>title</Attribute>"), port)
    )
    assert read(ctx, "ldap.L.search.result[0].attribute.title[0]") == "Bauführer"


@needs_slapd
async def test_one_policy_may_authenticate_and_search(port: int) -> None:
    text = authentication().replace(
        "</Ldap>",
        "<Search><SearchQuery>uid={user}</SearchQuery><Attributes><Attribute>mail</Attribute></Attributes></Search></Ldap>",
    )
    ctx = await run(compiled(text, port), context(variables={"user": "eve", "password": "apple"}))
    assert read(ctx, "ldap.L.search.result[0].attribute.mail[0]") == "eve@example.com"


@needs_slapd
@pytest.mark.parametrize("query", ["((mail=x)", "mail", "(&amp;)x"])
async def test_filter_that_is_none_is_a_fault(port: int, query: str) -> None:
    fault = await refused(search(f"<SearchQuery>{query}</SearchQuery>"), port)
    assert (fault.code, fault.status) == ("steps.ldap.ExecutionFailed", 500)


# ---- reaching the directory


@needs_slapd
async def test_directory_may_be_led_elsewhere(port: int) -> None:
    environment = around(1, url="ldap://directory.corp:389")
    step = compile_policy(
        authentication(), using=using(environment, {"directory.corp": f"http://127.0.0.1:{port}"})
    )
    await run(step, context(variables={"user": "ada", "password": "engine"}))


@needs_slapd
async def test_wrong_credentials_of_the_resource_are_not_the_users_fault(port: int) -> None:
    step = compiled(authentication(), port, bindPassword="wrong")
    fault = await fault_of(step, context(variables={"user": "ada", "password": "engine"}))
    assert fault.code == "steps.ldap.ExecutionFailed"
    assert f"the directory refuses {MANAGER}" in fault.text


async def test_directory_out_of_reach_is_a_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    fault = await refused(authentication(), port, user="ada", password="engine")
    assert (fault.code, fault.status) == ("steps.ldap.ExecutionFailed", 500)


async def test_silent_directory_holds_up_nobody_else() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        step = compiled(authentication(), silent.getsockname()[1], timeout=1)
        waiting = asyncio.ensure_future(fault_of(step, context(variables={"user": "a", "password": "b"})))
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert not waiting.done()
        assert (await asyncio.wait_for(waiting, 10)).code == "steps.ldap.ExecutionFailed"


@needs_slapd
async def test_tls_is_verified_by_the_truststore(tmp_path: Path) -> None:
    own = certificate("127.0.0.1", "ldaps", days=9999)
    other = certificate("elsewhere", "other", days=9999)
    with directory(tmp_path, tls=(pem(own), private_pem(rsa_key("ldaps")))) as port:
        for trusted, passes in ((own, True), (other, False)):
            store = trusting(trusted)
            listed = {"people": resource(port, url=f"ldaps://127.0.0.1:{port}", truststore="trusted")}
            environment = Environment(stand_ins={"ldap": listed}, keystores={"trusted": store})
            step = compile_policy(authentication(), using=using(environment))
            ctx = context(variables={"user": "ada", "password": "engine"})
            if passes:
                await run(step, ctx)
            else:
                assert (await fault_of(step, ctx)).code == "steps.ldap.ExecutionFailed"


@needs_slapd
async def test_user_gets_in_over_http(port: int, tmp_path: Path) -> None:
    credentials = """<BasicAuthentication name="BA"><Operation>Decode</Operation><User ref="user"/>
      <Password ref="password"/><Source>request.header.authorization</Source></BasicAuthentication>"""
    path = write_bundle(
        tmp_path,
        "directory",
        {
            "proxies/default.xml": proxy("/people", request=steps("BA", "L"), response=steps("show")),
            "targets/default.xml": target(),
            "policies/BA.xml": credentials,
            "policies/L.xml": authentication(),
            "policies/show.xml": show("show", X_Success="{ldap.L.execution.success}"),
        },
    )
    async with house(path, environment=around(port)) as gateway:
        good = await gateway.get(
            "/people", headers={"Authorization": aiohttp.encode_basic_auth("ada", "engine")}
        )
        bad = await gateway.get(
            "/people", headers={"Authorization": aiohttp.encode_basic_auth("ada", "motor")}
        )

    assert (good.status, good.headers["X-Success"]) == (200, "true")
    assert (bad.status, bad.fault()) == (
        401,
        ("steps.ldap.InvalidUserCredentials", "Invalid user credentials."),
    )


# ---- deploying


async def test_unknown_resource_deploys_with_a_warning_and_fails() -> None:
    (finding,) = findings_of(authentication())
    assert (finding.name, finding.severity) == ("LdapResourceNotFound", "warning")
    fault = await fault_of(compile_policy(authentication()))
    assert (fault.code, fault.status, fault.text) == (
        "steps.ldap.LdapResourceNotFound",
        500,
        "Ldap resource people not found.",
    )


QUERY = "<SearchQuery>uid=ada</SearchQuery>"


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (authentication(), []),
        (authentication().replace("Ldap>", "LDAP>").replace("<Ldap ", "<LDAP "), []),
        (authentication('<UserName ref="u"/><Scope>all</Scope>'), ["InvalidSearchScope"]),
        (authentication('<UserName ref="u"/><BaseDN/>'), ["BaseDNRequired"]),
        (authentication('<UserName ref="u"/>' + QUERY), ["SearchQueryAndUserNameCannotBePresent"]),
        (authentication(""), ["EitherSearchQueryOrUserNameMustBePresent"]),
        (authentication("<UserName/>"), ["EitherSearchQueryOrUserNameMustBePresent"]),
        (authentication('<UserName ref="u" value="v"/>'), ["OnlyReferenceOrValueIsAllowed"]),
        (authentication(password='<Password ref="p">x</Password>'), ["OnlyReferenceOrValueIsAllowed"]),
        (search(QUERY), []),
        (search(QUERY, ""), ["AttributesRequired"]),
        (search(QUERY, "<Attribute/>"), ["AttributesRequired"]),
        (search(QUERY, "<Attribute/><Attribute>mail</Attribute>"), ["InvalidAttributeName"]),
    ],
)
async def test_deploy_errors(text: str, errors: list[str]) -> None:
    assert deploy_errors(text, using=using(around(389))) == errors


@pytest.mark.parametrize(
    "settings",
    [
        "ldap://x",
        {},
        {"url": "http://x"},
        {"url": "ldap://x:port"},
        {"url": "ldaps://x", "truststore": "nowhere"},
        {"url": "ldap://x", "timeout": 0},
        {"url": "ldap://x", "timeout": 0.5},
        {"url": "ldap://x", "connections": "many"},
    ],
)
async def test_unusable_resource_is_refused(settings: Any) -> None:
    environment = Environment(stand_ins={"ldap": {"people": settings}})
    (finding,) = findings_of(authentication(), using=using(environment))
    assert finding.name == "InvalidExternalLdapReference"
    assert "standins.json" in finding.cure


async def test_java_provider_is_a_warning() -> None:
    text = authentication().replace(
        "<Authentication>", "<LdapConnectorClass>a.B</LdapConnectorClass><Authentication>"
    )
    assert [finding.name for finding in findings_of(text, using=using(around(389)))] == ["LdapConnectorClass"]


async def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "apiproxy_policies.security.directory.client", raising=False)
    monkeypatch.setitem(sys.modules, "ldap3", None)
    (finding,) = findings_of(authentication(), using=using(around(389)))
    assert finding.name == "LDAPExtraMissing"
    assert "pip install 'apiproxy-runtime[ldap]'" in finding.cure
