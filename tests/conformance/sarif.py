"""Validates what `apiproxy lint --format sarif` prints against the schema of the standard.

    python tests/conformance/sarif.py SCHEMA PATH...

SCHEMA is sarif-schema-2.1.0.json of the OASIS specification; PATH are bundles, or folders that hold some. Prints the
number of results, and each place where the output breaks the schema; exits with 1 if there is any.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema_rs

#: The pattern of `language` is no regular expression (an unbalanced bracket); languages are not printed at all.
_BROKEN = "^[a-zA-Z]{2}|^[a-zA-Z]{2}-[a-zA-Z]{2}]?$"


def without_broken_patterns(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            key: without_broken_patterns(value)
            for key, value in schema.items()
            if (key, value) != ("pattern", _BROKEN)
        }
    return [without_broken_patterns(item) for item in schema] if isinstance(schema, list) else schema


def main(arguments: list[str]) -> int:
    if len(arguments) < 2:
        print(__doc__, file=sys.stderr)
        return 2
    schema = json.loads(Path(arguments[0]).read_text(encoding="utf-8"))
    command = [sys.executable, "-m", "apiproxy_runtime", "lint", *arguments[1:], "--format", "sarif"]
    printed = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    broken = list(jsonschema_rs.validator_for(without_broken_patterns(schema)).iter_errors(printed))
    for error in broken:
        print("/".join(map(str, error.instance_path)), error.message)
    print(f"{len(printed['runs'][0]['results'])} results, {len(broken)} places break the schema")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
