"""The documents that a workspace holds, or the files of test data."""

from __future__ import annotations

from collections.abc import Iterable

from apiproxy_runtime.bundle.archive import Source
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.jsonfile import read_json
from apiproxy_runtime.bundle.keystore import read_keystores
from apiproxy_runtime.bundle.workspace import Workspace
from apiproxy_runtime.control.documents import (
    ENVIRONMENT_NOUNS,
    ORGANIZATION_NOUNS,
    Documents,
    read_documents,
)
from apiproxy_runtime.control.files import Files


def workspace_documents(workspace: Workspace, environment: str) -> tuple[Documents, Files]:
    """The documents of an environment and its resource files (paths below `resources/`).

    What is wrong with them is for `environment_of`, or whoever read the environment, to tell. Raises SourceError.
    """
    source = workspace.source
    folder = workspace.folder("environments", environment)
    names = {f"{folder}/{noun}.json".lower(): noun for noun in ENVIRONMENT_NOUNS}
    names[f"{folder}/debugmasks.json".lower()] = "debugmask"
    documents = Documents()
    files = source.files(folder)
    for file in files:
        noun = names.get(file.lower())
        if noun is not None and noun != "keystores":
            node = read_json(source, file, Findings())
            if node is not None:
                read_documents(noun, node, documents)
    _keystore_documents(workspace, environment, files, documents)
    resources = f"{folder}/resources/"
    return documents, Files(
        {file[len(resources) :]: source.read(file) for file in files if file.startswith(resources)}, resources
    )


def _keystore_documents(
    workspace: Workspace, environment: str, files: Iterable[str], documents: Documents
) -> None:
    """Keystores with the text of their PEM files in the documents."""
    findings = Findings()
    listed = None
    for file in files:
        if file.lower() == workspace.folder("environments", environment, "keystores.json").lower():
            listed = read_json(workspace.source, file, findings)
    for name, store in read_keystores(workspace, environment, listed, findings).items():
        aliases = []
        for alias in store.aliases.values():
            document = {"alias": alias.name, "cert": alias.certificates}
            if alias.key:
                document["key"] = alias.key
            if alias.password:
                document["password"] = alias.password
            aliases.append(document)
        documents.put("keystores", name, {"name": name, "aliases": aliases})


def consumer_documents(source: Source, files: Iterable[str]) -> Documents:
    """Products, developers and apps of test data files. Maps live in the store, not in documents."""
    documents = Documents()
    for file in files:
        noun = file.rsplit("/", 1)[-1].lower().removesuffix(".json")
        node = read_json(source, file, Findings()) if noun in ORGANIZATION_NOUNS else None
        if node is not None:
            read_documents(noun, node, documents)
    return documents
