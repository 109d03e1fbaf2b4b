from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from msgspec import Struct, field

from apiproxy_runtime.lint.rule import LintBundle, Match, RawFile, Rule


class _Folder(Struct, frozen=True):
    """What may lie in a folder: files by suffix ("" is none at all; None allows every file), and folders.

    `deep` allows any folders, with the same in them.
    """

    suffixes: tuple[str, ...] | None
    folders: Mapping[str, _Folder] = field(default_factory=dict)
    deep: bool = False


_XML = _Folder((".xml",))
_RESOURCES = _Folder(
    (),
    {
        "jsc": _Folder((".js", ".jsc", ".json"), deep=True),
        "java": _Folder((".jar", ".zip", ".properties", ".inf"), deep=True),
        "py": _Folder((".py", "")),
        "xsl": _Folder((".xsl", ".xslt")),
        "template": _Folder((".tmpl", ".template")),
        "openapi": _Folder((".json", ".yaml")),
        "node": _Folder(
            (
                ".js",
                ".jsc",
                ".json",
                ".zip",
                ".png",
                ".jpg",
                ".jpeg",
                ".css",
                ".ejs",
                ".eot",
                ".svg",
                ".ttf",
                ".woff",
                ".html",
                ".htm",
                ".xml",
            ),
            deep=True,
        ),
        "hosted": _Folder(None, deep=True),
        "wsdl": _Folder((".wsdl",)),
        "xsd": _Folder((".xsd",)),
        "oas": _Folder((".json", ".yaml", ".yml")),
        "properties": _Folder((".properties",)),
        "graphql": _Folder((".graphql",)),
    },
)
_COMMON = {"manifests": _XML, "policies": _XML, "stepdefinitions": _XML, "resources": _RESOURCES}
_ROOTS = {
    "apiproxy": _Folder(
        (".xml", ".md"), {**_COMMON, "proxies": _XML, "targets": _XML, "integration-endpoints": _XML}
    ),
    "sharedflowbundle": _Folder((".xml", ".md"), {**_COMMON, "sharedflows": _XML}),
}
_REQUIRED = {"apiproxy": "proxies", "sharedflowbundle": "sharedflows"}


class BundleStructure(Rule):
    """A file or folder that does not belong in a bundle, or a folder that is missing.

    Apigee ignores what it does not know, or refuses the import. Editors' backups, .DS_Store and node_modules are
    passed over.
    """

    id = "BN001"
    name = "Bundle structure"
    severity = "error"
    bad = "apiproxy/resources/js/log.js"
    good = "apiproxy/resources/jsc/log.js"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/api-proxy-configuration-reference"
    )

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        files = [file for file in bundle.files if not _passed_over(file.file)]
        required = _REQUIRED[bundle.kind]
        if not any(file.file.startswith(f"{bundle.kind}/{required}/") for file in files):
            yield Match(
                bundle.place, f"the folder {required}/ is missing", f"Add {required}/ with an XML file in it."
            )
        told: set[str] = set()
        for file in files:
            yield from _misplaced(file, _ROOTS[bundle.kind], told)


def _passed_over(file: str) -> bool:
    parts = file.split("/")
    return "node_modules" in parts or parts[-1] == ".DS_Store" or parts[-1].endswith("~")


def _misplaced(file: RawFile, root: _Folder, told: set[str]) -> Iterator[Match]:
    """What is wrong with the place of a file; an unknown folder is told once."""
    kind, *folders, name = file.file.split("/")
    folder, path = root, kind
    for part in folders:
        path = f"{path}/{part}"
        if part in folder.folders:
            folder = folder.folders[part]
        elif not folder.deep:
            if path not in told:
                told.add(path)
                known = ", ".join(sorted(folder.folders))
                cure = f"Here may lie {known}." if known else "Folders are not allowed here."
                yield Match(file.place, f"the folder {path}/ does not belong in a bundle", cure)
            return
    if folder.suffixes is not None and PurePosixPath(name).suffix not in folder.suffixes:
        known = ", ".join(suffix or "none" for suffix in folder.suffixes)
        cure = f"Allowed suffixes: {known}." if known else "Put it into a folder of its type, such as jsc/."
        yield Match(file.place, f"the file {name} does not belong in {path}/", cure)
