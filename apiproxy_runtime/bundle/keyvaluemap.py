"""`maps.json` (and `kvms.json`): key value maps and their entries.

The emulator's form is `{"name", "scope", "entries": {key: value}}`; the export form has `"entry"`, a list of name and
value. A scope other than `environment` and `apiproxy` means the organization, as in the emulator.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from apiproxy_runtime.bundle.elements import suggestion
from apiproxy_runtime.bundle.entry import Entry, name_values
from apiproxy_runtime.bundle.finding import Findings, Place, Placed

Scope = Literal["environment", "organization", "apiproxy"]
_SCOPES: dict[str, Scope] = {
    "environment": "environment",
    "env": "environment",
    "organization": "organization",
    "org": "organization",
    "apiproxy": "apiproxy",
    "proxy": "apiproxy",
}
_FIELDS = (
    "name",
    "scope",
    "apiproxy",
    "environment",
    "environments",
    "env",
    "encrypted",
    "maskedValues",
    "entries",
    "entry",
)


class KeyValueMap(Struct, frozen=True, eq=False):
    """`api_proxy` is set for scope apiproxy only; `environments` empty means whichever is served."""

    name: str
    scope: Scope
    api_proxy: str | None
    environments: tuple[str, ...]
    encrypted: bool
    entries: dict[str, str]
    place: Placed


def read_key_value_map(entry: Entry, findings: Findings) -> KeyValueMap | None:
    """None (and an error) without a name, or without a proxy where the scope asks for one."""
    name = entry.name("name")
    entry.check_fields(_FIELDS)
    api_proxy = entry.text("apiproxy", "apiProxy", "proxy").strip()
    scope = _scope(entry, api_proxy, findings)
    if scope == "apiproxy" and not api_proxy:
        message = f'{entry.noun} has the scope "apiproxy" but names no proxy'
        findings.error(entry, "MissingName", message, 'Add "apiproxy": "the proxy\'s name".')
        return None
    if not name:
        return None
    entries: dict[str, str] = {}
    for key in ("entry", "entries", "keyValueEntries"):
        entries.update(name_values(entry.member(key), f"an entry of {entry.noun}", findings))
    return KeyValueMap(
        name=name,
        scope=scope,
        api_proxy=api_proxy if scope == "apiproxy" else None,
        environments=entry.texts("environments", "environment", "env"),
        encrypted=entry.boolean("encrypted", default=False),
        entries=entries,
        place=Place(entry.file, entry.line, entry.column),
    )


def _scope(entry: Entry, api_proxy: str, findings: Findings) -> Scope:
    text = entry.text("scope").strip().lower()
    if not text:
        return "apiproxy" if api_proxy else "environment"
    scope = _SCOPES.get(text)
    if scope is None:
        message = f"{text!r} is no scope of a key value map; it is taken for the organization's"
        known = ("environment", "organization", "apiproxy")
        findings.warning(entry.member("scope") or entry, "InvalidValue", message, suggestion(text, known))
        return "organization"
    return scope
