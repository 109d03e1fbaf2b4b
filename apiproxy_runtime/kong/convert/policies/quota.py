"""Quota and SpikeArrest → rate-limiting, where a calendar window means the same."""

from __future__ import annotations

import re

from apiproxy_runtime.bundle.model import PolicySource
from apiproxy_runtime.kong.convert.outcome import Attachment, Config, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import header_of

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}
_WINDOWS = {1: "second", 60: "minute", 3600: "hour", 86400: "day"}
_RATE = re.compile(r"\s*(\d+)\s*(ps|pm)\s*")
_CLIENT = re.compile(r"(^|\.)(client_id|apikey|developer\.app\.name|app\.name|app\.id)$", re.IGNORECASE)


def limit_by(reference: str) -> Config | None:
    """Whose calls are counted together; None when Kong cannot count so. `service` counts everybody's together."""
    if not reference:
        return {"limit_by": "service"}
    header = header_of(reference)
    if header is not None:
        return {"limit_by": "header", "header_name": header}
    if reference in ("client.ip", "proxy.client.ip", "client.resolved.ip"):
        return {"limit_by": "ip"}
    if _CLIENT.search(reference) or reference == "request.queryparam.apikey":
        return {"limit_by": "consumer"}
    return None


def quota(site: Attachment) -> Outcome:
    """A literal limit over one calendar unit can be said; the rest of the policy's wealth cannot."""
    policy = site.policy
    node, text = policy.node, policy.node.child_text
    allow = node.child("Allow")
    count = (allow.attributes.get("count", "") if allow is not None else "").strip()
    count_ref = (allow.attributes.get("countRef", "") if allow is not None else "").strip()
    why = []
    if node.child("UseQuotaConfigInAPIProduct") is not None:
        why.append("the limit is the API product's")
    elif count_ref and not count.isdigit():
        why.append(f"the limit comes from {count_ref}")
    if (allow is not None and allow.child("Class") is not None) or node.child("Class") is not None:
        why.append("limits differ by class")
    if node.child("MessageWeight") is not None:
        why.append("messages have weights")
    if text("CountOnly") == "true" or text("EnforceOnly") == "true":
        why.append("counting and enforcing are apart")
    interval, unit = _literal(policy, "Interval", "1"), _literal(policy, "TimeUnit", "")
    window = _window(interval, unit)
    if window is None:
        why.append(f"Kong has no window of {interval or 'a variable number of'} {unit or 'time unit'}s")
    identifier = node.child("Identifier")
    reference = identifier.attributes.get("ref", "").strip() if identifier is not None else ""
    counted = limit_by(reference)
    if counted is None:
        why.append(f"calls are counted by {reference}")
    if why or window is None or counted is None:
        reason = "; ".join(why)
        return Outcome(
            "manual",
            f"rate-limiting cannot say this: {reason}",
            lost=(f"write a rate limit by hand ({reason}); until then NOTHING limits these calls",),
            cases=("one call more than the limit",),
        )
    kind = node.attributes.get("type", "")
    differences = [
        "Kong's windows are those of the UTC calendar",
        "counters are per Kong node (policy: local)",
    ]
    if kind in ("rollingwindow", "flexi") or node.child("StartTime") is not None:
        differences.insert(
            0, f"{kind or 'a StartTime'} begins its window elsewhere: bursts around its edge differ"
        )
    if count_ref:
        differences.insert(0, f"{count_ref} may overrule the limit of {count} on Apigee")
    limit = int(count) if count.isdigit() else 2000
    if limit < 1:
        return Outcome(
            "manual",
            "a limit of 0 refuses every call; rate-limiting needs at least 1",
            lost=("refuse these calls with request-termination",),
        )
    config: Config = {window: limit, **counted, "policy": "local", "fault_tolerant": True}
    config["hide_client_headers"] = False
    return Outcome(
        "partial",
        f"rate-limiting of {limit} per {window}",
        (Plugin("rate-limiting", config),),
        differences=tuple(differences),
        cases=("one call more than the limit", "calls around the end of the window"),
        fails_closed=True,
    )


def _literal(policy: PolicySource, tag: str, default: str) -> str:
    node = policy.node.child(tag)
    return node.text.strip() if node is not None else default


def _window(interval: str, unit: str) -> str | None:
    if not interval.isdigit():
        return None
    if unit in ("month", "year") and interval == "1":
        return unit
    return _WINDOWS.get(int(interval) * _SECONDS[unit]) if unit in _SECONDS else None


def spike_arrest(site: Attachment) -> Outcome:
    """The same number in the same unit: never divided, for 30 a minute would become 0 a second."""
    node = site.policy.node
    rate = node.child("Rate")
    written = _RATE.fullmatch(rate.text) if rate is not None else None
    identifier = node.child("Identifier")
    reference = identifier.attributes.get("ref", "").strip() if identifier is not None else ""
    counted = limit_by(reference)
    why = []
    if rate is None or written is None or rate.attributes.get("ref"):
        why.append("the rate comes from a variable")
    if counted is None:
        why.append(f"calls are counted by {reference}")
    if node.child("MessageWeight") is not None:
        why.append("messages have weights")
    if why or written is None or counted is None:
        reason = "; ".join(why)
        return Outcome(
            "manual",
            f"rate-limiting cannot say this: {reason}",
            lost=(f"write a rate limit by hand ({reason}); until then NOTHING limits these calls",),
        )
    window = "second" if written[2] == "ps" else "minute"
    config: Config = {window: int(written[1]), **counted, "policy": "local", "fault_tolerant": True}
    config["hide_client_headers"] = False
    return Outcome(
        "partial",
        f"rate-limiting of {written[1]} per {window}",
        (Plugin("rate-limiting", config),),
        differences=(f"Apigee spaces calls evenly over the {window}; Kong lets them come all at once",),
        cases=("a burst of two calls", "a steady rate just below the limit"),
        fails_closed=True,
    )


CONVERTERS = {"Quota": quota, "SpikeArrest": spike_arrest}
