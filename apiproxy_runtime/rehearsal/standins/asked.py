"""What the makers of stand-ins look at, and what they have made."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from apiproxy_runtime.bundle.entry import entries_of
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.jsonfile import parse_json
from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.bundle.targetserver import read_target_server
from apiproxy_runtime.bundle.testdata import TestData, gather_test_data
from apiproxy_runtime.rehearsal.generate.origins import Origins, origins_of

TARGET_SERVERS = "targetservers.json"


class Asked(Struct, frozen=True, dict=True):
    """Bundles, and the environment they are in with the stand-ins that were made so far."""

    bundles: Sequence[Bundle]
    environment: Environment
    test_data: TestData

    @cached_property
    def origins(self) -> Origins:
        return origins_of(self.bundles, self.environment, self.test_data)

    @property
    def proxies(self) -> list[str]:
        """The names of the API proxies."""
        return list(dict.fromkeys(bundle.name for bundle in self.bundles if bundle.kind == "apiproxy"))

    def policies(self, *elements: str) -> Iterator[PolicySource]:
        """The policies of these elements, in order."""
        for bundle in self.bundles:
            for policy in bundle.policies.values():
                if policy.element in elements:
                    yield policy


class StandIns(Struct, frozen=True):
    """Stand-in data as entries of environment files, so that what runs is what could be written and read.

    documents  entries by the name of the file
    properties property sets by name
    key_sets   addresses that answer with the stand-in public keys
    told       what was made, for people
    """

    documents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    properties: dict[str, dict[str, str]] = field(default_factory=dict)
    key_sets: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.documents or self.properties or self.key_sets)

    def __str__(self) -> str:
        return f"stand-in test data was made: {'; '.join(self.told)} (--no-stand-ins leaves it out)"

    def add(self, file: str, *entries: Mapping[str, Any]) -> None:
        """Have entries of a file."""
        self.documents.setdefault(file, []).extend(map(dict, entries))

    def added_to(self, environment: Environment, test_data: TestData) -> tuple[Environment, TestData]:
        """The environment and test data with what they do not have themselves."""
        if not self:
            return environment, test_data
        findings = Findings()
        nodes = {name: parse_json(json.dumps(held).encode(), name) for name, held in self.documents.items()}
        servers = nodes.pop(TARGET_SERVERS, None)
        made = gather_test_data(nodes.values(), findings)
        entries = entries_of(servers, "the target server", findings) if servers is not None else ()
        read = (read_target_server(entry, findings) for entry in entries)
        products = {item.name for item in test_data.products}
        developers = {item.email for item in test_data.developers}
        apps = {(item.developer, item.name) for item in test_data.apps}
        keys = {item.consumer_key for app in test_data.apps for item in app.credentials}
        tokens = {item.value for item in test_data.tokens}
        maps = {(item.scope, item.api_proxy, item.name) for item in test_data.maps}
        return (
            replace(
                environment,
                target_servers={server.name: server for server in read if server is not None}
                | environment.target_servers,
                property_sets=self.properties | environment.property_sets,
            ),
            replace(
                test_data,
                products=(*test_data.products, *(x for x in made.products if x.name not in products)),
                developers=(*test_data.developers, *(x for x in made.developers if x.email not in developers)),
                apps=(
                    *test_data.apps,
                    *(
                        x
                        for x in made.apps
                        if (x.developer, x.name) not in apps
                        and keys.isdisjoint(item.consumer_key for item in x.credentials)
                    ),
                ),
                maps=(*test_data.maps, *(x for x in made.maps if (x.scope, x.api_proxy, x.name) not in maps)),
                tokens=(*test_data.tokens, *(x for x in made.tokens if x.value not in tokens)),
            ),
        )  # fmt: skip
