"""XSL: transforms XML with a stylesheet of the bundle."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from apiproxy_policies.aside import WorkTimeout, aside
from apiproxy_policies.xml_payload import as_message
from apiproxy_policies.xslt import saxon
from apiproxy_policies.xslt.engine import Engine, Job, TransformFailed
from apiproxy_policies.xslt.libxslt import compile_libxslt
from apiproxy_policies.xslt.stylesheet import Stylesheet, StylesheetError, read_stylesheet
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    VARIABLE,
    Element,
    Message,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    many,
    nested,
    text_of,
)

#: seconds that one transformation may take
TIME_LIMIT = 10.0
_EXTRA = "pip install 'apiproxy-runtime[xslt]'"


class Parameter(Element):
    """A parameter of the stylesheet; `ref` counts first, `value` where that is not set."""

    name: str = attribute("name", required=True, default="")
    ref: str | None = attribute("ref", default=None, doc="flow variable that holds the value")
    value: str | None = attribute("value", default=None, doc="the value itself")


class Parameters(Element):
    ignore_unresolved: bool = attribute(
        "ignoreUnresolvedVariables",
        BOOLEAN,
        default=False,
        doc="true: a parameter whose variable is not set is not passed",
    )
    items: tuple[Parameter, ...] = many("Parameter", Parameter)


class XSL(Policy):
    """Apply an XSLT stylesheet to an XML message.

    Without OutputVariable the result takes the place of the message's content; its Content-Type stays as it is. The
    output variable is a string, never a message.

    Stylesheets that need no more than XSLT 1.0 run on lxml; those of 2.0 and 3.0 run on Saxon, as all do on Apigee, when
    the extra `xslt` is installed. A stylesheet that says 2.0 but uses nothing new runs without it, with a warning. Included
    and imported stylesheets are resources of the bundle (Apigee's page says that it supports neither). Nothing
    else is read or written, and a transformation that takes longer than 10 seconds is a fault.
    """

    tag = "XSL"
    aliases = ("XSLTransform",)
    family = "mediation"
    prefix = "xsl"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/xsl-transform-policy"
    faults = fault_table(
        "steps.xsl",
        (
            "XSLSourceMessageNotAvailable",
            500,
            "{variable} message is not available for XSL: {policy}",
            "the source is not in scope, or not set",
        ),
        (
            "XSLEvaluationFailed",
            500,
            'Evaluation of XSL {stylesheet} failed with reason: "{reason}"',
            "the payload is no XML, or the transformation failed or took too long",
        ),
        (
            "XSLVariableResolutionFailed",
            500,
            "Failed to resolve variable {variable}",
            "a parameter's variable is not set and ignoreUnresolvedVariables is false",
        ),
    )
    deploy_errors = {
        "XSLEmptyResourceUrl": "Resource Url cannot be empty in XSL {policy}",
        "XSLInvalidResourceType": "XSL {policy}: Resource type must be xsl. Context {context}",
        "ResourceDoesNotExist": "XSL {policy}: there is no resource {resource}",
        "XSLCompilationFailed": "XSL {policy}: Failed to compile {resource}: {reason}",
        "XSLEngineMissing": "XSL {policy}: {resource} needs XSLT 2.0: {what}",
    }
    example = """
<XSL name="XSL-Summary">
  <Source>response</Source>
  <ResourceURL>xsl://summary.xsl</ResourceURL>
  <Parameters ignoreUnresolvedVariables="true">
    <Parameter name="currency" value="EUR"/>
    <Parameter name="client" ref="client_id"/>
  </Parameters>
  <OutputVariable>summary</OutputVariable>
</XSL>"""

    source: str | None = child("Source", VARIABLE, doc="message to transform, `message` by default")
    resource_url: str = child("ResourceURL", default="", doc="the stylesheet, `xsl://FILE`")
    output: str | None = child("OutputVariable", VARIABLE, doc="string variable for the result")
    parameters: Parameters | None = nested("Parameters", Parameters)

    def check(self, site: Site) -> None:
        url, place = self.resource_url, self.place("ResourceURL")
        if not url:
            site.error(place, "XSLEmptyResourceUrl", "Name the stylesheet, xsl://FILE.")
        elif not url.startswith("xsl://"):
            site.error(place, "XSLInvalidResourceType", "Write xsl://FILE.", context=_context(site))
        elif site.resource(url) is None:
            site.error(
                place, "ResourceDoesNotExist", "Add the file to the folder resources/xsl.", resource=url
            )
        if (self.output or "") in ("request", "response", "message", "error"):
            site.warning(
                self.node,
                "OutputVariableIsMessage",
                f"the result is a string, which cannot be assigned to {self.output}",
                "Remove <OutputVariable>: then the result becomes the source message's content.",
            )

    def compile(self, site: Site) -> StepFunction:
        engine = self._engine(site)
        if engine is None:
            return lambda ctx: None
        source = (self.source or "").strip() or "message"
        get, parameters = site.getter(source), self._parameters(site)
        write = self._writer(site, source)
        encoding, inline = engine.encoding, engine.inline

        async def transform_aside(ctx: MessageContext, found: object, job: Job) -> None:
            try:
                result = await aside(job.run, TIME_LIMIT)
            except TransformFailed as failed:
                raise self._failed(failed) from None
            except WorkTimeout as late:
                job.stop()
                raise self._failed(late) from None
            write(ctx, found, result, encoding)

        def xsl(ctx: MessageContext) -> Awaitable[None] | None:
            found = get(ctx)
            if found is None:
                raise self.fault("XSLSourceMessageNotAvailable", variable=source)
            message = found if found.__class__ is Message else as_message(text_of(found))
            job = engine.job(message, parameters(ctx))
            if len(message.body) > inline:
                return transform_aside(ctx, found, job)
            try:
                result = job.run()
            except TransformFailed as failed:
                raise self._failed(failed) from None
            write(ctx, found, result, encoding)
            return None

        return xsl

    def _failed(self, reason: Exception) -> Exception:
        stylesheet = self.resource_url.removeprefix("xsl://")
        return self.fault("XSLEvaluationFailed", stylesheet=stylesheet, reason=reason)

    # ---- the stylesheet

    def _engine(self, site: Site) -> Engine | None:
        """The compiled stylesheet; None when it does not compile, which is a finding then."""

        def load(name: str) -> bytes | None:
            resource = site.resource(f"xsl://{name}")
            return None if resource is None else resource.read()

        try:
            sheet = read_stylesheet(self.resource_url.removeprefix("xsl://"), load)
            return self._compiled(sheet, site)
        except StylesheetError as error:
            place = f" (line {error.line})" if error.line else ""
            site.error(
                self.place("ResourceURL"),
                "XSLCompilationFailed",
                "Correct the stylesheet.",
                resource=f"xsl://{error.file}{place}",
                reason=error,
            )
        return None

    def _compiled(self, sheet: Stylesheet, site: Site) -> Engine | None:
        newer = sheet.version.strip() not in ("1.0", "1", "1.1")
        if (sheet.newer is not None or newer) and saxon.available():
            return saxon.compile_saxon(sheet)
        if sheet.newer is not None:
            site.error(
                self.node,
                "XSLEngineMissing",
                f"Install the engine: {_EXTRA}.",
                resource=self.resource_url,
                what=sheet.newer,
            )
            return None
        if newer:
            site.warning(
                self.node,
                "XSLVersion",
                f"{self.resource_url} says XSLT {sheet.version} but uses nothing that is new since 1.0; it runs as 1.0",
                f"Install the engine of Apigee's kind to be sure of details: {_EXTRA}.",
            )
        return compile_libxslt(sheet)

    # ---- what goes in and what comes out

    def _parameters(self, site: Site) -> Callable[[MessageContext], dict[str, str]]:
        items = self.parameters.items if self.parameters is not None else ()
        lenient = self.parameters is not None and self.parameters.ignore_unresolved
        constant = {item.name: item.value or "" for item in items if not item.ref and item.name}
        referred = [(item.name, site.getter(item.ref), item.ref, item.value) for item in items if item.ref]
        if not referred:
            return lambda ctx: constant

        def parameters(ctx: MessageContext) -> dict[str, str]:
            values = constant.copy()
            for name, get, ref, default in referred:
                value = get(ctx)
                if value is not None:
                    values[name] = text_of(value)
                elif default is not None:
                    values[name] = default
                elif not lenient:
                    raise self.fault("XSLVariableResolutionFailed", variable=ref)
            return values

        return parameters

    def _writer(self, site: Site, source: str) -> Callable[[MessageContext, object, bytes, str], object]:
        output = (self.output or "").strip()
        if output:
            put = site.setter(output)
            return lambda ctx, found, result, encoding: put(ctx, result.decode(encoding, "replace"))
        put_source = site.setter(source)

        def replace(ctx: MessageContext, found: object, result: bytes, encoding: str) -> None:
            if isinstance(found, Message):
                found.body = result
            else:
                put_source(ctx, result.decode(encoding, "replace"))

        return replace


def _context(site: Site) -> str:
    at = site.deployment
    return f"Revision:{at.revision};APIProxy:{at.proxy};Organization:{at.organization};Environment:{at.environment}"
