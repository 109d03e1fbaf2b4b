"""BasicAuthentication → a header, where it encodes what is known; never basic-auth, for it authenticates nobody."""

from __future__ import annotations

from apiproxy_runtime.kong.convert.outcome import Attachment, Outcome, Plugin
from apiproxy_runtime.kong.convert.templates import UNFILLED, vault


def basic_authentication(site: Attachment) -> Outcome:
    """Encode with literals becomes a header from the vault."""
    root = site.policy.node
    if root.child_text("Operation", "Encode") == "Decode":
        return Outcome(
            "manual",
            "Decode reads user and password and authenticates nobody; what the flow does with them decides",
            lost=(
                "if the flow checks the password, load the users as basic-auth credentials and add basic-auth",
            ),
            cases=("no password", "a wrong password", "a good password"),
        )
    assign = root.child("AssignTo")
    target = assign.text.strip() if assign is not None else ""
    if target.lower() != "request.header.authorization":
        return Outcome("manual", f"it writes {target or 'a variable'}", lost=(f"write {target} in a plugin",))
    secret = f"Authorization:{vault(site.proxy.name, site.policy.name, 'authorization')}"
    return Outcome(
        "partial",
        "request-transformer sends a fixed Authorization",
        (Plugin("request-transformer", {"replace": {"headers": [secret]}, "add": {"headers": [secret]}}),),
        (f'the Header Authorization ("Basic " and the base64 of user:password) is {UNFILLED}',),
        ("user and password from variables are not resolved for each call",),
    )


CONVERTERS = {"BasicAuthentication": basic_authentication}
