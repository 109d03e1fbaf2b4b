"""What environments have of their organization: data collectors, and Edge's mask configurations."""

from __future__ import annotations

from apiproxy_runtime.control.documents import Documents

#: Nouns of the organization that count in all its environments.
NOUNS = ("datacollectors", "maskconfigs")
#: Edge's words for the fields of a debug mask.
_MASK_FIELDS = {
    "variables": "variables",
    "jSONPathsRequest": "requestJSONPaths",
    "jSONPathsResponse": "responseJSONPaths",
    "jSONPathsFault": "faultJSONPaths",
    "xPathsRequest": "requestXPaths",
    "xPathsResponse": "responseXPaths",
    "xPathsFault": "faultXPaths",
}


def with_inherited(own: Documents, organization: Documents) -> Documents:
    """The documents of an environment with what it has of the organization; its own win.

    Masks of the organization and of proxies are added to the environment's: what one of them hides is hidden.
    """
    if not any(noun in organization.nodes for noun in NOUNS):
        return own
    whole = Documents({"datacollectors": organization.nodes.get("datacollectors", {})})
    whole.update(own)
    mask = own.get("debugmask", "debugmask") or {}
    for document in organization.all("maskconfigs"):
        for edge, field in _MASK_FIELDS.items():
            if (joined := _joined(mask.get(field), document.get(edge))) is not None:
                mask[field] = joined
        spaces = document.get("namespaces")
        if isinstance(spaces, dict):
            mask["namespaces"] = {**spaces, **(mask.get("namespaces") or {})}
    if mask:
        whole.put("debugmask", "debugmask", mask)
    return whole


def _joined(one: object, other: object) -> object:
    """Both lists, of which either may be a text; what is neither stays, so that whoever reads it complains."""
    first, second = (
        item.replace(",", " ").split() if isinstance(item, str) else item for item in (one, other)
    )
    if isinstance(first, list) and isinstance(second, list):
        return [*first, *second]
    return first if second is None or not isinstance(first, list | None) else second


def inherits_the_same(one: Documents, other: Documents) -> bool:
    """Whether two states of the organization give their environments the same."""
    return all(one.nodes.get(noun) == other.nodes.get(noun) for noun in NOUNS)
