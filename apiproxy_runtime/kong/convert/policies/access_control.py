"""AccessControl → ip-restriction, and CORS → cors."""

from __future__ import annotations

from ipaddress import ip_network

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.kong.convert.matcher import METHODS
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import static


def access_control(site: Attachment) -> Outcome:
    """Ordered rules become lists only when all of them allow, or all deny, and the rest is the other way."""
    root = site.policy.node
    rules = root.child("IPRules")
    if rules is None:
        return Outcome("drop", "it has no rules: everybody is let in")
    found = [
        (rule.attributes.get("action", "ALLOW").upper(), source)
        for rule in rules.all("MatchRule")
        for source in rule.all("SourceAddress")
    ]
    actions = {action for action, _ in found}
    otherwise = rules.attributes.get("noRuleMatchAction", "ALLOW").upper()
    networks: list[str] = []
    unknown: list[str] = []
    for _, source in found:
        network = _network(source, site)
        if network is None:
            unknown.append(source.text.strip())
        else:
            networks.append(network)
    why = ""
    if unknown:
        why = f"addresses that are only known at run time: {', '.join(unknown)}"
    elif len(actions) > 1:
        why = "rules that allow and rules that deny, in an order; Kong looks at deny first"
    elif actions == {"ALLOW"} and otherwise == "ALLOW":
        return Outcome("drop", "everybody is let in: the rules allow, and so does noRuleMatchAction")
    elif (actions == {"DENY"} and otherwise == "DENY") or (not actions and otherwise == "DENY"):
        networks, actions = ["0.0.0.0/0", "::/0"], {"DENY"}
    if why:
        return Outcome(
            "manual",
            why,
            lost=(f"restrict addresses by hand ({why}); until then EVERY address is let in",),
            cases=("a call from an address that is denied",),
        )
    differences = [
        '403 {"message":"IP address not allowed: …"} in place of the fault',
        "Apigee judges X-Forwarded-For by itself; Kong does so only with real_ip_header and trusted_ips set",
    ]
    variable = root.child_text("ClientIPVariable")
    lost = (f"the address comes from {variable}; Kong takes that of the connection",) if variable else ()
    key = "allow" if actions == {"ALLOW"} else "deny"
    return Outcome(
        "partial",
        f"ip-restriction with {len(networks)} networks to {key}",
        (Plugin("ip-restriction", {key: networks}),),
        lost,
        tuple(differences),
        ("a call from an address that is denied", "X-Forwarded-For with two addresses"),
        fails_closed=True,
    )


def _network(source: Node, site: Attachment) -> str | None:
    address = static(source.text.strip(), site)
    mask = static(source.attributes.get("mask", ""), site)
    try:
        return str(ip_network(f"{address}/{mask}" if mask else f"{address}", strict=False))
    except ValueError:
        return None


def cors(site: Attachment) -> Outcome:
    """Origins, methods and headers that are literal."""
    root = site.policy.node
    lost: list[str] = []

    def listed(tag: str, default: str) -> list[str]:
        written = root.child_text(tag, default)
        text = static(written, site)
        if text is None:
            lost.append(f"<{tag}> from {written}, which is only known at run time")
            return []
        return [part.strip() for part in text.split(",") if part.strip()]

    config: Config = {}
    if root.child_text("AllowOrigins") == "{request.header.origin}":
        origins = [".*"]  # the form of which Kong sends back the one that fits
    else:
        origins = listed("AllowOrigins", "")
    if not origins:
        return Outcome(
            "manual", "the origins are only known at run time", lost=tuple(lost) or ("no origins",)
        )
    config["origins"] = origins
    methods = listed("AllowMethods", "GET, POST, HEAD, OPTIONS")
    config["methods"] = list(METHODS) if "*" in methods else [item for item in METHODS if item in methods]
    if not config["methods"]:
        del config["methods"]
    for tag, key, default in (
        (
            "AllowHeaders",
            "headers",
            "Origin, Accept, X-Requested-With, Content-Type, "
            "Access-Control-Request-Method, Access-Control-Request-Headers",
        ),
        ("ExposeHeaders", "exposed_headers", ""),
    ):
        names = listed(tag, default)
        if names and names != ["*"]:
            config[key] = names
    config["credentials"] = root.child_text("AllowCredentials", "false").lower() == "true"
    age = root.child_text("MaxAge", "1800")
    if age.isdigit():
        config["max_age"] = int(age)
    config["allow_origin_absent"] = False
    config["preflight_continue"] = root.child_text("GeneratePreflightResponse", "true").lower() == "false"
    differences = [
        "Kong answers every preflight with 200 and the configured lists; Apigee leaves them out when the method or "
        "header is not allowed",
    ]
    if len(origins) == 1 and origins[0] not in ("*", ".*"):
        differences.append("with one plain origin Kong sends it to whatever Origin asks")
    return Outcome(
        "partial",
        "cors with the same lists",
        (Plugin("cors", config),),
        tuple(lost),
        tuple(differences),
        ("a preflight", "a preflight from another origin", "a call without Origin"),
    )


CONVERTERS = {"AccessControl": access_control, "CORS": cors}
