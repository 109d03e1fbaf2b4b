"""Keystores and truststores of an environment, as PEM files.

`environments/ENV/keystores/NAME/` holds for each alias either `ALIAS.pem` (certificates, and the private key if there
is one) or `ALIAS.crt` (or .cer, .cert) with `ALIAS.key`. `keystores.json` may add stores, and aliases that say where
their files are:
`[{"name": "ks", "aliases": [{"alias": "a", "certFile": "a.crt", "keyFile": "a.key", "password": ""}]}]`; in place of
the file names `cert` and `key` may hold the PEM text itself.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

from msgspec import Struct

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.entry import Entry, entries_of, kind_of
from apiproxy_runtime.bundle.finding import Findings, Place, Placed
from apiproxy_runtime.bundle.jsonfile import JsonNode
from apiproxy_runtime.bundle.workspace import Workspace

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----.*?-----END \1-----", re.DOTALL)
_CERTIFICATES = (".crt", ".cer", ".cert")


class KeyAlias(Struct, frozen=True):
    """PEM texts: the certificates, own one first; the private key or None, with its password if it is encrypted."""

    name: str
    certificates: str
    key: str | None
    password: str | None
    place: Placed


class Keystore(Struct, frozen=True, eq=False):
    """A truststore is one whose aliases have no keys."""

    name: str
    aliases: dict[str, KeyAlias]
    place: Placed

    @property
    def certificates(self) -> str:
        """All certificates in one PEM text, as a truststore is used."""
        return "".join(alias.certificates for alias in self.aliases.values())


def read_keystores(
    workspace: Workspace, environment: str, listed: JsonNode | None, findings: Findings
) -> dict[str, Keystore]:
    """The keystores of an environment by name; `listed` is the content of keystores.json."""
    stores = _Stores(workspace, workspace.folder("environments", environment), findings)
    stores.read_folders()
    if listed is not None:
        for entry in entries_of(listed, "the keystore", findings):
            stores.read_entry(entry)
    return {
        name: Keystore(name, aliases, stores.places[name]) for name, aliases in sorted(stores.aliases.items())
    }


class _Stores:
    def __init__(self, workspace: Workspace, folder: str, findings: Findings) -> None:
        self.source = workspace.source
        self.folder = folder
        self.findings = findings
        self.aliases: dict[str, dict[str, KeyAlias]] = {}
        self.places: dict[str, Placed] = {}

    def store(self, name: str, place: Placed) -> dict[str, KeyAlias]:
        self.places.setdefault(name, place)
        return self.aliases.setdefault(name, {})

    def read_folders(self) -> None:
        for name in self.source.folders(f"{self.folder}/keystores"):
            folder = f"{self.folder}/keystores/{name}"
            store = self.store(name, Place(folder))
            files: dict[str, dict[str, str]] = {}
            for file in self.source.files(folder):
                path = PurePosixPath(file)
                suffix = path.suffix.lower()
                if suffix in (".pem", ".key", *_CERTIFICATES):
                    files.setdefault(path.stem, {})[suffix] = file
            for alias, by_suffix in files.items():
                certificate = next((by_suffix[s] for s in (*_CERTIFICATES, ".pem") if s in by_suffix), None)
                key = by_suffix.get(".key") or by_suffix.get(".pem")
                self.add(store, alias, certificate, key, None, Place(next(iter(by_suffix.values()))))

    def read_entry(self, entry: Entry) -> None:
        name = entry.name("name", "keystore")
        if not name:
            return
        store = self.store(name, Place(entry.file, entry.line, entry.column))
        for node in entry.nodes("aliases"):
            if isinstance(node.value, str):
                if node.value not in store:
                    self.findings.error(
                        node,
                        "KeyAliasNotFound",
                        f"there is no file for the alias {node.value!r} of the keystore {name!r}",
                        f"Add keystores/{name}/{node.value}.pem beside this file.",
                    )
            elif isinstance(node.value, dict):
                self.read_alias(name, store, Entry(node, f"an alias of the keystore {name!r}", self.findings))
            else:
                self.findings.error(
                    node, "InvalidValue", f"an alias must be a name or an object, not {kind_of(node)}"
                )

    def read_alias(self, store_name: str, store: dict[str, KeyAlias], entry: Entry) -> None:
        alias = entry.name("alias", "name")
        if not alias:
            return
        place = Place(entry.file, entry.line, entry.column)
        password = entry.text("password") or None
        if entry.member("cert", "pem") is not None:
            certificates, key = entry.text("cert", "pem"), entry.text("key") or entry.text("pem")
            self.add_text(store, alias, certificates, key, password, place)
        elif entry.member("certFile", "certFilePath", "keyFile", "keyFilePath") is not None:
            certificate_file = self.path(store_name, entry.text("certFile", "certFilePath"))
            key_file = self.path(store_name, entry.text("keyFile", "keyFilePath"))
            self.add(store, alias, certificate_file or key_file, key_file, password, place)
        elif alias in store:
            known = store[alias]
            store[alias] = KeyAlias(alias, known.certificates, known.key, password, known.place)
        else:
            self.findings.error(
                entry,
                "KeyAliasNotFound",
                f"{entry.noun} has neither files nor PEM text",
                f"Add keystores/{store_name}/{alias}.pem beside this file, or certFile and keyFile.",
            )

    def path(self, store: str, file: str) -> str | None:
        """A file named in keystores.json: beside it, or in the keystore's folder."""
        if not file:
            return None
        beside = f"{self.folder}/{file.removeprefix('./')}"
        return (
            beside if beside in self.source.files(self.folder) else f"{self.folder}/keystores/{store}/{file}"
        )

    def add(
        self,
        store: dict[str, KeyAlias],
        alias: str,
        certificate_file: str | None,
        key_file: str | None,
        password: str | None,
        place: Placed,
    ) -> None:
        try:
            certificates = self.read(certificate_file) if certificate_file else ""
            key = self.read(key_file) if key_file else ""
        except SourceError as error:
            self.findings.error(place, "KeyAliasNotFound", str(error))
            return
        self.add_text(store, alias, certificates, key, password, place)

    def read(self, file: str) -> str:
        return self.source.read(file).decode("utf-8", "replace")

    def add_text(
        self,
        store: dict[str, KeyAlias],
        alias: str,
        certificates: str,
        key: str,
        password: str | None,
        place: Placed,
    ) -> None:
        certificates = _blocks(certificates, "CERTIFICATE")
        key = _blocks(key, "PRIVATE KEY")
        if not certificates and not key:
            self.findings.error(
                place,
                "InvalidKeystore",
                f"the alias {alias!r} holds neither a certificate nor a private key in PEM",
                "PEM begins with -----BEGIN CERTIFICATE-----; convert other formats with openssl.",
            )
            return
        store[alias] = KeyAlias(alias, certificates, key or None, password, place)


def _blocks(text: str, kind: str) -> str:
    """The PEM blocks of a kind, such as CERTIFICATE or (any) PRIVATE KEY; a line break after each."""
    blocks = [match.group() + "\n" for match in _BLOCK.finditer(text) if match.group(1).endswith(kind)]
    return "".join(blocks[:1] if kind == "PRIVATE KEY" else blocks).replace("\r", "")
