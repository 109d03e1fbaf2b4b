"""L01 … L10: limits of Apigee X."""

from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.rehearsal.readiness import limits
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject

_RATE = re.compile(r"\s*(\d+)\s*(ps|pm)\s*")


def _bundle(subject: Subject) -> Iterator[Hit]:
    total = 0
    for file in subject.bundle.files:
        try:
            size = len(subject.bundle.source.read(file))
        except SourceError:
            continue
        total += size
        if size > limits.RESOURCE_BYTES:
            yield Hit(
                Place(file),
                f"{size:,} bytes; a resource may have {limits.RESOURCE_BYTES:,}",
                severity="blocks",
            )
    if total > limits.BUNDLE_BYTES:
        yield Hit(
            subject.bundle.manifest,
            f"{total:,} bytes unpacked; a zip may have {limits.BUNDLE_BYTES:,}",
        )


def _flows(subject: Subject) -> Iterator[Hit]:
    flows = sum(len(proxy.flows) for proxy in subject.bundle.proxies)
    flows += sum(len(target.flows) for target in subject.bundle.targets.values())
    if flows > limits.FLOWS:
        yield Hit(subject.bundle.manifest, f"{flows} flows; {limits.FLOWS} are allowed")


def _targets(subject: Subject) -> Iterator[Hit]:
    count = len(subject.bundle.targets)
    if count > limits.TARGET_ENDPOINTS:
        yield Hit(subject.bundle.manifest, f"{count} TargetEndpoints; {limits.TARGET_ENDPOINTS} are allowed")


def _timeouts(subject: Subject) -> Iterator[Hit]:
    for connection, policy in subject.connections:
        for name in ("io.timeout.millis", "connect.timeout.millis"):
            value = connection.properties.get(name, "")
            if value.isdigit() and int(value) > limits.TARGET_TIMEOUT_MS:
                yield Hit(
                    connection.node, f"{name} is {value}; {limits.TARGET_TIMEOUT_MS} is the most", policy
                )


def _cache_expiry(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("ResponseCache", "PopulateCache"):
        for node in policy.node.walk():
            text = node.text.strip()
            if node.tag in ("TimeoutInSec", "TimeoutInSeconds") and text.isdigit():
                if int(text) < 1:
                    yield Hit(node, "an expiry below one second", policy)
                elif int(text) > limits.CACHE_SECONDS[1]:
                    yield Hit(node, f"{text} seconds are more than 30 days", policy)


def _property_sets(subject: Subject) -> Iterator[Hit]:
    sets = list(subject.bundle.resources_of("properties"))
    if len(sets) > limits.PROPERTY_SETS:
        yield Hit(subject.bundle.manifest, f"{len(sets)} property sets; {limits.PROPERTY_SETS} are allowed")
    for resource in sets:
        try:
            size = len(resource.read())
        except SourceError:
            continue
        if size > limits.PROPERTY_SET_BYTES:
            yield Hit(
                Place(resource.file), f"{size:,} bytes; a property set may have {limits.PROPERTY_SET_BYTES:,}"
            )


def _token_expiry(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("OAuthV2"):
        for tag, least in (
            ("ExpiresIn", limits.ACCESS_TOKEN_SECONDS),
            ("RefreshTokenExpiresIn", limits.REFRESH_TOKEN_SECONDS),
        ):
            node = policy.node.child(tag)
            text = node.text.strip() if node is not None else ""
            if node is not None and text.isdigit() and int(text) < least * 1000:
                yield Hit(node, f"<{tag}> is {text} ms; {least} s is the least", policy)


def _rates(subject: Subject) -> Iterator[Hit]:
    for policy in subject.policies("SpikeArrest"):
        node = policy.node.child("Rate")
        written = _RATE.fullmatch(node.text) if node is not None else None
        if node is not None and written is not None and int(written[1]) > limits.SPIKE_ARREST[written[2]]:
            yield Hit(
                node,
                f"{written[0].strip()}; {limits.SPIKE_ARREST[written[2]]}{written[2]} is the most",
                policy,
            )


def _maps(subject: Subject) -> Iterator[Hit]:
    used = {
        policy.node.attributes.get("mapIdentifier", "")
        for policy in subject.policies("KeyValueMapOperations")
    }
    for map_ in subject.test_data.maps:
        if map_.name not in used:
            continue
        for key, value in map_.entries.items():
            if len(key.encode()) > limits.KVM_KEY_BYTES or len(value.encode()) > limits.KVM_VALUE_BYTES:
                yield Hit(
                    map_.place, f"the entry {key[:40]} of {map_.name} is too long (key 2 KB, value 10 KB)"
                )


def _urls(subject: Subject) -> Iterator[Hit]:
    for connection, policy in subject.connections:
        if len(connection.url or "") > limits.URL_BYTES:
            yield Hit(connection.node, f"the URL has more than {limits.URL_BYTES} characters", policy)


_ROWS = (
    ("L01", "size of bundle and resources", _bundle, "Take out what is not needed."),
    ("L02", "number of flows", _flows, "Split the proxy."),
    ("L03", "number of TargetEndpoints", _targets, "Split the proxy."),
    ("L04", "timeouts of targets", _timeouts, f"Write {limits.TARGET_TIMEOUT_MS} or less."),
    ("L05", "expiry of cache entries", _cache_expiry, "Keep entries for at most 30 days."),
    ("L06", "property sets", _property_sets, "Split them, or use a key value map."),
    ("L07", "expiry of tokens", _token_expiry, "Let tokens live longer: 180 s, refresh tokens one day."),
    ("L08", "rates of SpikeArrest", _rates, "Write a lower rate."),
    ("L09", "entries of key value maps", _maps, "Split the value."),
    ("L10", "length of URLs", _urls, "Send the data in the body."),
)

CHECKS = tuple(
    Check(id_, "limit", title, "Apigee X refuses what is above its limits", fix, find, limits.DOCS)
    for id_, title, find, fix in _ROWS
)
