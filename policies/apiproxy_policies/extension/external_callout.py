"""ExternalCallout: hands the transaction to a gRPC server, and applies what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from apiproxy_policies.authentication import AuthenticationElement
from apiproxy_policies.callout_context import Switches, compile_apply, compile_fill
from apiproxy_policies.callout_contract import load_contract
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    MILLISECONDS,
    VARIABLE,
    Element,
    Fault,
    MessageContext,
    Policy,
    RpcFailed,
    Site,
    StepFunction,
    TargetServer,
    attribute,
    child,
    children,
    compile_header_name,
    compile_token,
    fault_table,
    many,
    nested,
    one_of,
    read_authentication,
    text,
)

PROPERTIES = (
    "with.request.content",
    "with.request.headers",
    "with.response.content",
    "with.response.headers",
)
Metadata = Callable[[MessageContext], tuple[tuple[str, str], ...]]


class Server(Element):
    name: str = attribute("name", required=True, default="", doc="a target server of protocol GRPC")


class GrpcConnection(Element):
    """The gRPC server; address and TLS settings are those of the target server."""

    server: Server | None = nested("Server", Server, required=True, doc="the server to call")
    authentication: AuthenticationElement | None = nested(
        "Authentication", AuthenticationElement, doc="a Google ID token for the call"
    )


class Property(Element):
    name: str | None = attribute("name", one_of(*PROPERTIES), required=True, default=None)
    value: bool = text(BOOLEAN, default=False, doc="true: sent to the server")


class Configurations(Element):
    """What is sent beside the flow variables that always go along."""

    properties: tuple[Property, ...] = many("Property", Property, doc="which parts of messages are sent")
    flow_variables: tuple[str, ...] = children(
        "FlowVariable", VARIABLE, doc="prefix: `a.b` sends the variables `a.b` and `a.b.*`"
    )


class ExternalCallout(Policy):
    """Call a gRPC server with the transaction's context, and apply the context that it answers with.

    The server implements `ExternalCalloutService.ProcessMessage` of Apigee's public `external_callout.proto`. It may
    change headers, parameters, content, `target.url` and further flow variables, and end normal processing with a
    fault of its own, which is raised even with continueOnError="true". What the answer changes beside the fault is
    applied before the fault is raised, so that fault rules can read it.
    """

    tag = "ExternalCallout"
    family = "extension"
    prefix = "externalcallout"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/external-callout-policy"
    faults = fault_table(
        "steps.externalcallout",
        (
            "ExecutionError",
            500,
            "Encountered the following exception while sending the gRPC request or processing the response: "
            "[{exception}].",
            "no answer from the server, or none that can be applied",
        ),
    ) | fault_table(
        "",
        (
            "GrpcTlsInitFailed",
            500,
            "TLS could not be initialized for the target server {server}: {reason}",
            "keystore or truststore is missing or unusable",
        ),
        (
            "googletoken.EmptyIDTokenAudience",
            500,
            "Audience of the Google ID token is empty",
            "no audience, and useTargetUrl is not true",
        ),
    )
    deploy_errors = {
        "MissingServer": "ExternalCallout[{policy}]: <GrpcConnection> names no server",
        "InvalidTargetServerProtocol": (
            'ExternalCallout[{policy}]: the protocol of the target server "{server}" is {protocol}, not GRPC'
        ),
        "InvalidAuthentication": "ExternalCallout[{policy}]: <Authentication> must hold a <GoogleIDToken>",
    }
    variables = {"externalcallout.{policy}.failed": "whether the callout failed"}
    example = """
<ExternalCallout name="EC-Enrich">
  <TimeoutMs>5000</TimeoutMs>
  <GrpcConnection>
    <Server name="enricher"/>
  </GrpcConnection>
  <Configurations>
    <Property name="with.request.headers">true</Property>
    <FlowVariable>order</FlowVariable>
  </Configurations>
</ExternalCallout>"""

    timeout: int = child(
        "TimeoutMs", MILLISECONDS, required=True, default=5000, doc="milliseconds until the call is given up"
    )
    connection: GrpcConnection | None = nested(
        "GrpcConnection", GrpcConnection, required=True, doc="which server to call"
    )
    configurations: Configurations | None = nested("Configurations", Configurations, doc="what to send")

    def check(self, site: Site) -> None:
        connection = self.connection
        if connection is None or connection.server is None:
            return
        name = connection.server.name
        server = site.environment.target_servers.get(name)
        node = connection.server.node
        if not name:
            site.error(node, "MissingServer", 'Write <Server name="…"/>.')
        elif server is None:
            site.warning(
                node,
                "TargetServerNotFound",
                f'The environment "{site.environment.name}" has no target server "{name}"',
                "Add it to the environment's targetservers.json; without it the callout fails.",
            )
        elif server.protocol not in ("GRPC", "EXTERNAL_CALLOUT"):
            site.error(
                node,
                "InvalidTargetServerProtocol",
                'Write "protocol": "GRPC" in its entry of targetservers.json.',
                server=name,
                protocol=server.protocol,
            )
        authentication = connection.authentication
        if authentication is not None and authentication.id_token is None:
            site.error(
                authentication.node, "InvalidAuthentication", "Add <GoogleIDToken> with an <Audience>."
            )

    def compile(self, site: Site) -> StepFunction:
        connection = self.connection
        server = (
            site.environment.target_servers.get(connection.server.name)
            if connection is not None and connection.server is not None
            else None
        )
        if connection is None or connection.server is None:
            return lambda ctx: None
        if server is None:
            return self._without_server(connection.server.name)
        contract = load_contract()
        switches, prefixes = self._configured()
        fill = compile_fill(contract, switches, prefixes)
        apply = compile_apply(switches)
        target = site.services.targets.rpc(server, site, contract.method)
        metadata = _metadata(connection.authentication, server, site)
        timeout = self.timeout
        server_name = server.name

        async def external_callout(ctx: MessageContext) -> None:
            try:
                sent = fill(ctx)
                answer = await target.call(ctx, sent, timeout, metadata(ctx))
                apply(ctx, sent, answer)
            except RpcFailed as failure:
                if failure.status == "TLS":
                    raise self.fault(
                        "GrpcTlsInitFailed", server=server_name, reason=failure.text
                    ) from failure
                raise self.fault(
                    "ExecutionError", exception=f"io.grpc.StatusRuntimeException: {failure}"
                ) from failure
            except (ValueError, TypeError) as error:
                raise self.fault("ExecutionError", exception=f"{type(error).__name__}: {error}") from error
            if answer.HasField("fault"):
                raise_fault(answer.fault)

        return external_callout

    def _without_server(self, name: str) -> StepFunction:
        """What runs where the environment lacks the target server; it may be added before the next deploy."""

        def external_callout(ctx: MessageContext) -> None:
            reason = f"io.grpc.StatusRuntimeException: UNAVAILABLE: no target server {name}"
            raise self.fault("ExecutionError", exception=reason)

        return external_callout

    def _configured(self) -> tuple[Switches, tuple[str, ...]]:
        configurations = self.configurations
        if configurations is None:
            return Switches(), ()
        switched_on = {item.name for item in configurations.properties if item.value}
        prefixes = tuple(
            dict.fromkeys(name.strip(". ") for name in configurations.flow_variables if name.strip(". "))
        )
        return Switches(*(name in switched_on for name in PROPERTIES)), prefixes


def raise_fault(answer: Any) -> None:
    """Raise the fault that a server answers with; an empty one is none (comments of external_callout.proto)."""
    if answer.name or answer.fault_string:
        fault = Fault(f"steps.externalcallout.{answer.name or 'ExecutionError'}", answer.fault_string, 500)
        fault.skip_continue_on_error = True
        raise fault


def _metadata(element: AuthenticationElement | None, server: TargetServer, site: Site) -> Metadata:
    """The token as gRPC metadata, whose keys are lower case. `useTargetUrl` means `https://` and the server's host."""
    if element is None:
        return lambda ctx: ()
    authentication = read_authentication(element.node, site.findings)
    key, make = compile_header_name(authentication, site), compile_token(authentication, site)
    url = f"https://{server.host}"
    return lambda ctx: ((key(ctx).lower(), f"Bearer {make(ctx, url)}"),)
