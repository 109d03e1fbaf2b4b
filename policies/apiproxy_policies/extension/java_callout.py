"""JavaCallout: runs a Java class from a jar of the bundle."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from apiproxy_runtime.policy.api import (
    MILLISECONDS,
    PAYLOAD,
    Element,
    Fault,
    Message,
    MessageContext,
    Policy,
    Setting,
    Site,
    StepFunction,
    attribute,
    child,
    default_error,
    fault_table,
    many,
    nested,
    text,
)

if TYPE_CHECKING:
    from apiproxy_runtime.scripting.java.classfile import Jars
    from apiproxy_runtime.scripting.java.program import BundleJars
    from apiproxy_runtime.scripting.java.run import CalloutAborted, CalloutThrew

logger = logging.getLogger("apiproxy.java")

#: As long as a target may take; Apigee documents no limit.
TIME_LIMIT = Setting(
    "javacallout.timeout.millis",
    MILLISECONDS,
    "55000",
    "how long a callout may take, in milliseconds",
)
_WITH_PROPERTIES, _PLAIN = "(Ljava/util/Map;)V", "()V"


class Property(Element):
    """A setting for the class's constructor."""

    name: str = attribute("name", required=True, default="")
    value: str = text(PAYLOAD, default="", doc="always text; `{variables}` are the class's own business")


class Properties(Element):
    items: tuple[Property, ...] = many("Property", Property)


class JavaCallout(Policy):
    """Run a Java class that implements `com.apigee.flow.execution.spi.Execution`.

    The class is looked for in the named jar and finds all other jars of `resources/java`. One instance serves all
    requests; with properties it is made by the constructor that takes a `Map<String, String>`, else by the one that
    takes nothing. Callouts run on a JVM in a process of its own, which is started by the first one. What a callout
    prints goes to the trace and, at debug level, to the log.

    An exception, and a callout that returns null, is ExecutionError ("JavaCallout policy", table of errors). What the
    page does not tell is a callout that returns ABORT: it is `flow.execution.ExecutionReturnedFailure`, "Execution
    returned an error result", as the library that Apigee publishes for callouts names it. The error response and the
    headers that the callout put on the result are what the client gets.
    """

    tag = "JavaCallout"
    family = "extension"
    prefix = "javacallout"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/java-callout-policy"
    faults = fault_table(
        "steps.javacallout",
        (
            "ExecutionError",
            500,
            "Failed to execute JavaCallout. {message}",
            "the Java code threw, returned null, used up its time, or lost its process",
        ),
        (
            "flow.execution.ExecutionReturnedFailure",
            500,
            "Execution returned an error result",
            "the Java code returned ABORT",
        ),
    )
    deploy_errors = {
        "ClassNameMissing": "JavaCallout {policy} names no class.",
        "NoResourceForURL": "Could not locate a resource with URL {url}",
        "ResourceDoesNotExist": "Resource with name {jar} and type java does not exist",
        "JavaClassNotFoundInJavaResource": "Failed to find the ClassName in java resource {jar} - {class}",
        "JavaClassDefinitionNotFound": "Failed to load java class {class} definition due to - {reason}",
        "IncompatibleJavaVersion": "Failed to load java class {class} definition due to - {reason}",
        "JavaCalloutInstantiationFailed": "Failed to instantiate the JavaCallout Class {class}",
        "NoAppropriateConstructor": "No appropriate constructor found in JavaCallout class {class}",
        "InvalidJar": "{reason}.",
        "JavaMissing": "Java callouts need Java 11 or newer: {reason}.",
    }
    settings = (TIME_LIMIT,)
    variables = {"javacallout.{policy}.failed": "whether the callout failed"}
    example = """
<JavaCallout name="Java-Greet">
  <Properties><Property name="greeting">Hello</Property></Properties>
  <ClassName>com.example.Greet</ClassName>
  <ResourceURL>java://greet.jar</ResourceURL>
</JavaCallout>"""

    class_name: str = child(
        "ClassName",
        required=True,
        default="",
        error="ClassNameMissing",
        message=deploy_errors["ClassNameMissing"],
        doc="the class, with its package",
    )
    resource_url: str = child(
        "ResourceURL",
        required=True,
        default="",
        error="NoResourceForURL",
        message="Could not locate a resource with URL {value}",
        doc="the jar that holds it: java://FILE.jar",
    )
    properties: Properties | None = nested("Properties", Properties, doc="settings for the class")

    def compile(self, site: Site) -> StepFunction:
        # loaded here: bundles without callouts need none of it
        from apiproxy_runtime.scripting.java.host import JavaHost
        from apiproxy_runtime.scripting.java.jvm import JavaMissing
        from apiproxy_runtime.scripting.java.program import JavaProgram, jars_of
        from apiproxy_runtime.scripting.java.run import (
            CalloutAborted,
            CalloutThrew,
            CalloutTimedOut,
            SidecarLost,
        )

        host = site.services.engine(JavaHost)
        jars = jars_of(host, site.bundle, lambda: _read_jars(site))
        if not self._check_class(site, jars):
            return lambda ctx: None
        limit = site.setting(TIME_LIMIT)
        program = JavaProgram(host, jars, self.class_name, self._settings(), limit)

        async def java_callout(ctx: MessageContext) -> None:
            try:
                await program.run(ctx)
            except CalloutThrew as thrown:
                raise self._thrown(thrown) from thrown
            except CalloutAborted as aborted:
                raise self._aborted(aborted, ctx) from aborted
            except CalloutTimedOut as late:
                message = f"{self.class_name} did not finish within {limit} ms"
                raise self.fault("ExecutionError", message=message) from late
            except (SidecarLost, JavaMissing, OSError) as lost:
                raise self.fault("ExecutionError", message=lost) from lost

        return java_callout

    def _settings(self) -> dict[str, str]:
        items = self.properties.items if self.properties is not None else ()
        return {item.name: item.value for item in items}

    def _thrown(self, thrown: CalloutThrew) -> Fault:
        """The fault for an exception: its message alone, as Apigee tells it, or its class when it has none."""
        logger.info("%s: %s", self.name, thrown.trace)
        return self.fault("ExecutionError", message=thrown.message or thrown.kind)

    def _aborted(self, aborted: CalloutAborted, ctx: MessageContext) -> Fault:
        fault = self.fault("ExecutionReturnedFailure")
        if aborted.response is None and not aborted.headers:
            return fault
        message = default_error(fault, ctx.request) if aborted.response is None else Message.response(500)
        for name, value in aborted.headers.items():
            message.headers.set(name, value)
        if aborted.response is not None:
            message.content = aborted.response
        fault.message = message
        return fault

    # ---- what can be told without a JVM

    def _check_class(self, site: Site, jars: BundleJars) -> bool:
        """Find what would keep the class from running; False when something does."""
        from apiproxy_runtime.scripting.java.classfile import NotAClass
        from apiproxy_runtime.scripting.java.jvm import JavaMissing, find_java

        node = self.node.child("ResourceURL") or self.node
        url = self.resource_url
        if not self.class_name or not url:
            return False
        kind, separator, jar = url.partition("://")
        if kind != "java" or not separator or not jar:
            site.error(node, "NoResourceForURL", "Write java://FILE.jar.", url=url)
            return False
        if jar not in jars.names:
            cure = f"Put the jar into resources/java/{jar}, or mend its name."
            site.error(node, "ResourceDoesNotExist", cure, jar=jar)
            return False
        try:
            newest = find_java().newest_class
        except JavaMissing as missing:
            cure = "Install a JRE, or: pip install 'apiproxy-runtime[java]'"
            site.error(self.node, "JavaMissing", cure, reason=missing)
            return False
        try:
            return self._judge(site, jars.classes(), jar, newest)
        except NotAClass as error:
            site.error(node, "InvalidJar", "Build the jar anew.", reason=error)
            return False

    def _judge(self, site: Site, classes: Jars, jar: str, newest: int | None) -> bool:
        from apiproxy_runtime.scripting.java.classfile import (
            ABSTRACT,
            EXECUTION,
            INTERFACE,
            PUBLIC,
            of_platform,
        )

        node = self.node.child("ClassName") or self.node
        name = self.class_name.replace(".", "/")
        values: dict[str, object] = {"class": self.class_name, "jar": jar}
        home = classes.jar_of(name)
        found = classes.find(name)
        if found is None:
            cure = "Mend <ClassName>; names of nested classes have a $."
            site.error(node, "JavaClassNotFoundInJavaResource", cure, **values)
            return False
        if home != jar:
            where = f"{self.class_name} is in {home}, not in {jar}"
            site.warning(node, "ClassInOtherJar", where, f"Write <ResourceURL>java://{home}</ResourceURL>.")
        ancestry, elsewhere = classes.ancestry(found)
        newer = next((item for item in ancestry if newest is not None and item.version > newest), None)
        if newer is not None:
            reason = f"{newer.name} has been compiled for Java {newer.java_version}, and Java {newest and newest - 44} runs here"
            cure = "Compile with --release 11, which Apigee runs, or let APIPROXY_JAVA name a newer Java."
            site.error(node, "IncompatibleJavaVersion", cure, reason=reason, **values)
            return False
        missing = next((item for item in elsewhere if not of_platform(item)), None)
        if missing is not None:
            cure = "Put the jar that has it into resources/java."
            site.error(node, "JavaClassDefinitionNotFound", cure, reason=missing, **values)
            return False
        if EXECUTION not in elsewhere:
            cure = "Let it implement com.apigee.flow.execution.spi.Execution."
            site.error(node, "JavaCalloutInstantiationFailed", cure, **values)
            return False
        if found.flags & (INTERFACE | ABSTRACT) or not found.flags & PUBLIC:
            cure = "Make it a public class that is not abstract."
            site.error(node, "JavaCalloutInstantiationFailed", cure, **values)
            return False
        if not {_WITH_PROPERTIES, _PLAIN} & set(found.constructors):
            cure = "Give it a public constructor that takes a Map<String, String>, or nothing."
            site.error(node, "NoAppropriateConstructor", cure, **values)
            return False
        if self._settings() and _WITH_PROPERTIES not in found.constructors:
            text = f"{self.class_name} has no constructor that takes the properties; nobody reads them"
            site.warning(self.node, "UnreadProperties", text, "Give it a constructor that takes a Map.")
        return True


def _read_jars(site: Site) -> dict[str, bytes]:
    """The jars that callouts of a bundle see: the bundle's own, then the environment's."""
    found: dict[str, bytes] = {}
    for resources in (site.bundle.resources, site.environment.resources):
        for (kind, name), resource in resources.items():
            if kind == "java" and name not in found and name.endswith(".jar"):
                found[name] = resource.read()
    return found
