"""Test data of a workspace: products, developers, apps, tokens and maps that policies will ask for.

`products.json`, `developers.json`, `developerapps.json`, `accesstokens.json`, `maps.json` in `src/tests/ANY/`, or in
`tests/` beside the sources; `maps.json` and `kvms.json` also in an environment's folder. All that is found is put together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from apiproxy_runtime.bundle.accesstoken import AccessToken, read_access_token
from apiproxy_runtime.bundle.archive import Source, SourceError, open_source
from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.entry import Entry, entries_of
from apiproxy_runtime.bundle.environment import Environment, Found
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.jsonfile import JsonNode, read_json
from apiproxy_runtime.bundle.keyvaluemap import KeyValueMap, read_key_value_map
from apiproxy_runtime.bundle.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    from apiproxy_runtime.bundle.developer import App, Developer
    from apiproxy_runtime.bundle.product import Product

_MAP_FILES = ("maps.json", "kvms.json")
TEST_FILES = ("products.json", "developers.json", "developerapps.json", "accesstokens.json", *_MAP_FILES)


class TestData(Struct, frozen=True, eq=False):
    """In the order of the files. Names are unique: of products, of apps per developer, of maps per scope."""

    __test__ = False

    products: tuple[Product, ...] = ()
    developers: tuple[Developer, ...] = ()
    apps: tuple[App, ...] = ()
    maps: tuple[KeyValueMap, ...] = ()
    tokens: tuple[AccessToken, ...] = ()
    found: tuple[Found, ...] = ()


def read_test_data(
    place: Path | str | Source | Workspace, findings: Findings, environment: str | None = None
) -> TestData:
    """The test data of a workspace, or of a flat zip or folder with the files at its top.

    Maps beside the environments count for the one named (for all of them if none is).
    """
    try:
        if isinstance(place, Workspace):
            workspace: Workspace | None = place
            source = place.source
        else:
            source = open_source(Path(place)) if isinstance(place, (Path, str)) else place
            workspace = find_workspace(place)
            source = workspace.source if workspace is not None else source
        files = find_test_files(source, workspace, environment)
    except SourceError as error:
        findings.error(Place(str(place)), "InvalidTestData", str(error))
        return TestData()
    return read_test_files(source, files, findings)


def find_test_files(source: Source, workspace: Workspace | None, environment: str | None) -> list[str]:
    """Where the files lie: in a workspace, or at the top of a source that is none. Raises SourceError."""
    if workspace is None:
        folders = ("", "src/tests", "tests")
        return [
            file for folder in folders for file in _json_files(source, folder, TEST_FILES, 1 if folder else 0)
        ]
    root = workspace.apigee.removesuffix("src/main/apigee")
    files: list[str] = []
    for folder in (f"{root}src/tests", f"{root}tests"):
        files += _json_files(source, folder, TEST_FILES, 1)
    for name in workspace.environments():
        if environment in (None, name):
            files += _json_files(source, workspace.folder("environments", name), _MAP_FILES, 0)
    return files


def _json_files(source: Source, folder: str, names: Sequence[str], depth: int) -> list[str]:
    """Files of these names in a folder and, to a depth, in the folders below."""
    prefix = f"{folder}/" if folder else ""
    inside = source.files(folder) if folder else _top_files(source)
    return [
        file
        for file in inside
        if file[len(prefix) :].count("/") <= depth and file.rsplit("/", 1)[-1].lower() in names
    ]


def _top_files(source: Source) -> Iterable[str]:
    return [file for file in source.files() if "/" not in file]


def read_test_files(source: Source, files: Iterable[str], findings: Findings) -> TestData:
    """Exactly these files of a source, each by its name."""
    nodes = (read_json(source, file, findings) for file in files)
    return gather_test_data((node for node in nodes if node is not None), findings)


def gather_test_data(nodes: Iterable[JsonNode], findings: Findings) -> TestData:
    """Files that are parsed already; the name of each says what it holds."""
    reading = _Reading(findings)
    for node in nodes:
        reading.add(node)
    reading.check()
    return TestData(
        products=tuple(reading.products.values()),
        developers=tuple(reading.developers.values()),
        apps=tuple(reading.apps.values()),
        maps=tuple(reading.maps.values()),
        tokens=tuple(reading.tokens.values()),
        found=tuple(reading.found),
    )


class _Reading:
    """What the files hold so far."""

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.products: dict[str, Product] = {}
        self.developers: dict[str, Developer] = {}
        self.apps: dict[tuple[str, str], App] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.maps: dict[tuple[str, str | None, tuple[str, ...], str], KeyValueMap] = {}
        self.found: list[Found] = []

    def add(self, node: JsonNode) -> None:
        file = node.file.rsplit("/", 1)[-1].lower()
        if file == "developerapps.json":
            noun, found = "app", [self.app(entry, owner) for entry, owner in self.app_entries(node)]
        else:
            noun, take = {
                "products.json": ("product", self.product),
                "developers.json": ("developer", self.developer),
                "accesstokens.json": ("access token", self.token),
            }.get(file, ("map", self.map))
            found = [take(entry) for entry in entries_of(node, f"the {noun}", self.findings)]
        self.found.append(Found(node.file, noun, tuple(name for name in found if name is not None)))

    # ---- one entry: what people call it, None (and an error) for one that is wrong
    # (their readers load when there is something to read: a lint run mostly has no test data)

    def product(self, entry: Entry) -> str | None:
        from apiproxy_runtime.bundle.product import read_product

        product = read_product(entry, self.findings)
        if product is None:
            return None
        self.once(entry, self.products.setdefault(product.name, product) is product)
        return product.name

    def developer(self, entry: Entry) -> str | None:
        from apiproxy_runtime.bundle.developer import read_developer

        developer = read_developer(entry)
        if developer is None:
            return None
        self.once(entry, self.developers.setdefault(developer.email, developer) is developer)
        return developer.email

    def app(self, entry: Entry, owner: str) -> str | None:
        from apiproxy_runtime.bundle.developer import read_app

        app = read_app(entry, owner, self.findings)
        if app is None:
            return None
        self.once(entry, self.apps.setdefault((app.developer, app.name), app) is app)
        return app.name

    def token(self, entry: Entry) -> str | None:
        token = read_access_token(entry)
        if token is None:
            return None
        self.once(entry, self.tokens.setdefault(token.value, token) is token)
        return f"of {token.consumer_key}"

    def map(self, entry: Entry) -> str | None:
        map_ = read_key_value_map(entry, self.findings)
        if map_ is None:
            return None
        key = (map_.scope, map_.api_proxy, map_.environments, map_.name)
        self.once(entry, self.maps.setdefault(key, map_) is map_)
        return map_.name

    def app_entries(self, node: JsonNode) -> list[tuple[Entry, str]]:
        """A list of apps, or lists of apps by their developer's email."""
        if isinstance(node.value, dict) and any("@" in key for key in node.value):
            return [
                (entry, email)
                for email, apps in node.value.items()
                for entry in entries_of(apps, "the app", self.findings)
            ]
        return [(entry, "") for entry in entries_of(node, "the app", self.findings)]

    def once(self, entry: Entry, first: bool) -> None:
        if not first:
            self.findings.warning(
                entry, "DuplicateName", f"{entry.noun} is there twice", "Only the first one counts."
            )

    def check(self) -> None:
        """Names that lead nowhere, and a key that two apps share."""
        owners: dict[str, App] = {}
        known = {developer.developer_id for developer in self.developers.values()} | set(self.developers)
        for app in self.apps.values():
            if app.developer not in known:
                message = f"the app {app.name!r} belongs to the developer {app.developer!r}, who is not there"
                self.findings.warning(
                    app.place, "UnknownDeveloper", message, suggestion(app.developer, known)
                )
            named = {*app.api_products, *(p.name for key in app.credentials for p in key.api_products)}
            for product in sorted(named - set(self.products)):
                message = f"the app {app.name!r} names the product {product!r}, which is not there"
                self.findings.warning(
                    app.place, "UnknownProduct", message, suggestion(product, self.products)
                )
            for credential in app.credentials:
                other = owners.setdefault(credential.consumer_key, app)
                if other is not app:
                    message = f"the apps {other.name!r} and {app.name!r} have the same consumerKey"
                    self.findings.error(
                        credential.place, "DuplicateKey", message, "A key belongs to one app."
                    )
        for token in self.tokens.values():
            if token.consumer_key not in owners:
                message = f"an access token belongs to the key {token.consumer_key!r}, which no app has"
                self.findings.warning(
                    token.place, "UnknownKey", message, suggestion(token.consumer_key, owners)
                )


def describe(environment: Environment, test_data: TestData) -> list[str]:
    """What was found and where, a line for each file, to be printed at start."""
    return [str(found) for found in (*environment.found, *test_data.found)]
