"""GraphQL: reads a GraphQL document into flow variables, and verifies it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from apiproxy_policies import graphql_document as documents
from apiproxy_policies.aside import WorkTimeout, aside
from apiproxy_runtime.policy.api import (
    NATURAL,
    VARIABLE,
    Fault,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    child,
    fault_table,
    one_of,
)

if TYPE_CHECKING:
    from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode

_ALLOWED = {
    "query": frozenset(("query",)),
    "mutation": frozenset(("mutation",)),
    "query_mutation": frozenset(("query", "mutation")),
    "all": frozenset(("query", "mutation")),
}
#: up to so many characters, and this much to compare, a document is worked on at once
_INLINE, _INLINE_COST = 8 * 1024, 5_000
#: a document with more to compare than this is not verified: comparing cannot be interrupted
_MOST_COST = 20_000_000


class Read(Struct, frozen=True):
    """A document that was read, and the operation that is meant."""

    document: DocumentNode
    operation: OperationDefinitionNode | None
    types: frozenset[str]
    depth: int
    count: int
    cost: int


class GraphQL(Policy):
    """Parse a GraphQL request into flow variables, and verify it against a schema and limits.

    The payload is GraphQL as it stands, or JSON whose `query` it is; a GET may have it as the parameter `query`. It is
    forwarded unchanged. MaxDepth counts nested fields, MaxCount the operations and fragments of the document;
    MaxPayloadSizeInBytes counts bytes, as its name says.

    The reference page says that a document which is refused gets a 4xx answer, and names no fault: names and texts are
    this runtime's own. `graphql.fragment.count` is the number of fragment definitions, as in the page's second example.
    """

    tag = "GraphQL"
    family = "mediation"
    prefix = "graphql"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/graphql-policy"
    faults = fault_table(
        "steps.graphql",
        ("ParsingFailed", 400, "GraphQL[{policy}]: the payload cannot be parsed: {reason}"),
        ("OperationNotAllowed", 400, "GraphQL[{policy}]: the operation type {type} is not allowed"),
        ("MaxDepthExceeded", 400, "GraphQL[{policy}]: the depth {value} exceeds the maximum of {limit}"),
        (
            "MaxCountExceeded",
            400,
            "GraphQL[{policy}]: {value} operations and fragments exceed the maximum of {limit}",
        ),
        (
            "MaxPayloadSizeExceeded",
            400,
            "GraphQL[{policy}]: the payload of {value} bytes exceeds the maximum of {limit}",
        ),
        ("VerificationFailed", 400, "GraphQL[{policy}]: the payload does not conform to {schema}: {reason}"),
        ("SourceMessageNotAvailable", 500, "{variable} message is not available for GraphQL: {policy}"),
        ("NonMessageVariable", 500, "Variable {variable} does not resolve to a Message"),
    )
    deploy_errors = {
        "SchemaMissing": "GraphQL[{policy}]: ResourceURL is mandatory for the action {action}",
        "InvalidResourceType": "GraphQL[{policy}]: {resource} is not a resource of the type graphql",
        "ResourceDoesNotExist": "GraphQL[{policy}]: there is no resource {resource}",
        "ResourceCompileFailed": "GraphQL[{policy}]: Failed to compile resource {resource}: {reason}",
        "EngineMissing": "GraphQL[{policy}]: the package that reads GraphQL is not installed",
    }
    variables = {
        "graphql.operation.operationType": "QUERY or MUTATION",
        "graphql.operation.name": "the operation's name",
        "graphql.fragment.count": "how many fragments the document defines",
        "graphql.operation.variableDefinitions.{n}.name": "a variable's name, beside it `.type`; n counts from 1",
        "graphql.operation.selectionSet.{n}.name": "a field's name, beside it `.alias` and `.selectionSet` in turn",
        "graphql.operation.selectionSet.{n}.argument.{m}.value": "an argument's value, as IntValue{value=1}",
    }
    example = """
<GraphQL name="GQL-Verify">
  <Source>request</Source>
  <OperationType>query</OperationType>
  <Action>parse_verify</Action>
  <MaxDepth>5</MaxDepth>
  <ResourceURL>graphql://schema.graphql</ResourceURL>
</GraphQL>"""

    source: str | None = child("Source", VARIABLE, doc="message with the document, `request` by default")
    operation_type: str = child(
        "OperationType",
        one_of(*_ALLOWED, ignore_case=True),
        default="query",
        doc="which operations may pass; any other is a fault",
    )
    action: str = child(
        "Action",
        one_of("parse", "verify", "parse_verify", ignore_case=True),
        default="parse",
        doc="verify also parses",
    )
    max_depth: int = child("MaxDepth", NATURAL, default=10, doc="how deep fields may be nested")
    max_count: int = child(
        "MaxCount", NATURAL, default=10, doc="how many operations and fragments there may be"
    )
    max_size: int | None = child("MaxPayloadSizeInBytes", NATURAL, doc="no limit by default")
    resource_url: str = child("ResourceURL", default="", doc="the schema, `graphql://FILE`")

    def check(self, site: Site) -> None:
        url = self.resource_url
        if not url:
            if self.action != "parse":
                site.error(self.node, "SchemaMissing", "Name the schema, graphql://FILE.", action=self.action)
        elif not url.startswith("graphql://"):
            site.error(
                self.place("ResourceURL"), "InvalidResourceType", "Write graphql://FILE.", resource=url
            )
        elif site.resource(url) is None:
            site.error(
                self.place("ResourceURL"),
                "ResourceDoesNotExist",
                "Add the file to the folder resources/graphql.",
                resource=url,
            )

    def compile(self, site: Site) -> StepFunction:
        try:
            # an extra, and slow to load: only bundles with this policy pay for it
            import graphql
        except ImportError:
            site.error(self.node, "EngineMissing", "Install it: pip install 'apiproxy-runtime[graphql]'.")
            return lambda ctx: None
        schema = self._schema(site) if self.action != "parse" else None
        source = (self.source or "").strip() or "request"
        get = site.getter(source)
        read = _reader()
        limit = self.max_size

        def verify(document: DocumentNode) -> str | None:
            if schema is None:
                return None
            errors = graphql.validate(schema, document, max_errors=10)
            return "; ".join(error.message for error in errors) or None

        async def verify_aside(text: str, name: str | None, ctx: MessageContext) -> None:
            try:
                found = await aside(lambda: read(text, name))
                self._judge(found)
                reason = await aside(lambda: verify(found.document))
            except WorkTimeout as late:
                raise self._not_parsed(late) from None
            except (graphql.GraphQLError, RecursionError) as error:
                raise self._not_parsed(error) from None
            self._finish(ctx, found, reason)

        def graphql_step(ctx: MessageContext) -> Awaitable[None] | None:
            message = get(ctx)
            if message.__class__ is not Message:
                kind = "SourceMessageNotAvailable" if message is None else "NonMessageVariable"
                raise self.fault(kind, variable=source)
            if limit is not None and len(message.body) > limit:
                raise self.fault("MaxPayloadSizeExceeded", value=len(message.body), limit=limit)
            text, name = self._text(message)
            if len(text) > _INLINE:
                return verify_aside(text, name, ctx)
            try:
                found = read(text, name)
            except (graphql.GraphQLError, RecursionError) as error:
                raise self._not_parsed(error) from None
            self._judge(found)
            if schema is not None and found.cost > _INLINE_COST:
                return verify_aside(text, name, ctx)
            self._finish(ctx, found, verify(found.document))
            return None

        return graphql_step

    def _schema(self, site: Site) -> GraphQLSchema | None:
        import graphql

        resource = site.resource(self.resource_url)
        if resource is None:
            return None
        text = resource.read().decode("utf-8-sig", "replace")
        try:
            return graphql.build_schema(text, assume_valid_sdl=True)
        except (graphql.GraphQLError, TypeError, RecursionError) as error:
            site.error(
                self.node,
                "ResourceCompileFailed",
                "Correct the schema.",
                resource=self.resource_url,
                reason=error,
            )
        return None

    def _text(self, message: Message) -> tuple[str, str | None]:
        """The document, and the name of the operation in it that is meant."""
        if not message.body and message.is_request and message.query.get("query") is not None:
            return message.query.get("query") or "", message.query.get("operationName")
        if message.content_type() in ("application/json", "application/graphql+json"):
            try:
                wrapped: Any = message.json()
            except (ValueError, RecursionError) as error:
                raise self._not_parsed(error) from None
            if isinstance(wrapped, dict) and isinstance(wrapped.get("query"), str):
                name = wrapped.get("operationName")
                return wrapped["query"], name if isinstance(name, str) else None
        return message.content, None

    def _not_parsed(self, error: Exception) -> Fault:
        reason = getattr(error, "message", None) or str(error) or type(error).__name__
        return self.fault("ParsingFailed", reason=reason)

    def _judge(self, found: Read) -> None:
        for kind in found.types - _ALLOWED[self.operation_type]:
            raise self.fault("OperationNotAllowed", type=kind)
        if found.depth > self.max_depth:
            raise self.fault("MaxDepthExceeded", value=found.depth, limit=self.max_depth)
        if found.count > self.max_count:
            raise self.fault("MaxCountExceeded", value=found.count, limit=self.max_count)
        if found.cost > _MOST_COST and self.action != "parse":
            raise self.fault(
                "VerificationFailed", schema=self.resource_url, reason="it repeats too many fields"
            )

    def _finish(self, ctx: MessageContext, found: Read, reason: str | None) -> None:
        for name, value in documents.variables_of(found.document, found.operation):
            ctx.variables[name] = value
        if reason is not None:
            raise self.fault("VerificationFailed", schema=self.resource_url, reason=reason)


def _reader() -> Callable[[str, str | None], Read]:
    """A function that parses and measures a document. It raises GraphQLError and RecursionError."""
    import graphql

    def read(text: str, name: str | None) -> Read:
        document = graphql.parse(text, no_location=True)
        operations = documents.operations_of(document)
        named = (each for each in operations if each.name is not None and each.name.value == name)
        return Read(
            document,
            next(named, operations[0] if operations else None),
            frozenset(each.operation.value for each in operations),
            documents.depth(document),
            len(document.definitions),
            documents.cost(document),
        )

    return read
