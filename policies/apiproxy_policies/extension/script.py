"""Script: runs a Python script in the flow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apiproxy_runtime.policy.api import (
    POSITIVE,
    Fault,
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
)

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.python.program import Import

TIME_LIMIT_MS = 10000
_NOT_HERE = "Only a JVM has it, and scripts run on CPython here. Use Python's own modules, or a JavaCallout."


class Script(Policy):
    """Run a Python script that reads and changes flow variables.

    Scripts are written for Jython 2; they run on CPython here, in a process of their own, Python 2's syntax, `/`,
    text methods and modules included. Included files run first, in order, in the same scope. `flow` is the message
    context, `request`, `response`, `message` and `error` are the messages there are at the moment. What `print` is
    given goes to the trace and, at debug level, to the log.

    The fault names are those of the reference page, which gives no texts. Here an uncaught exception is
    ScriptEvaluationFailed, as the page's examples (NameError, ZeroDivisionError) suggest; a script that used up its
    time or lost its process is ScriptExecutionFailed. The page knows no time limit; it is there so that an endless
    loop ends, and can be set with the attribute that Javascript has. `js://` resources, which old bundles have, run
    as Javascript does.
    """

    tag = "Script"
    aliases = ("PythonScript", "Python")
    family = "extension"
    prefix = "script"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/python-script-policy"
    faults = fault_table(
        "steps.script",
        (
            "ScriptEvaluationFailed",
            500,
            "Execution of {policy} failed with error: {error}",
            "the script raised an exception it did not catch",
        ),
        (
            "ScriptExecutionFailed",
            500,
            "Execution of {policy} failed with error: {error}",
            "the script used up its time limit, or its process ended",
        ),
        (
            "ScriptSecurityError",
            500,
            "Execution of {policy} failed with error: {error}",
            "the script tried to start a process or to write a file",
        ),
    )
    deploy_errors = {
        "InvalidResourceUrlFormat": "Invalid resource url format. Resource url is {url}.",
        "InvalidResourceUrlReference": "Invalid resource url ref {url} in policy {policy} in {org}",
        "WrongResourceType": "Resource {file} is the wrong type. It is {type}: but Script steps use type py:.",
        "NoResourceForURL": "Could not locate a resource with URL {url}.",
        "ScriptCompilationFailed": "{file} cannot be compiled: {message}",
        "TranslatorMissing": "{file} is written in Python 2, and the package that translates it is not installed.",
        "JavaImport": "{file} imports {module}.",
    }
    variables = {
        "script.{policy}.failed": "whether the script failed",
        "pythonscript.{policy}.failed": "the same",
    }
    example = """
<Script name="PY-Greet">
  <ResourceURL>py://greet.py</ResourceURL>
</Script>"""

    time_limit: int = attribute(
        "timeLimit", POSITIVE, default=TIME_LIMIT_MS, doc="milliseconds the script may run"
    )
    resource_url: str | None = child("ResourceURL", doc="the script: py://FILE.py")
    include_urls: tuple[str, ...] = children("IncludeURL", doc="scripts that run before it, in order")

    def failed_variables(self) -> tuple[str, ...]:
        return (f"script.{self.name}.failed", f"pythonscript.{self.name}.failed")

    def check(self, site: Site) -> None:
        if self.node.child("ResourceURL") is None:
            site.error(
                self.node,
                "NoResourceForURL",
                "Name the script in <ResourceURL>py://FILE.py</ResourceURL>.",
                url="",
            )

    def compile(self, site: Site) -> StepFunction:
        resources = self._resources(site)
        if any(resource.type == "js" for resource in resources):
            return self._javascript(site, resources)
        # loaded here: bundles without scripts need none of it
        from apiproxy_runtime.scripting.python.host import (
            PythonHost,
            ScriptFailed,
            ScriptTimedOut,
            WorkerLost,
        )
        from apiproxy_runtime.scripting.python.program import Script as Source
        from apiproxy_runtime.scripting.python.program import ScriptError, TranslatorMissing, compile_scripts

        sources = [Source(resource.name, resource.read()) for resource in resources]
        try:
            program = compile_scripts(site.services.engine(PythonHost), sources, self.time_limit)
        except ScriptError as error:
            self._broken(site, resources, error.file, error.line, error.column, error.message)
            return lambda ctx: None
        except TranslatorMissing as missing:
            site.error(
                self.node,
                "TranslatorMissing",
                "Install it with: pip install 'apiproxy-runtime[python]'",
                file=missing,
            )
            return lambda ctx: None
        for resource, imports in zip(resources, program.imports, strict=True):
            self._judge(site, resource, imports)
        limit = self.time_limit

        async def script(ctx: MessageContext) -> None:
            try:
                await program.run(ctx)
            except ScriptFailed as failure:
                name = "ScriptSecurityError" if failure.kind == "SecurityError" else "ScriptEvaluationFailed"
                raise self._failed(name, f'Pythonscript runtime error: "{failure}"', failure) from failure
            except ScriptTimedOut as failure:
                text = f"Pythonscript runtime exceeded limit of {limit}ms"
                raise self._failed("ScriptExecutionFailed", text, failure) from failure
            except (WorkerLost, OSError) as failure:
                raise self._failed("ScriptExecutionFailed", str(failure), failure) from failure

        return script

    def _failed(self, name: str, error: str, cause: Exception) -> Fault:
        fault = self.fault(name, error=error)
        fault.__cause__ = cause
        return fault

    def _judge(self, site: Site, resource: Resource, imports: tuple[Import, ...]) -> None:
        """Say which imports fail here, or on Apigee."""
        for found in imports:
            place = Place(resource.file, found.line)
            if found.is_java and found.certain:
                message = self.deploy_errors["JavaImport"]
                message = message.replace("{file}", resource.name).replace("{module}", found.module)
                site.findings.error(place, "JavaImport", message, _NOT_HERE)
            elif found.is_java:
                message = f"{resource.name} may import {found.module}"
                site.findings.warning(place, "JavaImport", message, _NOT_HERE)
            elif found.is_refused:
                message = f"{resource.name} imports {found.module}, which Apigee may refuse to load"
                site.findings.warning(place, "RefusedImport", message, "Do without it where you can.")

    def _broken(
        self, site: Site, resources: list[Resource], name: str, line: int, column: int, message: str
    ) -> None:
        file = next(resource.file for resource in resources if resource.name == name)
        text = self.deploy_errors["ScriptCompilationFailed"].replace("{file}", name)
        site.findings.error(
            Place(file, line, column),
            "ScriptCompilationFailed",
            text.replace("{message}", message),
            "Mend the script.",
        )

    def _javascript(self, site: Site, resources: list[Resource]) -> StepFunction:
        """The step of a script in JavaScript."""
        from apiproxy_runtime.scripting.javascript.program import (
            Script as Source,
        )
        from apiproxy_runtime.scripting.javascript.program import (
            ScriptError,
            ScriptFailed,
            ScriptTimedOut,
            compile_script,
        )

        sources = [Source(item.name, item.read().decode("utf-8-sig", "replace")) for item in resources]
        try:
            program = compile_script(sources, properties={}, time_limit_ms=self.time_limit, policy=self.name)
        except ScriptError as error:
            self._broken(site, resources, error.file, error.line, error.column, error.message)
            return lambda ctx: None
        limit = self.time_limit

        async def script(ctx: MessageContext) -> None:
            try:
                running = program.run(ctx)
                if running is not None:
                    await running
            except ScriptFailed as failure:
                text = f'Javascript runtime error: "{failure}"'
                raise self._failed("ScriptEvaluationFailed", text, failure) from failure
            except ScriptTimedOut as failure:
                text = f"Javascript runtime exceeded limit of {limit}ms"
                raise self._failed("ScriptExecutionFailed", text, failure) from failure

        return script

    # ---- resources

    def _resources(self, site: Site) -> list[Resource]:
        """The scripts in the order in which they run; findings for those that are not there."""
        nodes = [*self.node.all("IncludeURL"), *self.node.all("ResourceURL")[:1]]
        return [resource for node in nodes if (resource := self._resource(node, site)) is not None]

    def _resource(self, node: Node, site: Site) -> Resource | None:
        url = node.text.strip()
        kind, separator, file = url.partition("://")
        if not url:
            site.error(node, "NoResourceForURL", "Write py://FILE.py.", url=url)
            return None
        if not separator or not kind or not file:
            site.error(node, "InvalidResourceUrlFormat", "Write py://FILE.py.", url=url)
            return None
        if kind not in ("py", "js"):
            site.error(node, "WrongResourceType", "Write py://FILE.py.", file=file, type=kind)
            return None
        resource = site.resource(url)
        if resource is None:
            site.error(
                node,
                "InvalidResourceUrlReference",
                f"Put the file into resources/{kind}/{file}, or mend its name.",
                url=url,
                org=site.deployment.organization,
            )
        return resource
