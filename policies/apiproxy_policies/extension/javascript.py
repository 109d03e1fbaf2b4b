"""Javascript: runs a script in the flow."""

from __future__ import annotations

from collections.abc import Awaitable
from math import inf
from typing import TYPE_CHECKING

from msgspec import Struct

from apiproxy_runtime.policy.api import (
    NATURAL,
    PAYLOAD,
    Call,
    Element,
    HTTPTargetConnection,
    Message,
    MessageContext,
    Node,
    Place,
    Policy,
    Resource,
    Site,
    StepFunction,
    attribute,
    child,
    children,
    fault_table,
    many,
    nested,
    read_ssl_info,
    text,
)

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.javascript.http import Send

TIME_LIMIT_MS = 200


class Property(Element):
    """A setting that the script reads as `properties.NAME`."""

    name: str = attribute("name", required=True, default="")
    value: str = text(PAYLOAD, default="", doc="always text")


class Properties(Element):
    items: tuple[Property, ...] = many("Property", Property)


class SSLInfo(Element):
    """How httpClient talks TLS, as in a target connection."""

    open = True


class _File(Struct, frozen=True):
    """A script of the policy and where it stands: `above` lines of the file come before its first."""

    name: str
    text: str
    file: str
    above: int = 0


class Javascript(Policy):
    """Run JavaScript that reads and changes flow variables and messages, and calls other services.

    Included files run first, in order, in the same scope. The script stops when it has used up `timeLimit`; time
    that it spends waiting for httpClient does not count. Calls whose callbacks are still to come are waited for
    before the flow goes on. What `print` is given goes to the trace and, at debug level, to the log.
    """

    tag = "Javascript"
    aliases = ("JavaScript",)
    family = "extension"
    prefix = "javascript"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/javascript-policy"
    faults = fault_table(
        "steps.javascript",
        (
            "ScriptExecutionFailed",
            500,
            "Execution of {policy} failed with error: {error}",
            "the script threw an error it did not catch, or used up its time limit",
        ),
    )
    deploy_errors = {
        "InvalidResourceUrlFormat": "Invalid resource url format. Resource url is {url}.",
        "InvalidResourceUrlReference": "Invalid resource url ref {url} in policy {policy} in {org}",
        "WrongResourceType": "Resource {file} is the wrong type. It is {type}: but Javascript steps use type jsc:.",
        "NoResourceURLOrSource": "Bundle is invalid. Errors:[Entity : Policy-{policy}, No ResourceURL or Source;].",
        "ScriptCompilationFailed": "{file} cannot be compiled: {message}",
    }
    variables = {"javascript.{policy}.failed": "whether the script failed"}
    example = """
<Javascript name="JS-Greet" timeLimit="200">
  <Properties><Property name="greeting">Hello</Property></Properties>
  <Source>
context.setVariable('greeting', properties.greeting + ' ' + context.getVariable('request.queryparam.name'));
  </Source>
</Javascript>"""

    time_limit: int = attribute(
        "timeLimit",
        NATURAL,
        default=TIME_LIMIT_MS,
        doc="milliseconds the script may run; 0 for as long as the runtime lets any script run",
    )
    resource_url: str | None = child("ResourceURL", doc="the script: jsc://FILE.js")
    source: str | None = child("Source", PAYLOAD, doc="the script itself, in place of ResourceURL")
    include_urls: tuple[str, ...] = children("IncludeURL", doc="scripts that run before it, in order")
    properties: Properties | None = nested("Properties", Properties, doc="settings for the script")
    ssl_info: SSLInfo | None = nested("SSLInfo", SSLInfo, doc="TLS settings of httpClient")

    def check(self, site: Site) -> None:
        if not (self.resource_url or "").strip() and not (self.source or "").strip():
            site.error(
                self.node,
                "NoResourceURLOrSource",
                "Name a script in <ResourceURL>jsc://FILE.js</ResourceURL>, or write it into <Source>.",
            )
        for node in self.node.all("IncludeURL"):
            if not node.text.strip():
                site.error(node, "NoResourceURLOrSource", "Name a script, or remove the empty <IncludeURL>.")
            else:
                self._resource(node, site)
        for node in self.node.all("ResourceURL"):
            if node.text.strip():
                self._resource(node, site)

    def compile(self, site: Site) -> StepFunction:
        # the engine is loaded here, for it costs memory and start-up time that bundles without scripts need not pay
        from apiproxy_runtime.scripting.javascript.program import (
            Script,
            ScriptError,
            ScriptFailed,
            ScriptTimedOut,
            compile_script,
        )

        files = self._files(site)
        limit = self.time_limit
        try:
            program = compile_script(
                [Script(file.name, file.text) for file in files],
                properties=self._settings(),
                time_limit_ms=limit,
                policy=self.name,
                send=self._send(site),
                spawn=site.services.spawn,
            )
        except ScriptError as error:
            broken = next(file for file in files if file.name == error.file)
            site.findings.error(
                Place(broken.file, broken.above + error.line, error.column),
                "ScriptCompilationFailed",
                self.deploy_errors["ScriptCompilationFailed"]
                .replace("{file}", error.file)
                .replace("{message}", error.message),
                "Mend the script.",
            )
            return lambda ctx: None

        def failed(error: Exception) -> Exception:
            if isinstance(error, ScriptTimedOut):
                return self.fault(
                    "ScriptExecutionFailed", error=f"Javascript runtime exceeded limit of {limit}ms"
                )
            return self.fault("ScriptExecutionFailed", error=f'Javascript runtime error: "{error}"')

        async def wait(running: Awaitable[None]) -> None:
            try:
                await running
            except (ScriptFailed, ScriptTimedOut) as error:
                raise failed(error) from error

        def javascript(ctx: MessageContext) -> Awaitable[None] | None:
            try:
                running = program.run(ctx)
            except (ScriptFailed, ScriptTimedOut) as error:
                raise failed(error) from error
            return None if running is None else wait(running)

        return javascript

    def _settings(self) -> dict[str, str]:
        items = self.properties.items if self.properties is not None else ()
        return {item.name: item.value for item in items}

    def _files(self, site: Site) -> list[_File]:
        """The scripts in the order in which they run."""
        found = [self._resource(node, site) for node in self.node.all("IncludeURL") if node.text.strip()]
        main = next((node for node in self.node.all("ResourceURL") if node.text.strip()), None)
        if main is not None:
            found.append(self._resource(main, site))
        files = [
            _File(resource.name, resource.read().decode("utf-8-sig", "replace"), resource.file)
            for resource in found
            if resource is not None
        ]
        source = self.node.child("Source")
        if main is None and source is not None:
            files.append(_File(f"{self.name}.js", source.text, source.file, source.line - 1))
        return files

    def _resource(self, node: Node, site: Site) -> Resource | None:
        """The resource that an element names; a finding, and None, when there is none."""
        url = node.text.strip()
        kind, separator, file = url.partition("://")
        if not separator or not kind or not file:
            site.error(node, "InvalidResourceUrlFormat", "Write jsc://FILE.js.", url=url)
            return None
        if kind != "jsc":
            site.error(node, "WrongResourceType", "Write jsc://FILE.js.", file=file, type=f"{kind}:")
            return None
        resource = site.resource(url)
        if resource is None:
            site.error(
                node,
                "InvalidResourceUrlReference",
                f"Put the file into resources/jsc/{file}, or mend its name.",
                url=url,
                org=site.deployment.organization,
            )
        return resource

    def _send(self, site: Site) -> Send:
        """How httpClient's requests are sent: as targets are when there are TLS settings, else plainly."""
        node = self.node.child("SSLInfo")
        if node is None:
            return _plainly(site)
        connection = HTTPTargetConnection(self.node, ssl_info=read_ssl_info(node, site.findings))
        target = site.services.targets.http(connection, site, purpose="script")

        async def send(ctx: MessageContext, request: Message, url: str) -> Message:
            address, _, query = url.partition("?")
            request.query_string = query
            return await target.call(ctx, request, url=address)

        return send


def _plainly(site: Site) -> Send:
    egress = site.egress

    async def send(ctx: MessageContext, request: Message, url: str) -> Message:
        call = Call(url, request, "script", deadline=ctx.deadline or inf)
        if ctx.observer is not None:
            ctx.observer.call_begins(ctx, call)
        response = await egress.send(call)
        if ctx.observer is not None:
            ctx.observer.call_ends(ctx, call, response)
        return response

    return send
