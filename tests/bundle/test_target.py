from __future__ import annotations

import pytest

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import HTTPMonitor, HTTPTargetConnection, TCPMonitor
from apiproxy_runtime.bundle.target import read_http_target, read_local_target
from apiproxy_runtime.bundle.xml import parse_xml


def read(content: str) -> tuple[HTTPTargetConnection, Findings]:
    findings = Findings()
    xml = f"<HTTPTargetConnection>\n{content}\n</HTTPTargetConnection>"
    return read_http_target(parse_xml(xml.encode(), "apiproxy/policies/SC.xml"), findings), findings


def test_a_url_with_properties() -> None:
    target, findings = read(
        '<URL> https://{host}/v1 </URL><Properties><Property name="success.codes">2xx</Property></Properties>'
    )
    assert target.url == "https://{host}/v1"
    assert target.properties == {"success.codes": "2xx"}
    assert list(findings) == []


def test_a_load_balancer_with_everything() -> None:
    target, findings = read(
        """<LoadBalancer>
          <Algorithm>Weighted</Algorithm>
          <Server name="one"><Weight>1</Weight></Server>
          <Server name="two"><Weight>3</Weight><IsEnabled>false</IsEnabled></Server>
          <Server name="spare"><IsFallback>true</IsFallback></Server>
          <MaxFailures>5</MaxFailures>
          <RetryEnabled>false</RetryEnabled>
          <ServerUnhealthyResponse><ResponseCode>500</ResponseCode><ResponseCode>503</ResponseCode></ServerUnhealthyResponse>
        </LoadBalancer><Path>/{v}</Path>"""
    )
    assert list(findings) == []
    balancer = target.load_balancer
    assert balancer is not None
    assert [(s.name, s.weight, s.is_enabled, s.is_fallback) for s in balancer.servers] == [
        ("one", 1, True, False),
        ("two", 3, False, False),
        ("spare", None, True, True),
    ]
    assert (balancer.algorithm, balancer.max_failures, balancer.retry_enabled) == ("Weighted", 5, False)
    assert balancer.unhealthy_codes == (500, 503)
    assert target.path == "/{v}"


def test_defaults_of_a_load_balancer() -> None:
    balancer = read('<LoadBalancer><Server name="a"/></LoadBalancer>')[0].load_balancer
    assert balancer is not None
    assert (balancer.algorithm, balancer.max_failures, balancer.retry_enabled) == ("RoundRobin", 0, True)
    assert balancer.unhealthy_codes == ()


def test_health_monitors() -> None:
    servers = '<LoadBalancer><Server name="a"/></LoadBalancer>'
    target, findings = read(
        servers
        + """<HealthMonitor><IsEnabled>true</IsEnabled><IntervalInSec>7</IntervalInSec><HTTPMonitor>
        <Request><ConnectTimeoutInSec>10</ConnectTimeoutInSec><SocketReadTimeoutInSec>30</SocketReadTimeoutInSec>
          <Port>8080</Port><Verb>POST</Verb><Path>/health</Path><Header name="A">b</Header><Payload>ping</Payload>
          <IsSSL>true</IsSSL><TrustAllSSL>true</TrustAllSSL><UseTargetServerSSLInfo>true</UseTargetServerSSLInfo>
          <IncludeHealthCheckIdHeader>true</IncludeHealthCheckIdHeader></Request>
        <SuccessResponse><ResponseCode>200</ResponseCode><ResponseCode>204</ResponseCode><Header name="Ok">1</Header>
        </SuccessResponse></HTTPMonitor></HealthMonitor>"""
    )
    assert list(findings) == []
    monitor = target.health_monitor
    assert monitor is not None
    assert (monitor.is_enabled, monitor.interval_in_sec) == (True, 7)
    http = monitor.monitor
    assert isinstance(http, HTTPMonitor)
    assert (http.request.verb, http.request.path, http.request.port) == ("POST", "/health", 8080)
    assert (http.request.headers, http.request.payload) == ((("A", "b"),), "ping")
    assert http.request.is_ssl
    assert http.request.include_health_check_id_header
    assert (http.response_codes, http.response_headers) == ((200, 204), (("Ok", "1"),))
    target, findings = read(
        servers
        + "<HealthMonitor><IntervalInSec>1</IntervalInSec><TCPMonitor><ConnectTimeoutInSec>2</ConnectTimeoutInSec>"
        "<Port>81</Port></TCPMonitor></HealthMonitor>"
    )
    assert list(findings) == []
    assert target.health_monitor is not None
    tcp = target.health_monitor.monitor
    assert isinstance(tcp, TCPMonitor)
    assert (tcp.connect_timeout_in_sec, tcp.port) == (2, 81)


def test_ssl_info_keeps_its_templates() -> None:
    target, findings = read(
        """<URL>https://a</URL><SSLInfo><Enabled>{tls}</Enabled><Enforce>true</Enforce><KeyStore>ref://ks</KeyStore>
        <KeyAlias>me</KeyAlias><TrustStore>{ts}</TrustStore><ClientAuthEnabled>true</ClientAuthEnabled>
        <Ciphers><Cipher>C1</Cipher><Cipher>C2</Cipher></Ciphers><Protocols><Protocol>TLSv1.3</Protocol></Protocols>
        <CommonName wildcardMatch="true">*.example.com</CommonName></SSLInfo>"""
    )
    assert list(findings) == []
    info = target.ssl_info
    assert info is not None
    assert (info.enabled, info.enforce, info.trust_store) == ("{tls}", "true", "{ts}")
    assert (info.key_store, info.key_alias, info.ignore_validation_errors) == ("ref://ks", "me", None)
    assert (info.ciphers, info.protocols) == (("C1", "C2"), ("TLSv1.3",))
    assert (info.common_name, info.common_name_wildcard_match) == ("*.example.com", True)


def test_google_authentication() -> None:
    target, findings = read(
        """<URL>https://a</URL><Authentication><HeaderName ref="h">X-Token</HeaderName><GoogleAccessToken>
        <Scopes><Scope>one</Scope><Scope>two</Scope></Scopes><LifetimeInSeconds>60</LifetimeInSeconds>
        </GoogleAccessToken></Authentication>"""
    )
    assert list(findings) == []
    access = target.authentication
    assert access is not None
    assert (access.kind, access.scopes, access.lifetime_in_seconds) == (
        "GoogleAccessToken",
        ("one", "two"),
        60,
    )
    assert (access.header_name, access.header_name_ref) == ("X-Token", "h")
    target, findings = read(
        """<URL>https://a</URL><Authentication><GoogleIDToken><Audience ref="aud" useTargetUrl="true">x</Audience>
        <IncludeEmail ref="mail">true</IncludeEmail></GoogleIDToken></Authentication>"""
    )
    assert list(findings) == []
    identity = target.authentication
    assert identity is not None
    assert (identity.kind, identity.audience, identity.audience_ref) == ("GoogleIDToken", "x", "aud")
    assert identity.use_target_url
    assert identity.include_email
    assert identity.include_email_ref == "mail"


@pytest.mark.parametrize(
    ("content", "line", "name"),
    [
        ("<LoadBalancer/>", 2, "MissingServer"),
        ("<LoadBalancer>\n<Server/></LoadBalancer>", 3, "MissingName"),
        ('<LoadBalancer><Server name="a"/>\n<Algorithm>Wheighted</Algorithm></LoadBalancer>', 3, "InvalidValue"),
        ('<LoadBalancer>\n<Server name="a"/><Algorithm>Weighted</Algorithm></LoadBalancer>', 3, "MissingWeight"),
        ('<LoadBalancer><Server name="a"/>\n<MaxFailures>-1</MaxFailures></LoadBalancer>', 3, "InvalidValue"),
        ('<LoadBalancer><Server name="a">\n<Weight>heavy</Weight></Server></LoadBalancer>', 3, "InvalidValue"),
        ('<LoadBalancer><Server name="a">\n<IsEnabled>maybe</IsEnabled></Server></LoadBalancer>', 3, "InvalidValue"),
        ('<LoadBalancer><Server name="a"><IsFallback>true</IsFallback></Server>\n<Server name="b"><IsFallback>true'
         "</IsFallback></Server></LoadBalancer>", 3, "InvalidValue"),
        ('<LoadBalancer><Server name="a"/><ServerUnhealthyResponse>\n<ResponseCode>5xx</ResponseCode>'
         "</ServerUnhealthyResponse></LoadBalancer>", 3, "InvalidValue"),
        ('<LoadBalancer><Server name="a"/></LoadBalancer>\n<HealthMonitor><TCPMonitor/></HealthMonitor>', 3,
         "MissingInterval"),
        ('<LoadBalancer><Server name="a"/></LoadBalancer>\n<HealthMonitor><IntervalInSec>1</IntervalInSec>'
         "</HealthMonitor>", 3, "InvalidHealthMonitor"),
        ("<SSLInfo><Enabled>true</Enabled><ClientAuthEnabled>true</ClientAuthEnabled></SSLInfo>", 2,
         "KeyStoreNotSpecified"),
        ("<SSLInfo><Enabled>true</Enabled><ClientAuthEnabled>true</ClientAuthEnabled><KeyStore>k</KeyStore></SSLInfo>",
         2, "KeyAliasNotSpecified"),
        ("<Authentication/>", 2, "InvalidAuthentication"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_an_error_at_its_line(content: str, line: int, name: str) -> None:
    _, findings = read(content)
    assert (line, name) in [(finding.line, finding.name) for finding in findings.errors]


def test_an_unknown_element_is_a_warning_with_a_suggestion() -> None:
    _, findings = read("<Url>https://a</Url>")
    assert str(findings.items[0]).endswith(
        "<Url> has no meaning in <HTTPTargetConnection> and is ignored. Did you mean URL?"
    )


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("<APIProxy>a</APIProxy><ProxyEndpoint>b</ProxyEndpoint>", []),
        ("<Path>/a/{b}</Path>", []),
        ("<APIProxy>a</APIProxy>", ["ConnectionInfoMissing"]),
        ("", ["ConnectionInfoMissing"]),
    ],
)
def test_a_local_target_names_a_proxy_or_a_path(content: str, names: list[str]) -> None:
    findings = Findings()
    xml = f"<LocalTargetConnection>{content}</LocalTargetConnection>"
    read_local_target(parse_xml(xml.encode(), "f"), findings)
    assert [finding.name for finding in findings.errors] == names
