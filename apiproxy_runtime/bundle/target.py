"""Where a call goes out: HTTPTargetConnection, LocalTargetConnection and what stands in them.

Target endpoints and the policies that call out (ServiceCallout and its like) write the same elements; both read
them here. What is missing for a kind of caller is the caller's finding to make.
"""

from __future__ import annotations

from typing import Literal

from apiproxy_runtime.bundle.elements import (
    boolean,
    check_children,
    child_boolean,
    child_integer,
    only_child,
    read_properties,
    text_of,
)
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.loadbalancer import read_health_monitor, read_load_balancer
from apiproxy_runtime.bundle.model import (
    Authentication,
    HTTPTargetConnection,
    LocalTargetConnection,
    SSLInfo,
)
from apiproxy_runtime.bundle.xml import Node

_HTTP_TARGET = (
    "URL",
    "LoadBalancer",
    "Path",
    "HealthMonitor",
    "SSLInfo",
    "Authentication",
    "Properties",
    "CommonName",
    "Description",
)
_SSL_INFO = (
    "Enabled",
    "Enforce",
    "KeyStore",
    "KeyAlias",
    "TrustStore",
    "ClientAuthEnabled",
    "IgnoreValidationErrors",
    "Ciphers",
    "Protocols",
    "CommonName",
)
_AUTHENTICATION = ("HeaderName", "GoogleAccessToken", "GoogleIDToken")


def read_http_target(node: Node, findings: Findings) -> HTTPTargetConnection:
    """An `<HTTPTargetConnection>`; neither URL nor LoadBalancer is an error that the caller words."""
    check_children(node, _HTTP_TARGET, findings)
    load_balancer = only_child(node, "LoadBalancer", findings)
    health_monitor = only_child(node, "HealthMonitor", findings)
    ssl_info = only_child(node, "SSLInfo", findings)
    authentication = only_child(node, "Authentication", findings)
    if health_monitor is not None and load_balancer is None:
        findings.warning(
            health_monitor, "InvalidHealthMonitor", "<HealthMonitor> does nothing without a <LoadBalancer>"
        )
    return HTTPTargetConnection(
        node=node,
        url=text_of(only_child(node, "URL", findings)) or None,
        load_balancer=read_load_balancer(load_balancer, findings) if load_balancer is not None else None,
        path=text_of(only_child(node, "Path", findings)) or None,
        health_monitor=read_health_monitor(health_monitor, findings) if health_monitor is not None else None,
        ssl_info=read_ssl_info(ssl_info, findings) if ssl_info is not None else None,
        authentication=read_authentication(authentication, findings) if authentication is not None else None,
        properties=read_properties(node, findings),
        common_name=node.child_text("CommonName"),
    )


def read_local_target(node: Node, findings: Findings) -> LocalTargetConnection:
    """A `<LocalTargetConnection>`: a proxy by name, or a path on this runtime."""
    check_children(node, ("APIProxy", "ProxyEndpoint", "Path", "Description"), findings)
    api_proxy = text_of(only_child(node, "APIProxy", findings)) or None
    proxy_endpoint = text_of(only_child(node, "ProxyEndpoint", findings)) or None
    path = text_of(only_child(node, "Path", findings)) or None
    if path is None and (api_proxy is None or proxy_endpoint is None):
        findings.error(
            node,
            "ConnectionInfoMissing",
            "<LocalTargetConnection> does not say which proxy to call",
            "Write <APIProxy> and <ProxyEndpoint>, or <Path>.",
        )
    return LocalTargetConnection(node, api_proxy, proxy_endpoint, path)


def read_ssl_info(node: Node, findings: Findings) -> SSLInfo:
    """An `<SSLInfo>` with its texts as written, since most may be templates.

    Client authentication without key store or alias is refused as Apigee does (KeyStoreNotSpecified,
    KeyAliasNotSpecified).
    """
    check_children(node, _SSL_INFO, findings)
    common_name = only_child(node, "CommonName", findings)
    info = SSLInfo(
        node=node,
        enabled=node.child_text("Enabled"),
        enforce=node.child_text("Enforce"),
        key_store=node.child_text("KeyStore") or None,
        key_alias=node.child_text("KeyAlias") or None,
        trust_store=node.child_text("TrustStore") or None,
        client_auth_enabled=node.child_text("ClientAuthEnabled"),
        ignore_validation_errors=node.child_text("IgnoreValidationErrors"),
        ciphers=_texts(node.child("Ciphers"), "Cipher", findings),
        protocols=_texts(node.child("Protocols"), "Protocol", findings),
        common_name=text_of(common_name) or None,
        common_name_wildcard_match=_wildcard(common_name, findings),
    )
    if _is_true(info.enabled) and _is_true(info.client_auth_enabled):
        if info.key_store is None:
            findings.error(
                node,
                "KeyStoreNotSpecified",
                "<ClientAuthEnabled> is true but there is no <KeyStore>",
                "Name one.",
            )
        elif info.key_alias is None:
            findings.error(
                node,
                "KeyAliasNotSpecified",
                "<ClientAuthEnabled> is true but there is no <KeyAlias>",
                "Name one.",
            )
    return info


def read_authentication(node: Node, findings: Findings) -> Authentication:
    """An `<Authentication>` with a Google token; anything else in it is a warning."""
    check_children(node, _AUTHENTICATION, findings)
    header = only_child(node, "HeaderName", findings)
    access = only_child(node, "GoogleAccessToken", findings)
    identity = only_child(node, "GoogleIDToken", findings)
    kind: Literal["GoogleAccessToken", "GoogleIDToken"] | None = None
    if access is not None:
        kind = "GoogleAccessToken"
    elif identity is not None:
        kind = "GoogleIDToken"
    if (access is None) == (identity is None):
        findings.error(
            node,
            "InvalidAuthentication",
            "<Authentication> needs either <GoogleAccessToken> or <GoogleIDToken>",
        )
    token = access if access is not None else identity
    audience = identity.child("Audience") if identity is not None else None
    return Authentication(
        kind=kind,
        node=node,
        header_name=text_of(header) or None,
        header_name_ref=_attribute(header, "ref"),
        scopes=_scopes(access, findings),
        lifetime_in_seconds=child_integer(token, "LifetimeInSeconds", findings, 1)
        if token is not None
        else None,
        audience=text_of(audience) or None,
        audience_ref=_attribute(audience, "ref"),
        use_target_url=audience is not None
        and boolean(audience.attributes.get("useTargetUrl"), False, audience, "useTargetUrl", findings),
        include_email=identity is not None and child_boolean(identity, "IncludeEmail", False, findings),
        include_email_ref=_attribute(identity.child("IncludeEmail"), "ref") if identity is not None else None,
    )


def _scopes(access: Node | None, findings: Findings) -> tuple[str, ...]:
    if access is None:
        return ()
    check_children(access, ("Scopes", "LifetimeInSeconds"), findings)
    return tuple(scope for group in access.all("Scopes") for scope in _texts(group, "Scope", findings))


def _texts(node: Node | None, tag: str, findings: Findings) -> tuple[str, ...]:
    """The texts of all children of a list element; empty ones are left out."""
    if node is None:
        return ()
    check_children(node, (tag,), findings)
    return tuple(text for child in node.all(tag) if (text := child.text.strip()))


def _attribute(node: Node | None, name: str) -> str | None:
    value = node.attributes.get(name, "").strip() if node is not None else ""
    return value or None


def _wildcard(common_name: Node | None, findings: Findings) -> bool:
    if common_name is None:
        return False
    text = common_name.attributes.get("wildcardMatch")
    return boolean(text, False, common_name, "the attribute wildcardMatch", findings)


def _is_true(text: str | None) -> bool:
    return text is not None and text.lower() == "true"
