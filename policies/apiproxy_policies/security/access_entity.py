"""AccessEntity: puts the profile of an app, product, developer, key or token into a variable."""

from __future__ import annotations

from collections.abc import Callable

from apiproxy_policies.security.entity_document import (
    Document,
    app_document,
    code_document,
    credential_document,
    developer_document,
    product_document,
    request_token_document,
    scopes_document,
)
from apiproxy_runtime.policy.api import (
    Answer,
    Catalog,
    Consumer,
    Element,
    MessageContext,
    Policy,
    Product,
    RequestToken,
    Site,
    StepFunction,
    Tokens,
    attribute,
    child,
    many,
    nested,
    one_of,
    settled,
    text_of,
)

#: entity type → identifier type → the secondary identifier types that narrow it
ENTITIES: dict[str, dict[str, tuple[str, ...]]] = {
    "apiproduct": {
        "appid": ("apiresource",),
        "apiproductname": (),
        "appname": ("apiresource", "developeremail", "developerid", "appgroupname"),
        "consumerkey": ("apiresource",),
    },
    "app": {
        "appid": (),
        "appname": ("developeremail", "developerid", "appgroupname"),
        "consumerkey": (),
    },
    "authorizationcode": {"authorizationcode": ()},
    "appgroupname": {"appid": (), "appgroupname": (), "consumerkey": ()},
    "company": {"appid": (), "companyname": (), "consumerkey": ()},
    "companydeveloper": {"companyname": ()},
    "consumerkey": {"consumerkey": ()},
    "consumerkey_scope": {"consumerkey": ()},
    "developer": {"appid": (), "consumerkey": (), "developeremail": (), "developerid": ()},
    "requesttoken": {"requesttoken": ("consumerkey",)},
    "verifier": {"verifier": ()},
}


class EntityType(Element):
    value: str = attribute("value", required=True, default="", doc=", ".join(ENTITIES))


class Identifier(Element):
    """A variable, and what its value identifies."""

    ref: str = attribute("ref", default="", doc="variable with the value")
    type: str = attribute("type", default="", doc="what the value identifies")


class Identifiers(Element):
    """Several pairs of identifiers; the first that finds something counts."""

    class Pair(Element):
        entity: Identifier | None = nested("EntityIdentifier", Identifier)
        secondary: Identifier | None = nested("SecondaryIdentifier", Identifier)

    items: tuple[Pair, ...] = many("Identifier", Pair)


#: Finds an entity's document from the values of the identifiers (primary, type and value of the secondary one).
Find = Callable[[Catalog, Tokens, str, str, str], Answer[Document | None]]


class AccessEntity(Policy):
    """Fetch the profile of an app, API product, developer, key, code or token into `AccessEntity.{policy}`.

    The variable holds the document as text; what is not found leaves it unset, and no fault is raised. Of several
    matches the first counts. App groups and companies are not part of the test data: they are never found.
    """

    tag = "AccessEntity"
    family = "security"
    prefix = ""
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/access-entity-policy"
    deploy_errors = {
        "InvalidEntityType": "Invalid type {entity_type} in ACCESSENTITYStepDefinition {policy}",
    }
    variables = {"AccessEntity.{policy}": "the document, as XML or JSON text; unset when nothing is found"}
    example = """
<AccessEntity name="AE-App">
  <EntityType value="app"/>
  <EntityIdentifier ref="client_id" type="consumerkey"/>
</AccessEntity>"""

    entity_type: EntityType | None = nested("EntityType", EntityType, required=True, doc="what to fetch")
    identifier: Identifier | None = nested("EntityIdentifier", Identifier, doc="what identifies it")
    secondary: Identifier | None = nested("SecondaryIdentifier", Identifier, doc="narrows the result")
    identifiers: Identifiers | None = nested("Identifiers", Identifiers, doc="several pairs of identifiers")
    output_format: str = child("OutputFormat", one_of("XML", "JSON", ignore_case=True), default="XML")

    def check(self, site: Site) -> None:
        kind = self.entity_type.value.lower() if self.entity_type is not None else ""
        if self.entity_type is None or not kind:
            return
        if kind not in ENTITIES:
            site.error(
                self.entity_type.node,
                "InvalidEntityType",
                f"Write one of {', '.join(ENTITIES)}.",
                entity_type=self.entity_type.value,
            )
            return
        for primary, secondary in self._pairs():
            if primary.type.lower() not in ENTITIES[kind]:
                site.warning(
                    primary.node,
                    "InvalidIdentifierType",
                    f'a {kind} is not identified by "{primary.type}"',
                    f"Write one of {', '.join(ENTITIES[kind])}.",
                )
            elif secondary is not None and secondary.type.lower() not in ENTITIES[kind][primary.type.lower()]:
                allowed = ", ".join(ENTITIES[kind][primary.type.lower()]) or "none"
                site.warning(
                    secondary.node,
                    "InvalidIdentifierType",
                    f'"{secondary.type}" does not narrow a {kind} by {primary.type}',
                    f"Possible: {allowed}.",
                )

    def _pairs(self) -> list[tuple[Identifier, Identifier | None]]:
        pairs = [(self.identifier, self.secondary)] if self.identifier is not None else []
        for pair in self.identifiers.items if self.identifiers is not None else ():
            if pair.entity is not None:
                pairs.append((pair.entity, pair.secondary))
        return pairs

    def compile(self, site: Site) -> StepFunction:
        kind = self.entity_type.value.lower() if self.entity_type is not None else ""
        lookups = [
            (
                primary.type.lower(),
                site.getter(primary.ref),
                secondary.type.lower() if secondary is not None else "",
                site.getter(secondary.ref) if secondary is not None else None,
            )
            for primary, secondary in self._pairs()
            if primary.ref
        ]
        services, put = site.services, site.setter(f"AccessEntity.{self.name}")
        tokens, as_json = Tokens(site.store, site.environment.organization), self.output_format == "JSON"

        async def access(ctx: MessageContext) -> None:
            for by, get, narrow, get_narrow in lookups:
                value = text_of(get(ctx))
                narrowed = text_of(get_narrow(ctx)) if get_narrow is not None else ""
                if value:
                    found = await find(services.catalog, tokens, kind, by, value, narrow, narrowed)
                    if found is not None:
                        put(ctx, found.json() if as_json else found.xml())
                        return

        return lambda ctx: site.store.finish(access(ctx))


async def find(
    catalog: Catalog, tokens: Tokens, kind: str, by: str, value: str, narrow: str, narrowed: str
) -> Document | None:
    """The document of an entity; None when there is none."""
    if kind == "authorizationcode":
        code = await settled(tokens.codes.get(value))
        return code_document(code) if code is not None else None
    if kind in ("requesttoken", "verifier"):
        return await _request_token(tokens, kind, value, narrow, narrowed)
    if kind == "apiproduct":
        product = _product(catalog, by, value, narrow, narrowed)
        return product_document(product) if product is not None else None
    if kind == "developer" and by in ("developeremail", "developerid"):
        developer = catalog.developers.get(value.rpartition("@@@")[2])
        return developer_document(catalog, developer) if developer is not None else None
    if kind in ("consumerkey", "consumerkey_scope"):
        consumer = catalog.consumers.get(value)
        if consumer is None:
            return None
        return credential_document(consumer) if kind == "consumerkey" else scopes_document(consumer)
    app_id = _app_id(catalog, by, value, narrow, narrowed)
    if app_id is None:
        return None
    app = catalog.apps[app_id]
    if kind == "app":
        return app_document(catalog, app_id, app)
    return developer_document(catalog, catalog.owner(app)) if kind == "developer" else None


async def _request_token(
    tokens: Tokens, kind: str, value: str, narrow: str, narrowed: str
) -> Document | None:
    if kind == "requesttoken":
        token = await settled(tokens.version_one.get(value))
        if token is None or token.access or (narrow == "consumerkey" and token.client_id != narrowed):
            return None
        return request_token_document(token, "RequestToken")
    known = await settled(tokens.verifiers.get(value))
    if known is None:
        return None
    token = await settled(tokens.version_one.get(known.attributes["request_token"]))
    return request_token_document(token, "Verifier") if isinstance(token, RequestToken) else None


def _app_id(catalog: Catalog, by: str, value: str, narrow: str, narrowed: str) -> str | None:
    """The id of the first app that fits."""
    if by == "appid":
        return value if value in catalog.apps else None
    if by == "consumerkey":
        consumer = catalog.consumers.get(value)
        return consumer.app_id if consumer is not None else None
    if by != "appname":
        return None
    if narrow in ("developeremail", "developerid"):
        developer = catalog.developers.get(narrowed.rpartition("@@@")[2])
        return catalog.app_ids.get((developer.email, value)) if developer is not None else None
    return next(iter(catalog.apps_named(value)), None)


def _product(catalog: Catalog, by: str, value: str, narrow: str, narrowed: str) -> Product | None:
    """The first product that fits: by its name, or among those of an app or a key."""
    if by == "apiproductname":
        return catalog.products.get(value)
    consumers: list[Consumer] = []
    if by == "consumerkey":
        consumers = [catalog.consumers[value]] if value in catalog.consumers else []
    else:
        app_id = _app_id(catalog, by, value, narrow, narrowed)
        consumers = catalog.consumers_of(app_id) if app_id is not None else []
    for consumer in consumers:
        if narrow == "apiresource":
            product = consumer.product_for(narrowed)
        else:
            product = consumer.products[0] if consumer.products else None
        if product is not None:
            return product
    return None
