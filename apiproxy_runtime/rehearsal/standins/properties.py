"""Property sets that a bundle reads and nobody has."""

from __future__ import annotations

import re
from collections.abc import Iterator

from apiproxy_runtime.bundle.model import Bundle
from apiproxy_runtime.rehearsal.generate.lookups import Part
from apiproxy_runtime.rehearsal.standins.asked import Asked, StandIns
from apiproxy_runtime.rehearsal.standins.uses import Uses

_REFERENCE = re.compile(r"\bpropertyset\.([\w-]+)\.([\w-]+(?:\.[\w-]+)*)")
_TEXTS = (".xml", ".js", ".py", ".xsl", ".xslt", ".json", ".txt")


def make(asked: Asked, made: StandIns) -> None:
    """A set as a whole: one that is there is left as it is, whatever it lacks."""
    uses = Uses(asked.bundles, asked.origins)
    missing: dict[str, dict[str, str]] = {}
    for bundle in asked.bundles:
        own = {resource.name.removesuffix(".properties") for resource in bundle.resources_of("properties")}
        for name, key in (*_references(bundle), *_reads(asked, bundle)):
            if name not in own and name not in asked.environment.property_sets:
                variable = f"propertyset.{name}.{key}"
                value = uses.value((variable, f"private.{variable}"), key)
                missing.setdefault(name, {})[key] = value
    made.properties.update(missing)
    made.told.extend(f"the property set {name} ({', '.join(held)})" for name, held in missing.items())


def _references(bundle: Bundle) -> Iterator[tuple[str, str]]:
    for file in bundle.files:
        if file.lower().endswith(_TEXTS):
            for match in _REFERENCE.finditer(bundle.source.read(file).decode("utf-8", "replace")):
                yield match[1], match[2]


def _reads(asked: Asked, bundle: Bundle) -> Iterator[tuple[str, str]]:
    """What ReadPropertySet policies read."""
    for policy in bundle.policies.values():
        for read in policy.node.walk() if policy.element == "ReadPropertySet" else ():
            name, key = read.child("Name"), read.child("Key")
            if name is None or key is None:
                continue
            found = [
                asked.origins.constant(Part(node.attributes.get("ref", "").strip(), node.text.strip()))
                for node in (name, key)
            ]
            if found[0] and found[1]:
                yield found[0], found[1]
