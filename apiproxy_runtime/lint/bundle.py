"""A bundle as rules see it: its files and parts, and tables that are computed when a rule first asks for them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Literal, TypeVar, cast

from apiproxy_runtime.bundle.archive import SourceError
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Finding, Place, Placed
from apiproxy_runtime.bundle.model import Bundle, ProxyEndpoint, SharedFlow, TargetEndpoint
from apiproxy_runtime.bundle.xml import Node, XmlError, parse_xml
from apiproxy_runtime.expression.template.nodes import ParsedTemplate
from apiproxy_runtime.expression.template.parser import TemplateSyntaxError, parse_template
from apiproxy_runtime.lint.parts import EndpointFile, PolicyFile, RawFile, ResourceFile, StepNode

T = TypeVar("T")
_DECLARATION = re.compile(rb"(?<=.)<\?xml\s[^>]*\?>", re.DOTALL)
_FOLDERS = {"ProxyEndpoint": "proxies", "TargetEndpoint": "targets", "SharedFlow": "sharedflows"}


class LintBundle:
    """A bundle and all that rules may ask about it.

    model        the bundle as the runtime reads it
    findings     what reading it found
    environment  that of the workspace, None when the bundle came without one
    siblings     the other bundles of the run
    failure      why the trial deploy itself failed, "" if it did not
    """

    def __init__(
        self,
        model: Bundle,
        findings: tuple[Finding, ...] = (),
        profile: str = "apigeex",
        environment: Environment | None = None,
    ) -> None:
        self.model = model
        self.findings = findings
        self.profile = profile
        self.environment = environment
        self.siblings: tuple[LintBundle, ...] = ()
        self.failure = ""
        self._tables: dict[Callable[[LintBundle], object], object] = {}
        self._errors: dict[str, XmlError] = {}
        self._templates: dict[str, ParsedTemplate | TemplateSyntaxError] = {}

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def kind(self) -> Literal["apiproxy", "sharedflowbundle"]:
        return self.model.kind

    @property
    def place(self) -> Placed:
        """Where to report what concerns the bundle as a whole: its manifest."""
        manifest = self.model.manifest
        return manifest if manifest.file in self.model.files else Place(self.kind)

    def path(self, file: str) -> str:
        """A file's path to print: below the path that the user gave."""
        return PurePosixPath(self.model.source.name, file).as_posix()

    # ---- files

    @cached_property
    def files(self) -> tuple[RawFile, ...]:
        return tuple(RawFile(file, self) for file in self.model.files)

    @cached_property
    def _nodes(self) -> dict[str, Node | XmlError]:
        """Roots by file; those that the model has already are the same nodes.

        Not the manifest's, which the model makes up where it cannot be read.
        """
        model = self.model
        known: list[Node] = [
            *(part.node for part in model.proxies),
            *(part.node for part in model.targets.values()),
            *(part.node for part in model.shared_flows),
            *(policy.node for policy in model.policies.values()),
        ]
        return {node.file: node for node in known}

    def xml(self, file: str) -> Node | XmlError:
        """The root of any file of the bundle, or why it cannot be read as XML.

        A file that is refused only because its XML declaration does not come first is read all the same;
        `xml_error` tells.
        """
        found = self._nodes.get(file)
        if found is None:
            try:
                found = self._parse(file)
            except SourceError as error:
                found = self._errors[file] = XmlError(file, 1, 1, str(error))
            self._nodes[file] = found
        return found

    def xml_error(self, file: str) -> XmlError | None:
        """What is wrong with a file of the bundle as XML, whether or not it could be read."""
        self.xml(file)
        return self._errors.get(file)

    def _parse(self, file: str) -> Node | XmlError:
        data = self.model.source.read(file)
        try:
            return parse_xml(data, file)
        except XmlError as error:
            self._errors[file] = error
            blank = _DECLARATION.sub(lambda match: re.sub(rb"[^\n]", b" ", match.group()), data)
            try:
                return parse_xml(blank, file) if blank != data else error
            except XmlError:
                return error

    def in_folder(self, folder: str) -> Iterator[str]:
        """The XML files directly in a folder of the bundle ("" is its top)."""
        parent = PurePosixPath(self.kind, folder)
        for file in self.model.files:
            path = PurePosixPath(file)
            if path.parent == parent and path.suffix.lower() == ".xml":
                yield file

    # ---- endpoints

    @cached_property
    def endpoints(self) -> tuple[EndpointFile, ...]:
        """Proxy endpoints, target endpoints, shared flows: every well-formed file with such a root in its folder."""
        model = self.model
        parts: list[ProxyEndpoint | TargetEndpoint | SharedFlow] = [
            *model.proxies,
            *model.targets.values(),
            *model.shared_flows,
        ]
        read = {part.node: part for part in parts}
        found: list[EndpointFile] = []
        for tag, folder in _FOLDERS.items():
            for file in self.in_folder(folder):
                node = self.xml(file)
                if isinstance(node, Node) and node.tag == tag:
                    found.append(EndpointFile(file, self, node, read.get(node)))
        return tuple(found)

    def _endpoints(self, tag: str) -> tuple[EndpointFile, ...]:
        return tuple(endpoint for endpoint in self.endpoints if endpoint.tag == tag)

    @property
    def proxies(self) -> tuple[EndpointFile, ...]:
        return self._endpoints("ProxyEndpoint")

    @property
    def targets(self) -> tuple[EndpointFile, ...]:
        return self._endpoints("TargetEndpoint")

    @property
    def shared_flows(self) -> tuple[EndpointFile, ...]:
        return self._endpoints("SharedFlow")

    @cached_property
    def steps(self) -> tuple[StepNode, ...]:
        """Every step of every endpoint."""
        return tuple(step for endpoint in self.endpoints for step in endpoint.steps)

    @cached_property
    def attachments(self) -> Mapping[str, tuple[StepNode, ...]]:
        """The steps that name a policy, by its name."""
        table: dict[str, tuple[StepNode, ...]] = {}
        for step in self.steps:
            table[step.policy_name] = (*table.get(step.policy_name, ()), step)
        return table

    # ---- policies and resources

    @cached_property
    def policies(self) -> tuple[PolicyFile, ...]:
        """Every well-formed file of policies/."""
        read = {source.node: source for source in self.model.policies.values()}
        return tuple(
            PolicyFile(file, self, node, read.get(node))
            for file in self.in_folder("policies")
            if isinstance(node := self.xml(file), Node)
        )

    @cached_property
    def _policies(self) -> dict[str, PolicyFile]:
        return {policy.called: policy for policy in reversed(self.policies)}

    def policy(self, name: str) -> PolicyFile | None:
        """The first policy of a name."""
        return self._policies.get(name)

    @cached_property
    def resources(self) -> tuple[ResourceFile, ...]:
        ordered = sorted(self.model.resources.items())
        return tuple(ResourceFile(resource.file, self, resource) for _, resource in ordered)

    @cached_property
    def references(self) -> Mapping[tuple[str, str], tuple[Node, ...]]:
        """The elements of policies that name a resource (`jsc://name.js`), by its type and name, there or not."""
        table: dict[tuple[str, str], tuple[Node, ...]] = {}
        for policy in self.policies:
            for node in policy.node.walk():
                for text in (node.text, *node.attributes.values()):
                    type_, separator, name = text.strip().partition("://")
                    if separator and type_.isalnum():
                        table[type_, name] = (*table.get((type_, name), ()), node)
        return table

    # ---- what lies around

    def sibling(self, name: str, kind: str) -> LintBundle | None:
        """Another bundle of the run: `kind` is apiproxy or sharedflowbundle."""
        for other in self.siblings:
            if other.name == name and other.kind == kind:
                return other
        return None

    # ---- expressions and tables

    def template(self, text: str) -> ParsedTemplate | TemplateSyntaxError:
        """A message template, parsed once."""
        found = self._templates.get(text)
        if found is None:
            try:
                found = parse_template(text)
            except TemplateSyntaxError as error:
                found = error
            self._templates[text] = found
        return found

    def table(self, compute: Callable[[LintBundle], T]) -> T:
        """What `compute` tells about this bundle, computed once for all rules that ask with the same function."""
        if compute not in self._tables:
            self._tables[compute] = compute(self)
        return cast(T, self._tables[compute])
