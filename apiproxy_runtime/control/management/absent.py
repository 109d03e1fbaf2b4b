"""What Apigee's management API has and a local runtime has not, and what to do instead."""

from __future__ import annotations

from apiproxy_runtime.control.answer import Refused
from apiproxy_runtime.control.management.call import Call

#: A word of the path, and what is said of it.
_INSTEAD = {
    "addonsConfig": "there are no add-ons to switch",
    "analytics": "GET /v1/emulator/analytics has what was collected",
    "appgroups": "apps belong to developers here: use developers/EMAIL/apps",
    "audits": "event hooks tell of every deploy, see /event-hooks",
    "cachedlogs": "what scripts print is on the trace page and in debug sessions",
    "companies": "apps belong to developers here: use developers/EMAIL/apps",
    "endpointAttachments": "targets are reached as this machine reaches them",
    "instances": "this process is the only instance",
    "keystores": "of a keystore there are its aliases and their certificates",
    "queries": "/metrics has counts and durations of requests",
    "rateplans": "there is no monetization here",
    "reports": "/metrics has counts and durations of requests",
    "resourcefiles": "resource files belong to environments here: use environments/ENV/resourcefiles",
    "roles": "whoever reaches the control port, and has its token, may do everything",
    "securityActions": "there is no Advanced API Security here",
    "spaces": "proxies and products need no space here",
    "stats": "/metrics has counts and durations of requests",
    "subscriptions": "there is no monetization here",
    "traceConfig": "spans are sent where OTEL_EXPORTER_OTLP_ENDPOINT says",
    "userroles": "whoever reaches the control port, and has its token, may do everything",
    "users": "whoever reaches the control port, and has its token, may do everything",
}

_THERE = (
    "apis, sharedflows, deployments, environments, envgroups, targetservers, keyvaluemaps, caches, keystores, references, "
    "resourcefiles, flowhooks, virtualhosts, debugmask, maskconfigs, datacollectors, archiveDeployments, apiproducts, "
    "developers, apps, debugsessions"
)


def refusal_of(call: Call) -> Refused:
    """For a path or method that nothing else takes."""
    request = call.request
    words = request.path.replace(":", "/").split("/")
    told = next((_INSTEAD[word] for word in reversed(words) if word in _INSTEAD), None)
    return Refused(
        404,
        "NotFound",
        f"this local runtime has no {request.method} {request.path}: {told or f'there are {_THERE}'}",
    )
