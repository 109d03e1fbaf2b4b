"""ExtractVariables → templates, where a whole header or query parameter becomes a variable."""

from __future__ import annotations

import re

from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.kong.convert.outcome import Attachment, Outcome, Verdict
from apiproxy_runtime.kong.convert.templates import resolve

_WHOLE = re.compile(r"\{([^{}]+)\}")
_PLACES = {"Header": "request.header.", "QueryParam": "request.queryparam."}


def extract_variables(site: Attachment) -> Outcome:
    """Nothing runs on Kong: what is extracted is written into the templates of the policies behind it."""
    root = site.policy.node
    prefix = root.child_text("VariablePrefix", "")
    source = root.child_text("Source", "")
    variables: dict[str, str] = {}
    lost: list[str] = []
    for node in root.children:
        if node.tag in _PLACES:
            for pattern in node.all("Pattern"):
                _take(node, pattern, prefix, site, variables, lost)
        elif node.tag in ("URIPath", "FormParam", "Variable", "JSONPayload", "XMLPayload"):
            names = [part.name for part in node.children if part.tag == "Variable" and part.name]
            names += [name for part in node.all("Pattern") for name in _WHOLE.findall(part.text)]
            listed = ", ".join(f"{prefix}.{name}" if prefix else str(name) for name in names) or "variables"
            lost.append(
                f"{listed} from the <{node.tag}>{f' of {source}' if source else ''} at line {node.line}"
            )
    if not lost:
        return Outcome(
            "exact", "its variables are written into the templates that use them", variables=variables
        )
    verdict: Verdict = "partial" if variables else "manual"
    return Outcome(
        verdict,
        "Kong's transformers read whole headers and query parameters only",
        lost=tuple(f"extract {what}" for what in lost),
        variables=variables,
    )


def _take(
    node: Node, pattern: Node, prefix: str, site: Attachment, variables: dict[str, str], lost: list[str]
) -> None:
    whole = _WHOLE.fullmatch(pattern.text.strip())
    value = resolve(f"{_PLACES[node.tag]}{node.name}", site)
    if whole is None or value is None:
        lost.append(f"{pattern.text.strip()} from the {node.tag} {node.name}")
    else:
        variables[f"{prefix}.{whole[1]}" if prefix else whole[1]] = value


CONVERTERS = {"ExtractVariables": extract_variables}
