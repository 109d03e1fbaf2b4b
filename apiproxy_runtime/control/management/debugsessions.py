"""Debug sessions: the transactions of a deployed revision, recorded for a time.

Source: docs.cloud.google.com/apigee, REST resource organizations.environments.apis.revisions.debugsessions.
"""

from __future__ import annotations

from aiohttp import web

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.documents import Document
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.management.call import ENVIRONMENT, Call, Route, number_of
from apiproxy_runtime.control.trace.session import COUNT, TIMEOUT, Session
from apiproxy_runtime.control.trace.trace import Trace
from apiproxy_runtime.control.trace.transactionjson import message_json


def routes(host: Host, trace: Trace) -> list[Route]:
    """The routes, over the recordings of a host. Clients of Edge name a session themselves."""
    names: dict[str, str] = {}

    def sessions(call: Call) -> dict[str, Session]:
        """Those of the revision in the path, by the name that clients call them."""
        place = call.environment, call.part("api"), call.part("revision")
        for name in [name for name, id_ in names.items() if id_ not in trace.sessions]:
            del names[name]
        return {
            name: session
            for name, id_ in names.items()
            if ((session := trace.sessions[id_]).environment, session.proxy, session.revision) == place
        }

    def found(call: Call) -> Session:
        session = sessions(call).get(call.part("session"))
        if session is None:
            raise Refused(
                404,
                "messaging.runtime.DebugSessionDoesNotExist",
                f"there is no debug session {call.part('session')!r}, or it has expired",
            )
        return session

    async def begin(call: Call) -> web.Response:
        form = await call.form()
        document = await call.document() if call.request.content_type == "application/json" else {}
        wanted = {**document, **form}
        runtime = host.runtimes.get(call.environment)
        program = runtime.router.proxies.get(call.part("api")) if runtime is not None else None
        if runtime is None or program is None or program.deployment.revision != call.part("revision"):
            raise Refused(
                404,
                "distribution.RevisionNotDeployed",
                f"revision {call.part('revision')} of {call.part('api')!r} is not deployed in {call.environment!r}",
            )
        count = min(max(number_of(wanted.get("count"), COUNT), 1), COUNT)
        timeout = min(max(number_of(str(wanted.get("timeout", "")).removesuffix("s"), TIMEOUT), 1), TIMEOUT)
        session = trace.open(runtime, call.part("api"), count, timeout)
        name = str(wanted.get("session") or wanted.get("name") or session.id)
        names[name] = session.id
        await trace.gather()
        return call.answer(shown(name, session), 201)

    def shown(name: str, session: Session) -> Document:
        return {
            "name": name,
            "count": session.count,
            "timeout": str(session.timeout),
            "createTime": int(session.started * 1000),
            "apiProxy": session.proxy,
            "apiProxyRevisionId": session.revision,
            "environmentId": session.environment,
        }

    async def list_all(call: Call) -> web.Response:
        known = sessions(call)
        if call.edge:
            return call.answer(list(known))
        items = [
            {"id": name, "apiProxyRevisionId": session.revision, "createTime": int(session.started * 1000)}
            for name, session in known.items()
        ]
        return call.answer({"sessions": items})

    async def get(call: Call) -> web.Response:
        return call.answer(shown(call.part("session"), found(call)))

    async def end(call: Call) -> web.Response:
        trace.close(found(call).id)
        return call.answer({})

    async def transactions(call: Call) -> web.Response:
        """The ids of the transactions so far; X's are the ids of "sessions"."""
        session = found(call)
        await trace.gather()
        ids = [transaction.id for transaction in session.transactions()]
        return call.answer(ids if call.edge else {"sessions": [{"id": id_} for id_ in ids]})

    async def transaction(call: Call) -> web.Response:
        session = found(call)
        await trace.gather()
        for recorded in session.transactions():
            if recorded.id == call.part("transaction"):
                return call.answer(message_json(recorded))
        raise Refused(
            404,
            "messaging.runtime.DebugDataDoesNotExist",
            f"the session has no transaction {call.part('transaction')!r}",
        )

    place = f"{ENVIRONMENT}/apis/{{api}}/revisions/{{revision}}/debugsessions"
    one = f"{place}/{{session}}"
    return [
        ("GET", place, list_all),
        ("POST", place, begin),
        ("GET", one, get),
        ("DELETE", one, end),
        ("DELETE", f"{one}/data", end),
        ("GET", f"{one}/data", transactions),
        ("GET", f"{one}/data/{{transaction}}", transaction),
    ]
