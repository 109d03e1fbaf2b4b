"""`<SSLInfo>` → the TLS profile of a call.

An https URL uses TLS even when the block is disabled (then the block is ignored). Without `Enforce` Apigee checks a
target's certificate only against a truststore; with it, always. Source: API proxy configuration reference, TLS/SSL.
"""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_runtime.bundle.model import SSLInfo
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.gateway.http.tlsprofile import TlsProfile
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.policy.site import Site

MakeTls = Callable[[MessageContext, str | None], TlsProfile | None]


def compile_tls(info: SSLInfo | None, site: Site, common_name: str | None) -> MakeTls | None:
    """What makes the profile for one call; None when the defaults do. The second argument is `target.expectedcn`."""
    if info is None or (info.enabled or "").strip().lower() == "false":
        return None
    texts = (info.enabled, info.client_auth_enabled, info.key_store, info.key_alias, info.trust_store)
    if not any("{" in (text or "") for text in texts):
        profile = _profile(info, site, common_name, texts)

        def fixed(ctx: MessageContext, expected_cn: str | None) -> TlsProfile | None:
            return _with_common_name(profile, expected_cn)

        return fixed
    renders = [
        site.template(text, info.node)
        if isinstance(info.node, Node) and text
        else (lambda ctx, text=text: text or "")
        for text in texts
    ]
    known: dict[tuple[str, ...], TlsProfile] = {}

    def rendered(ctx: MessageContext, expected_cn: str | None) -> TlsProfile | None:
        key = tuple(render(ctx) for render in renders)
        if key[0].strip().lower() == "false":
            return None
        if key not in known:
            known[key] = _profile(info, site, common_name, key)
        return _with_common_name(known[key], expected_cn)

    return rendered


def _with_common_name(profile: TlsProfile, name: str | None) -> TlsProfile:
    if not name:
        return profile
    return TlsProfile(
        verify=profile.verify,
        authorities=profile.authorities,
        certificate=profile.certificate,
        key=profile.key,
        key_password=profile.key_password,
        protocols=profile.protocols,
        ciphers=profile.ciphers,
        common_name=name,
        wildcard=profile.wildcard,
    )


def _profile(info: SSLInfo, site: Site, common_name: str | None, texts: tuple[str | None, ...]) -> TlsProfile:
    _, client_auth, key_store, key_alias, trust_store = texts
    environment = site.environment
    trusted = environment.keystore(trust_store) if trust_store else None
    if trust_store and trusted is None:
        _missing(info, site, "TrustStore", trust_store)
    certificate = key = password = ""
    if (client_auth or "").strip().lower() == "true" and key_store:
        store = environment.keystore(key_store)
        alias = store.aliases.get(key_alias or "") if store is not None else None
        if store is None:
            _missing(info, site, "KeyStore", key_store)
        elif alias is None:
            _missing(info, site, "KeyAlias", f"{key_store}/{key_alias}")
        else:
            certificate, key, password = alias.certificates, alias.key or "", alias.password or ""
    enforce = (info.enforce or "").strip().lower() == "true"
    ignore = (info.ignore_validation_errors or "").strip().lower() == "true"
    return TlsProfile(
        verify=enforce or (trusted is not None and not ignore),
        authorities=(trusted.certificates,) if trusted is not None else (),
        certificate=certificate,
        key=key,
        key_password=password,
        protocols=info.protocols,
        ciphers=info.ciphers,
        common_name=info.common_name or common_name or "",
        wildcard=info.common_name_wildcard_match,
    )


def _missing(info: SSLInfo, site: Site, element: str, name: str) -> None:
    site.findings.warning(
        info.node,
        f"{element}NotFound",
        f'<{element}> names "{name}", which the environment "{site.environment.name}" does not have',
        "Put its PEM files under keystores/ in the environment's folder.",
    )
