"""The file of `--event-hooks`: which Python functions hooks of the handler `lambda` may call.

    lambdas:
      page-the-team: alarms.py:page        # a file, relative to this one
      count: my_package.hooks:count        # an installed module

Whoever may use the control port can make hooks, so that only what stands here is called, and by these names.
"""

from __future__ import annotations

from pathlib import Path

from apiproxy_runtime.control.events.handlers.function import load
from apiproxy_runtime.control.events.handlers.handler import Function


def read_functions(path: Path) -> dict[str, Function]:
    """The functions of a configuration file, YAML or JSON. Raises ValueError with a sentence for the command line."""
    import yaml  # for those alone who have such a file

    try:
        document = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from None
    document = {} if document is None else document
    if not isinstance(document, dict) or set(document) - {"lambdas"}:
        raise ValueError(f'{path} must be a mapping with the one key "lambdas"')
    places = document.get("lambdas") or {}
    if not isinstance(places, dict) or not all(isinstance(place, str) for place in places.values()):
        raise ValueError(f'{path}: "lambdas" must map names to MODULE:FUNCTION or FILE.py:FUNCTION')
    try:
        return {str(name): load(place, path.parent) for name, place in places.items()}
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
