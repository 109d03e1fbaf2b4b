"""X012: quotas that count otherwise on Apigee X."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness import limits
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("Quota"):
        root = policy.node
        distributed = root.child("Distributed")
        if distributed is not None and distributed.text.strip().lower() == "false":
            yield Hit(distributed, "each message processor counts for itself", policy, fix="Write true.")
        synchronous = root.child("Synchronous")
        if synchronous is not None and synchronous.text.strip().lower() == "true":
            yield Hit(
                synchronous,
                "a synchronous counter is asked for each call",
                policy,
                fix=f"Use <AsynchronousConfiguration> with {limits.QUOTA_SYNC_SECONDS} seconds or more.",
            )
        asynchronous = root.child("AsynchronousConfiguration")
        interval = asynchronous.child("SyncIntervalInSeconds") if asynchronous is not None else None
        seconds = interval.text.strip() if interval is not None else ""
        if interval is not None and seconds.isdigit() and int(seconds) < limits.QUOTA_SYNC_SECONDS:
            message = (
                f"counters are brought together every {seconds} s; {limits.QUOTA_SYNC_SECONDS} is the least"
            )
            yield Hit(interval, message, policy, fix=f"Write {limits.QUOTA_SYNC_SECONDS}.")
        unit = root.child("TimeUnit")
        if unit is not None and unit.text.strip().lower() == "second":
            yield Hit(unit, "an interval below one minute", policy, "limit", "Use SpikeArrest for seconds.")


CHECK = Check(
    "X012",
    "changes",
    "how quotas count",
    "counters are kept in another way, and limits are met less exactly",
    "Set <Distributed>true</Distributed> and an asynchronous configuration.",
    _find,
    limits.DOCS,
)
