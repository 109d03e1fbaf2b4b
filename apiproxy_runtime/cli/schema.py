"""Write what editors need to complete, explain and check the XML of bundles; docs/editors.md tells how to use it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from apiproxy_runtime.policy.declaration import Element
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import all_policies
from apiproxy_runtime.reference.elements import element_entries, summary, variables_of
from apiproxy_runtime.reference.endpoints import ROOTS
from apiproxy_runtime.reference.faults import policy_faults
from apiproxy_runtime.reference.xsd import schema

XSD = "apigee.xsd"
#: The files of bundles, as patterns of the folders above them.
PATTERNS = ("**/apiproxy/**/*.xml", "**/sharedflowbundle/**/*.xml")


def run(options: argparse.Namespace) -> int:
    """0, or 2 when the folder cannot be written."""
    roots: list[type[Element]] = [*ROOTS, *all_policies()]
    files = {
        XSD: schema(roots),
        "catalog.xml": catalog(),
        "vscode-settings.json": _json(vscode_settings(options.output)),
        "catalogue.json": _json({"elements": [described(root) for root in roots]}),
    }
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (options.output / name).write_text(text, encoding="utf-8")
    except OSError as error:
        print(f"apiproxy schema: {error.filename}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"{options.output}: {', '.join(files)}")
    return 0


def catalog() -> str:
    """An OASIS XML catalogue, for editors that find schemas through one."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<catalog xmlns="urn:oasis:names:tc:entity:xmlns:xml:catalog">
  <system systemId="{XSD}" uri="{XSD}"/>
  <uri name="urn:apigee:bundle" uri="{XSD}"/>
</catalog>
"""


def vscode_settings(folder: Path) -> dict[str, Any]:
    """Settings of the XML extension (LemMinX): which files the schema is for."""
    location = folder.as_posix()
    return {
        "xml.fileAssociations": [
            {"pattern": pattern, "systemId": f"{location}/{XSD}"} for pattern in PATTERNS
        ]
    }


def described(root: type[Element]) -> dict[str, Any]:
    """Everything that is known of a root element, for tools that read no XML Schema."""
    found: dict[str, Any] = {
        "element": root.tag,
        "doc": summary(root),
        "members": [
            {key: value for key, value in asdict(entry).items() if value} for entry in element_entries(root)
        ],
    }
    if issubclass(root, Policy):
        found |= {
            "aliases": root.aliases,
            "family": root.family,
            "profiles": root.profiles,
            "docs": root.docs,
            "variables": variables_of(root),
            "faults": [
                {"name": fault.name, "status": fault.status, "text": fault.text}
                for fault in policy_faults([root])
            ],
            "example": root.example.strip(),
        }
    return found


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
