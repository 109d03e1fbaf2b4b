"""ServiceCallout → service-callout, ExternalCallout → external-callout: the two plugins that mirror them on Kong."""

from __future__ import annotations

import json
from urllib.parse import quote

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import is_field, is_secret, static, vault

_VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
#: The plugins' own bound; neither can be told another.
_TIMEOUT_MS = 10_000


def service_callout(site: Attachment) -> Outcome:
    """URL, verb, headers and body must be known, or be the client's body."""
    root = site.policy.node
    lost: list[str] = []
    url = _url(root, site, lost)
    if url is None:
        return Outcome(
            "manual",
            "the address is only known at run time",
            lost=(
                *lost,
                "call the service from a plugin of your own, or from request-callout of Kong Enterprise",
            ),
        )
    request = root.child("Request")
    method = "GET"
    headers: dict[str, str] = {}
    query: list[str] = []
    source, shared = "none", ""
    if request is not None:
        for edit in request.children:
            if edit.tag in ("Set", "Add"):
                method = _set(edit, site, method, headers, query, lost)
                source, shared = _body(edit.child("Payload"), source, shared, lost)
            elif edit.tag == "Copy" and edit.attributes.get("source", "request") == "request":
                if edit.child_text("Payload") == "true" or not edit.children:
                    source = "request_body"
                lost += [f"<Copy> of {part.tag}" for part in edit.children if part.tag != "Payload"]
            elif edit.tag not in ("IgnoreUnresolvedVariables",):
                lost.append(f"<{edit.tag}> of the callout's request at line {edit.line}")
        if request.attributes.get("variable") == "request" and source == "none":
            source = "request_body"
            lost.append("the client's verb, headers and query, which go along on Apigee")
        lost += _prepared(request.attributes.get("variable", ""), site)
    if query:
        url = f"{url}{'&' if '?' in url else '?'}{'&'.join(query)}"
    response = root.child_text("Response", "")
    config: Config = {"callout_url": url, "method": method}
    if headers:
        config["headers"] = headers
    config["request_body_source_type"] = source
    if shared:
        config["request_body_source_name"] = shared
    lost += _connection(root)
    _answer(config, site, response or None, "steps.servicecallout.ExecutionFailed", "ServiceCallout")
    timeout = root.child_text("Timeout", "55000")
    variables = {f"{response}.status.code": f"$(shared.{response}.status)"} if response.isidentifier() else {}
    return Outcome(
        "partial",
        "service-callout calls the same address"
        if response
        else "service-callout calls it and waits for nothing",
        (Plugin("service-callout", config),),
        tuple(lost),
        (
            f"it waits {_TIMEOUT_MS // 1000} seconds at most, Apigee {timeout} ms",
            "status 400 and above is a failure; the fault rules of Apigee do not run",
            f"the answer is kong.ctx.shared.{response}, not the message {response}"
            if response
            else "a failed call leaves no trace but a line in the log",
            "it runs after authentication and before rate limits, whatever the flow says",
        ),
        ("the callout answers", "it answers 500", "it does not answer"),
        variables,
    )


def external_callout(site: Attachment) -> Outcome:
    """Apigee speaks gRPC and lets the service change the message; the plugin speaks HTTP and keeps an answer."""
    root = site.policy.node
    connection = root.child("GrpcConnection")
    named = connection.child("Server") if connection is not None else None
    name = (named.name or "") if named is not None else ""
    server = site.landscape.environment.target_servers.get(name)
    scheme = "https" if server is not None and server.uses_tls else "http"
    url = (
        f"{scheme}://{server.host}:{server.port}/"
        if server is not None
        else f"http://{name or 'callout'}.invalid/"
    )
    lost = [
        "give the service an HTTP endpoint: the plugin speaks no gRPC, and the service cannot change the message"
    ]
    if server is None:
        lost.append(f"write the address of the target server {name}, which no environment file holds")
    config: Config = {"callout_url": url, "method": "POST"}
    wanted = {
        node.attributes.get("name", ""): node.text.strip() for node in root.walk() if node.tag == "Property"
    }
    sends = wanted.get("with.request.content", "").lower() == "true"
    config["request_body_source_type"] = "request_body" if sends else "none"
    key = "".join(letter if letter.isalnum() else "_" for letter in site.policy.name)
    _answer(config, site, key, "steps.externalcallout.ExecutionError", "ExternalCallout")
    return Outcome(
        "manual",
        "external-callout calls over HTTP; the gRPC contract and the changes it makes to the message are lost",
        (Plugin("external-callout", config),),
        tuple(lost),
        (f"the answer is in kong.ctx.shared.{key}, and changes nothing by itself",),
        ("the service answers", "the service refuses"),
        fails_closed=True,
    )


def _answer(config: Config, site: Attachment, key: str | None, code: str, element: str) -> None:
    """What to do with the answer and without one; neither matters when nobody waits."""
    config["wait_for_response"] = key is not None
    if key is None:
        return
    config["response_to_shared_context_key"] = key
    config["on_error_continue"] = site.policy.continue_on_error
    if not site.policy.continue_on_error:
        fault = {
            "faultstring": f"Execution of {element} {site.policy.name} failed.",
            "detail": {"errorcode": code},
        }
        config["on_error_status"] = 500
        config["on_error_body"] = json.dumps({"fault": fault}, separators=(",", ":"))


def _url(root: Node, site: Attachment, lost: list[str]) -> str | None:
    connection = root.child("HTTPTargetConnection")
    if connection is None:
        local = root.child("LocalTargetConnection")
        path = local.child_text("Path") if local is not None else None
        lost.append(
            f"call the other proxy of this Kong by its address ({path or 'see LocalTargetConnection'})"
        )
        return None
    written = connection.child_text("URL", "")
    if written:
        url = static(written, site)
        if url is None or "://" not in url:
            lost.append(f"the URL {written}")
            return None
        return url
    balancer = connection.child("LoadBalancer")
    names = [server.name or "" for server in balancer.all("Server")] if balancer is not None else []
    known = [server for name in names if (server := site.landscape.environment.target_servers.get(name))]
    path = static(connection.child_text("Path", ""), site)
    if path is None or not names:
        lost.append(f"the address: {connection.child_text('Path', '') or 'no server is named'}")
        return None
    if not known:
        lost.append(f"write the address of the target server {names[0]}, which no environment file holds")
        return f"http://{names[0]}.invalid{path}"
    if len(names) > 1:
        lost.append(f"the callout is balanced over {', '.join(names)}; only {known[0].name} is called")
    first = known[0]
    default = 443 if first.uses_tls else 80
    port = "" if first.port == default else f":{first.port}"
    return f"{'https' if first.uses_tls else 'http'}://{first.host}{port}{path}"


def _set(
    edit: Node, site: Attachment, method: str, headers: dict[str, str], query: list[str], lost: list[str]
) -> str:
    for group, tag in (("Headers", "Header"), ("QueryParams", "QueryParam")):
        holder = edit.child(group)
        for item in holder.all(tag) if holder is not None else ():
            name, value = item.name or "", static(item.text.strip(), site)
            if value is None or (tag == "Header" and not is_field(name)):
                lost.append(f"the {tag} {name} from {item.text.strip()}: the plugin knows no templates")
            elif tag == "QueryParam":
                query.append(f"{quote(name)}={quote(value)}")
            elif is_secret(name):
                headers[name] = vault(site.proxy.name, site.policy.name, name)
                lost.append(
                    f"put the secret of the header {name} in: the plugin resolves no vault references"
                )
            else:
                headers[name] = value
    for tag in ("FormParams", "Path", "Authentication"):
        if edit.child(tag) is not None:
            lost.append(f"<{tag}> of the callout's request")
    verb = edit.child_text("Verb")
    if verb:
        known = static(verb, site)
        if known is None or known.upper() not in _VERBS:
            lost.append(f"the verb {verb}")
        else:
            return known.upper()
    return method


def _body(payload: Node | None, source: str, shared: str, lost: list[str]) -> tuple[str, str]:
    if payload is None:
        return source, shared
    text = payload.text.strip()
    if text in ("{request.content}", "{message.content}"):
        return "request_body", ""
    if text.startswith("{") and text.endswith("}") and text[1:-1].replace(".", "").replace("_", "").isalnum():
        lost.append(f"put what Apigee calls {text[1:-1]} into kong.ctx.shared, for the callout to send")
        return "shared_context", text[1:-1]
    if text or payload.children:
        lost.append(
            "the body that the policy writes: the plugin sends the client's body or one of kong.ctx.shared"
        )
    return "none", ""


def _prepared(message: str, site: Attachment) -> list[str]:
    """What other policies put into the request's message before the call."""
    makers = [
        policy.name
        for policy in site.bundle.policies.values()
        if policy.element == "AssignMessage"
        and message not in ("", "request")
        and policy.node.child_text("AssignTo", "").strip() == message
    ]
    if not makers:
        return []
    return [
        f"what {', '.join(makers)} puts into the message {message}: verb, path, query, headers and body of this call"
    ]


def _connection(root: Node) -> list[str]:
    connection = root.child("HTTPTargetConnection")
    lost = []
    for node in connection.children if connection is not None else ():
        if node.tag == "SSLInfo" and node.child("KeyStore") is not None:
            lost.append("the client certificate of <SSLInfo>")
        elif node.tag == "Authentication":
            lost.append("the Google token of <Authentication>")
        elif node.tag == "Properties":
            lost += [
                f"the property {item.name}"
                for item in node.all("Property")
                if item.name in ("success.codes", "use.proxy", "supports.http11")
            ]
    return lost


CONVERTERS = {"ServiceCallout": service_callout, "ExternalCallout": external_callout}
