"""Message templates as Kong's request-transformer writes them: `$(headers.x)`, or plain text where all is known."""

from __future__ import annotations

import re

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.propertyset import parse_properties
from apiproxy_runtime.expression.template.nodes import Text, Variable
from apiproxy_runtime.expression.template.parser import TemplateSyntaxError, parse_template
from apiproxy_runtime.kong.convert.outcome import Attachment

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_WORD = re.compile(r"[A-Za-z_]\w*")
#: Names of headers and settings whose values are no business of a configuration file.
_SECRET = re.compile(r"authorization|api[-_]?key|secret|password|token|credential", re.IGNORECASE)


def resolve(name: str, site: Attachment) -> str | None:
    """A flow variable as text or template; None when Kong does not know it."""
    known = site.variables.get(name)
    if known is not None:
        return known
    fixed = {
        "apiproxy.name": site.proxy.name,
        "proxy.name": None,
        "apiproxy.revision": site.proxy.revision,
        "environment.name": site.landscape.environment.name,
        "organization.name": site.landscape.environment.organization,
    }.get(name)
    if fixed is not None:
        return fixed
    if name.startswith("propertyset."):
        return _property(name.removeprefix("propertyset."), site)
    for prefix, table in (("request.header.", "headers"), ("request.queryparam.", "query_params")):
        if name.startswith(prefix) and site.phase == "request":
            key = name[len(prefix) :]
            if "." in key:
                return None
            key = key.lower() if table == "headers" else key
            return f"$({table}.{key})" if _WORD.fullmatch(key) else f'$({table}["{key}"])'
    return None


def _property(path: str, site: Attachment) -> str | None:
    name, _, key = path.partition(".")
    own = site.bundle.resources.get(("properties", f"{name}.properties"))
    if own is not None:
        try:
            return parse_properties(own.read()).get(key)
        except SourceError:
            return None
    return site.landscape.environment.property_sets.get(name, {}).get(key)


def translate(text: str, site: Attachment) -> tuple[str | None, tuple[str, ...]]:
    """The template in Kong's words, or None and what Kong does not know."""
    try:
        parsed = parse_template(text)
    except TemplateSyntaxError as error:
        return None, (error.message,)
    written, unknown = [], []
    for node in parsed.nodes:
        if isinstance(node, Text):
            written.append(node.text)
        elif isinstance(node, Variable):
            value = resolve(node.name, site)
            if value is None:
                unknown.append("{" + node.name + "}")
            else:
                written.append(value)
        else:
            unknown.append("{" + node.source + "}")
    return (None, tuple(unknown)) if unknown else ("".join(written), ())


def static(text: str, site: Attachment) -> str | None:
    """The text when it is the same for every request, else None."""
    written, _ = translate(text, site)
    return written if written is not None and "$(" not in written else None


def is_secret(name: str) -> bool:
    return _SECRET.search(name) is not None


def is_field(name: str, *, header: bool = True) -> bool:
    """Whether Kong takes it as the name of a header, or of a query parameter."""
    return bool(name) and (_HEADER.fullmatch(name) is not None if header else ":" not in name)


def header_of(reference: str) -> str | None:
    """The header that `request.header.NAME` is about, in small letters."""
    scope, _, name = reference.rpartition(".")
    return name.lower() if scope == "request.header" and is_field(name) else None


#: What a TODO says of a secret in a field that is not referenceable. Source: schemas of Kong Gateway 3.10.
UNFILLED = (
    "a reference that Kong does not look up in this field: put the secret in when you deploy, as decK does"
)


def vault(*words: str) -> str:
    """A reference to a secret, in the vault that Kong has without any setup: its own environment."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", "-".join(words)).strip("-").lower()
    return f"{{vault://env/{name}}}"
