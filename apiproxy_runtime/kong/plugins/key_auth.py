"""key-auth: a key in a header, the query or the body names the consumer."""

from __future__ import annotations

import json

from apiproxy_runtime.kong.authentication import ANONYMOUS, Refusal, authenticates, by_field, challenge
from apiproxy_runtime.kong.body import FORM, JSON, fields_of
from apiproxy_runtime.kong.context import KongContext
from apiproxy_runtime.kong.model import Credential
from apiproxy_runtime.kong.plugin import Phases, Plugin
from apiproxy_runtime.kong.schema import Config, array, boolean, header_name, string
from apiproxy_runtime.kong.site import KongSite
from apiproxy_runtime.message.message import Message


def compile_key_auth(config: Config, site: KongSite) -> Phases:
    names: list[str] = config["key_names"]
    in_header, in_query, in_body = config["key_in_header"], config["key_in_query"], config["key_in_body"]
    hide: bool = config["hide_credentials"]
    known = by_field(site, "keyauth_credentials", "key")
    asks = challenge("Key", config["realm"])

    def given(request: Message, name: str) -> list[str]:
        """The values under a name, at the first of the places where there are any."""
        values: list[str] = []
        if in_header:
            field = request.headers.fields.get(name.lower())
            values = field[1:] if field is not None else []
        if not values and in_query:
            values = request.query.values(name)
        if not values and in_body:
            value = fields_of(request).get(name)
            values = value if isinstance(value, list) else [value] if isinstance(value, str) else []
        return values

    def prove(ctx: KongContext) -> Credential | Refusal:
        request = ctx.request
        key = ""
        for name in names:
            values = given(request, name)
            if len(values) > 1:
                return Refusal("Duplicate API key found", asks)
            if values:
                key = values[0]
                if hide:
                    conceal(request, name, in_body)
                break
        if not key:
            return Refusal("No API key found in request", asks)
        return known.get(key) or Refusal("Unauthorized", asks)

    return Phases(
        access=authenticates(config, site, prove, preflight=config["run_on_preflight"]), reads_body=in_body
    )


def conceal(request: Message, name: str, in_body: bool) -> None:
    """Take the key out of the request, wherever it stands."""
    request.headers.remove(name)
    if request.query.get(name) is not None:
        request.edit_query().remove(name)
    if not in_body:
        return
    if request.content_type() == JSON:
        fields = fields_of(request)
        if name in fields:
            del fields[name]
            request.body = json.dumps(fields, separators=(",", ":")).encode()
    elif request.content_type() == FORM and request.form.get(name) is not None:
        request.edit_form().remove(name)


PLUGIN = Plugin(
    "key-auth",
    1250,
    {
        "key_names": array(header_name(), "names under which the key is looked for", ["apikey"]),
        "key_in_header": boolean("look among the headers", True),
        "key_in_query": boolean("look in the query", True),
        "key_in_body": boolean("look in a form or JSON body", False),
        "hide_credentials": boolean("take the key out of the request to the upstream", False),
        "anonymous": ANONYMOUS,
        "run_on_preflight": boolean("False lets OPTIONS requests through", True),
        "realm": string("realm that WWW-Authenticate tells"),
    },
    compile_key_auth,
    "Asks for an API key.",
    no_scope=frozenset(("consumer", "consumer_group")),
)
