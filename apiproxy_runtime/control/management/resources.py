"""The parts of a revision, one by one: policies, endpoints, flows and resource files, as apigeetool uploads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath

from aiohttp import web

from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.bundle.xml import Node, XmlError, parse_xml
from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.form import file_of
from apiproxy_runtime.control.management.call import BUNDLE, Call, Route
from apiproxy_runtime.control.management.revisiondocument import read
from apiproxy_runtime.control.management.revisions import find, found
from apiproxy_runtime.control.organization import Revision

#: folder of a part → the root element of its files (policies have many) and how a bundle lists them
_PARTS: dict[str, tuple[str, Callable[[Bundle], dict[str, Node]]]] = {
    "policies": ("", lambda bundle: {name: policy.node for name, policy in bundle.policies.items()}),
    "proxies": ("ProxyEndpoint", lambda bundle: {proxy.name: proxy.node for proxy in bundle.proxies}),
    "targets": (
        "TargetEndpoint",
        lambda bundle: {name: target.node for name, target in bundle.targets.items()},
    ),
    "sharedflows": ("SharedFlow", lambda bundle: {flow.name: flow.node for flow in bundle.shared_flows}),
}


# ---- XML: policies, endpoints, flows


def _parts(call: Call, revision: Revision) -> dict[str, Node]:
    bundle = read(revision)
    return _PARTS[call.part("part")][1](bundle) if bundle is not None else {}


async def list_parts(call: Call) -> web.Response:
    return call.answer(list(_parts(call, found(call))))


async def get_part(call: Call) -> web.Response:
    """JSON, or the file as it is for a client that accepts XML alone."""
    revision = found(call)
    node = _part(call, revision)
    if "xml" in call.request.headers.get("Accept", ""):
        return web.Response(body=revision.files.read(node.file), content_type="application/xml")
    return call.answer(_described(call.part("part"), call.part("item"), node))


def _part(call: Call, revision: Revision) -> Node:
    node = _parts(call, revision).get(call.part("item"))
    if node is None:
        noun, item = call.part("part"), call.part("item")
        raise Refused(
            404,
            "messaging.config.beans.DoesNotExist",
            f"revision {revision.number} of {revision.name!r} has no {item!r} among its {noun}",
        )
    return node


def _described(part: str, name: str, node: Node) -> Document:
    if part == "policies":
        return {
            "policyType": node.tag,
            "name": name,
            "displayName": node.child_text("DisplayName", name),
            "enabled": node.attributes.get("enabled", "true") == "true",
            "async": node.attributes.get("async", "false") == "true",
            "continueOnError": node.attributes.get("continueOnError", "false") == "true",
        }
    described: Document = {"name": name, "description": node.child_text("Description", "")}
    flows = node.child("Flows")
    described["flows"] = [flow.name for flow in flows.all("Flow")] if flows is not None else []
    if part == "proxies":
        connection = node.child("HTTPProxyConnection")
        hosts = connection.all("VirtualHost") if connection is not None else ()
        described["connection"] = {
            "basePath": (connection.child_text("BasePath", "/") if connection else "/").strip(),
            "connectionType": "httpConnection",
            # proxies for X name none; the traffic port is the one that serves them
            "virtualHost": [host.text.strip() for host in hosts] or ["default"],
        }
        described["routeRule"] = [
            {
                "name": rule.name,
                "condition": rule.child_text("Condition", ""),
                "targetEndpoint": rule.child_text("TargetEndpoint", ""),
            }
            for rule in node.all("RouteRule")
        ]
        described["type"] = "Proxy"
    if part == "targets":
        connection = node.child("HTTPTargetConnection")
        described["connection"] = {
            "connectionType": "httpConnection",
            "uRL": (connection.child_text("URL", "") if connection else "").strip(),
        }
        described["type"] = "Target"
    return described


async def put_part(call: Call) -> web.Response:
    """Add a part or replace the one of that name.

    The name is the path's, `?name=`, or that of the root element. XML that cannot be read is refused at once; whether
    it can be run shows when it is deployed, or here if the revision is deployed already.
    """
    part = call.part("part")
    root, listed = _PARTS[part]
    content = await file_of(call.request)
    try:
        node = parse_xml(
            content, f"{call.kind}/{part}/{call.part('item') or call.request.query.get('name', '?')}"
        )
    except XmlError as error:
        raise Refused(400, "InvalidXml", str(error)) from None
    name = call.part("item") or call.request.query.get("name") or node.name or ""
    if root and node.tag != root:
        raise Refused(400, "BadBundle", f"the root element must be <{root}>, not <{node.tag}>")
    async with call.host.change() as draft:
        revision = find(draft, call.kind, call.part("name"), call.part("revision"))
        bundle = read(revision)
        known = listed(bundle).get(node.name or name) if bundle is not None else None
        path = known.file if known is not None else f"{call.kind}/{part}/{_file_name(name)}.xml"
        draft.edit_revision(revision, path, content)
    return call.answer(_described(part, node.name or name, node), 200 if call.part("item") else 201)


async def delete_part(call: Call) -> web.Response:
    async with call.host.change() as draft:
        revision = find(draft, call.kind, call.part("name"), call.part("revision"))
        node = _part(call, revision)
        draft.edit_revision(revision, node.file, None)
    return call.answer(_described(call.part("part"), call.part("item"), node))


def _file_name(name: str) -> str:
    if not name or "/" in name or name in (".", ".."):
        raise Refused(
            400, "InvalidName", f"{name!r} cannot be the name of a file: give the root element a name"
        )
    return name


# ---- resource files


def resource_path(type_: str, name: str) -> str:
    """TYPE/NAME. Raises Refused for what would lie elsewhere."""
    path = PurePosixPath(f"{type_}/{name}")
    if not type_ or not name or "/" in type_ or "\\" in f"{type_}{name}" or {"..", "."} & set(path.parts):
        raise Refused(
            400,
            "InvalidName",
            f"a resource needs a type and a name (?type=jsc&name=a.js), not {type_}/{name}",
        )
    return str(path)


async def list_resources(call: Call) -> web.Response:
    bundle = read(found(call))
    resources = sorted(bundle.resources) if bundle is not None else []
    if call.part("files") == "resourcefiles":
        return call.answer({"resourceFile": [{"name": name, "type": type_} for type_, name in resources]})
    return call.answer([f"{type_}://{name}" for type_, name in resources])


async def create_resource(call: Call) -> web.Response:
    query = call.request.query
    return await _put_resource(call, query.get("type", ""), query.get("name", ""), 201)


async def update_resource(call: Call) -> web.Response:
    return await _put_resource(call, call.part("type"), call.part("item"), 200)


async def _put_resource(call: Call, type_: str, name: str, status: int) -> web.Response:
    content = await file_of(call.request)
    path = resource_path(type_, name)
    async with call.host.change() as draft:
        revision = find(draft, call.kind, call.part("name"), call.part("revision"))
        draft.edit_revision(revision, f"{call.kind}/resources/{path}", content)
    return call.answer({"name": name, "type": type_}, status)


def _resource(call: Call, revision: Revision) -> str:
    path = f"{revision.kind}/resources/{resource_path(call.part('type'), call.part('item'))}"
    if path not in revision.files.content:
        raise Refused(
            404,
            "messaging.config.beans.ResourceDoesNotExist",
            f"revision {revision.number} of {revision.name!r} has no {call.part('type')}://{call.part('item')}",
        )
    return path


async def get_resource(call: Call) -> web.Response:
    revision = found(call)
    content = revision.files.read(_resource(call, revision))
    return web.Response(body=content, content_type="application/octet-stream")


async def delete_resource(call: Call) -> web.Response:
    async with call.host.change() as draft:
        revision = find(draft, call.kind, call.part("name"), call.part("revision"))
        draft.edit_revision(revision, _resource(call, revision), None)
    return call.answer({"name": call.part("item"), "type": call.part("type")})


_REVISION = f"{BUNDLE}/revisions/{{revision}}"
_PART = f"{_REVISION}/{{part:{'|'.join(_PARTS)}}}"
_FILES = f"{_REVISION}/{{files:resources|resourcefiles}}"
_FILE = f"{_FILES}/{{type}}/{{item:.+?}}"
ROUTES: list[Route] = [
    ("GET", _PART, list_parts),
    ("POST", _PART, put_part),
    ("GET", f"{_PART}/{{item}}", get_part),
    ("POST", f"{_PART}/{{item}}", put_part),
    ("PUT", f"{_PART}/{{item}}", put_part),
    ("DELETE", f"{_PART}/{{item}}", delete_part),
    ("GET", _FILES, list_resources),
    ("POST", _FILES, create_resource),
    ("GET", _FILE, get_resource),
    ("POST", _FILE, update_resource),
    ("PUT", _FILE, update_resource),
    ("DELETE", _FILE, delete_resource),
]
