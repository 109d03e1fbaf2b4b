"""LDAP: authenticates users by a directory, and reads entries of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from apiproxy_policies.security.directory.resource import DEFAULT, InvalidResource, find_resource
from apiproxy_runtime.policy.api import (
    Element,
    Fault,
    Getter,
    MessageContext,
    Policy,
    Render,
    Site,
    StepFunction,
    attribute,
    child,
    children,
    fault_table,
    nested,
    text,
    text_of,
)

if TYPE_CHECKING:
    from apiproxy_policies.security.directory.client import Directory, Entry

DEFAULT_BASE = "dc=apigee,dc=com"
SCOPES = ("object", "onelevel", "subtree")
EXTRA = "pip install 'apiproxy-runtime[ldap]'"

Ask = Callable[[MessageContext], Awaitable[None]]


class Setting(Element):
    """A value: of the variable `ref`, else the attribute `value`, else the text."""

    ref: str | None = attribute("ref", doc="variable that holds the value")
    value: str | None = attribute("value", doc="the value itself")
    content: str = text(default="")

    def compile(self, site: Site) -> Getter:
        literal = self.value or self.content or None
        if not self.ref:
            return lambda ctx: literal
        get = site.getter(self.ref)

        def resolve(ctx: MessageContext) -> Any:
            found = get(ctx)
            return literal if found is None else found

        return resolve

    @property
    def empty(self) -> bool:
        return not (self.ref or self.value or self.content)


class Authentication(Element):
    """Who is to be authenticated: a user name, or the one entry that a query finds."""

    user_name: Setting | None = nested("UserName", Setting)
    password: Setting | None = nested("Password", Setting)
    search_query: str | None = child("SearchQuery", doc="filter; message template")
    scope: str | None = child("Scope", doc="object, onelevel or subtree (default)")
    base_dn: Setting | None = nested("BaseDN", Setting, doc=f"where to look; {DEFAULT_BASE} by default")


class Attributes(Element):
    """The attributes to read."""

    names: tuple[str, ...] = children("Attribute")


class Search(Element):
    """Which entries to read."""

    base_dn: Setting | None = nested("BaseDN", Setting, doc=f"where to look; {DEFAULT_BASE} by default")
    search_query: str | None = child("SearchQuery", doc="filter; message template")
    attributes: Attributes | None = nested("Attributes", Attributes)
    scope: str | None = child("Scope", doc="object, onelevel or subtree (default)")


class LDAP(Policy):
    """Authenticate against an LDAP directory, or search it.

    A user name is looked up by the resource's attribute for users (`uid` by default), a query must find just one entry;
    then the password is tried on that entry's distinguished name. A user name that is a distinguished name itself is
    tried as it is. Variables in a SearchQuery are values: what would end a filter is escaped, unless the whole query is
    one variable. Results and values are counted from 0. Searching without finding is a success with the count 0. What
    the directory does not answer is ExecutionFailed. The directories of an environment stand in its standins.json; see
    the `directory.resource` module. Source: LDAP policy reference of Apigee Edge for Private Cloud.
    """

    tag = "LDAP"
    aliases = ("Ldap",)
    family = "security"
    prefix = "ldap"
    docs = "https://docs.apigee.com/api-platform/reference/policies/ldap-policy"
    profiles = ("apigee",)
    faults = fault_table(
        "steps.ldap",
        (
            "InvalidUserCredentials",
            401,
            "Invalid user credentials.",
            "there is no such user, or the password is another",
        ),
        (
            "LdapResourceNotFound",
            500,
            "Ldap resource {name} not found.",
            "the environment has no such resource",
        ),
        ("InvalidSearchBase", 500, "Search base can not be empty.", "BaseDN is empty"),
        ("UserNameIsNull", 401, "User name is null.", "the user name is not set, or empty"),
        (
            "InvalidValueForPassword",
            500,
            "Invalid value for password field. It can not be empty.",
            "the password is not set, or empty",
        ),
        (
            "ExecutionFailed",
            500,
            "Execution of Ldap policy {policy} failed. Reason: {reason}",
            "the directory cannot be reached, or does not understand",
        ),
    )
    deploy_errors = {
        "InvalidSearchScope": "Invalid scope {scope}. Allowed scopes are {scopes}.",
        "BaseDNRequired": "Base DN required.",
        "AttributesRequired": "At least one attribute required for search action.",
        "SearchQueryAndUserNameCannotBePresent": "Both search query and username can not be present in the "
        "authentication action. Please specify either one of them.",
        "EitherSearchQueryOrUserNameMustBePresent": "Either search query or username must be present in the "
        "authentication action.",
        "OnlyReferenceOrValueIsAllowed": "Only value or reference is allowed for {element}.",
        "InvalidAttributeName": "Invalid attribute name {name}.",
        "InvalidExternalLdapReference": "Invalid external ldap reference {name}.",
        "LDAPExtraMissing": "Ldap {policy}: ldap3 is not installed",
    }
    variables = {
        "ldap.{policy}.execution.success": "whether it worked",
        "ldap.{policy}.search.result.count": "how many entries were found",
        "ldap.{policy}.search.result[{i}].dn": "distinguished name of an entry",
        "ldap.{policy}.search.result[{i}].attribute.{name}[{j}]": "value of one of its attributes",
        "ldap.{policy}.failed": "whether the policy failed",
    }
    example = """
<Ldap name="LDAP-Users">
  <LdapResource>corporate</LdapResource>
  <Authentication>
    <UserName ref="request.header.x-user"/>
    <Password ref="request.header.x-password"/>
    <BaseDN value="ou=people,dc=apigee,dc=com"/>
  </Authentication>
</Ldap>"""

    resource: str | None = child("LdapResource", doc="LDAP resource of the environment")
    connector_class: str | None = child(
        "LdapConnectorClass", doc="a provider in Java, which is not used here"
    )
    connector_jar: str | None = child("LdapConnectorJarResource", doc="its archive")
    authentication: Authentication | None = nested("Authentication", Authentication)
    search: Search | None = nested("Search", Search)

    def fault(self, name: str, /, **values: object) -> Fault:
        fault = super().fault(name, **values)
        fault.variables[f"ldap.{self.name}.execution.success"] = False
        return fault

    def check(self, site: Site) -> None:
        if self.connector_class:
            site.warning(
                self.node,
                "LdapConnectorClass",
                f"{self.connector_class} does not run here",
                "The runtime's own client is used in its place.",
            )
        for part in (self.authentication, self.search):
            if part is None:
                continue
            if part.scope and part.scope not in SCOPES:
                cure = "Write one of them, or leave <Scope> out."
                site.error(part.node, "InvalidSearchScope", cure, scope=part.scope, scopes=", ".join(SCOPES))
            if part.base_dn is not None and part.base_dn.empty:
                site.error(
                    part.base_dn.node, "BaseDNRequired", f"Write {DEFAULT_BASE}, or leave <BaseDN> out."
                )
        if self.authentication is not None:
            self._check_authentication(self.authentication, site)
        if self.search is not None:
            self._check_search(self.search, site)

    def _check_authentication(self, part: Authentication, site: Site) -> None:
        named = part.user_name is not None and not part.user_name.empty
        if named and part.search_query:
            error = "SearchQueryAndUserNameCannotBePresent"
            site.error(part.node, error, "Remove <UserName> or <SearchQuery>.")
        elif not named and not part.search_query:
            error = "EitherSearchQueryOrUserNameMustBePresent"
            site.error(part.node, error, 'Write <UserName ref="…"/> or <SearchQuery>.')
        for element in (part.user_name, part.password):
            if element is not None and element.ref and (element.value or element.content):
                error = "OnlyReferenceOrValueIsAllowed"
                site.error(element.node, error, "Remove ref or the value.", element=element.node.tag)

    def _check_search(self, part: Search, site: Site) -> None:
        names = part.attributes.names if part.attributes is not None else ()
        if not any(names):
            site.error(part.node, "AttributesRequired", "Name one: <Attributes><Attribute>mail</Attribute>.")
        elif not all(names):
            site.error(part.node, "InvalidAttributeName", "Remove the empty <Attribute>.", name="")

    def compile(self, site: Site) -> StepFunction:
        directory, name = self._directory(site), self.resource or DEFAULT
        if directory is None:

            def missing(ctx: MessageContext) -> None:
                raise self.fault("LdapResourceNotFound", name=name)

            return missing
        asks: list[Ask] = []
        if self.authentication is not None:
            asks.append(self._authenticate(self.authentication, directory, site))
        if self.search is not None:
            asks.append(self._search(self.search, directory, site))
        succeeded = f"ldap.{self.name}.execution.success"
        # imported before, by _directory
        from apiproxy_policies.security.directory.client import DirectoryFailed

        async def ask(ctx: MessageContext) -> None:
            try:
                for each in asks:
                    await each(ctx)
            except DirectoryFailed as error:
                raise self.fault("ExecutionFailed", reason=error) from None
            ctx.variables[succeeded] = True

        return ask

    def _directory(self, site: Site) -> Directory | None:
        name = self.resource or DEFAULT
        try:
            # lazy: an extra
            from apiproxy_policies.security.directory.client import Directory

            found = find_resource(name, site)
        except ModuleNotFoundError:
            site.error(self.node, "LDAPExtraMissing", f"Install it: {EXTRA}.")
            return None
        except InvalidResource as error:
            site.error(self.node, "InvalidExternalLdapReference", f"{error}.", name=name)
            return None
        if found is None:
            site.warning(
                self.node,
                "LdapResourceNotFound",
                f"the environment has no LDAP resource {name}",
                f'Add {{"ldap": {{"{name}": {{"url": "ldap://…"}}}}}} to its standins.json.',
            )
            return None
        return Directory(found, site.egress)

    def _base(self, setting: Setting | None, site: Site) -> Render:
        if setting is None:
            return lambda ctx: DEFAULT_BASE
        get = setting.compile(site)

        def base(ctx: MessageContext) -> str:
            found = get(ctx)
            dn = DEFAULT_BASE if found is None else text_of(found).strip()
            if not dn:
                raise self.fault("InvalidSearchBase")
            return dn

        return base

    def _authenticate(self, part: Authentication, directory: Directory, site: Site) -> Ask:
        from apiproxy_policies.security.directory.client import escaped  # imported before, by _directory

        base, scope = self._base(part.base_dn, site), part.scope or "subtree"
        query = _query(part.search_query, site, part) if part.search_query else None
        get_name = part.user_name.compile(site) if part.user_name is not None else lambda ctx: None
        get_password = part.password.compile(site) if part.password is not None else lambda ctx: None
        by_user = directory.resource.user_attribute

        async def authenticate(ctx: MessageContext) -> None:
            user = text_of(get_name(ctx)).strip()
            if query is None and not user:
                raise self.fault("UserNameIsNull")
            # a directory takes an empty password for an anonymous visitor, and lets everybody in
            password = text_of(get_password(ctx))
            if not password:
                raise self.fault("InvalidValueForPassword")
            if query is not None:
                known = await directory.authenticate(base(ctx), query(ctx), scope, password)
            elif "=" in user and "," in user:
                known = await directory.accepts(user, password)
            else:
                asked = f"({by_user}={escaped(user)})"
                known = await directory.authenticate(base(ctx), asked, scope, password)
            if not known:
                raise self.fault("InvalidUserCredentials")

        return authenticate

    def _search(self, part: Search, directory: Directory, site: Site) -> Ask:
        base, scope = self._base(part.base_dn, site), part.scope or "subtree"
        query = _query(part.search_query or "(objectClass=*)", site, part)
        names = part.attributes.names if part.attributes is not None else ()
        prefix = f"ldap.{self.name}.search.result"

        async def search(ctx: MessageContext) -> None:
            found = await directory.search(base(ctx), query(ctx), scope, names)
            ctx.variables[f"{prefix}.count"] = len(found)
            for index, entry in enumerate(found):
                ctx.variables.update(_variables(f"{prefix}[{index}]", entry))

        return search


def _variables(prefix: str, entry: Entry) -> dict[str, str]:
    found = {f"{prefix}.dn": entry.dn}
    for name, values in entry.attributes.items():
        for index, value in enumerate(values):
            found[f"{prefix}.attribute.{name}[{index}]"] = value
    return found


class _EscapingSite(Site):
    """A site whose variables are values in an LDAP filter."""

    def getter(self, name: str) -> Getter:
        from apiproxy_policies.security.directory.client import escaped  # imported before, by _directory

        get = super().getter(name)

        def read(ctx: MessageContext) -> Any:
            found = get(ctx)
            return None if found is None else escaped(text_of(found))

        return read


def _query(source: str, site: Site, part: Authentication | Search) -> Render:
    """A filter, in the parentheses that the standard wants and bundles leave out (RFC 4515)."""
    whole = source.startswith("{") and source.endswith("}") and source.count("{") == 1
    place = site
    if not whole:
        place = _EscapingSite(
            site.bundle, site.deployment, site.services, site.findings, site.policy, observed=site.observed
        )
    render = place.template(source, part.node)

    def query(ctx: MessageContext) -> str:
        text = render(ctx).strip()
        return text if text.startswith("(") else f"({text})"

    return query
