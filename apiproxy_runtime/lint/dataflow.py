"""Which flow variables a bundle reads and sets, as far as its files tell.

Everything here leans to one side: what might set a variable counts as setting it. Whatever a policy names outside of
what it reads counts as set; a script whose variables cannot be told, Java, and shared flows that are not at hand may
set anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec import Struct, field

from apiproxy_runtime.bundle.finding import Placed
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.expression.condition.nodes import variables_of
from apiproxy_runtime.expression.condition.parser import parse
from apiproxy_runtime.expression.template.nodes import ParsedTemplate, Variable
from apiproxy_runtime.lint.bundle import LintBundle
from apiproxy_runtime.lint.parts import PolicyFile
from apiproxy_runtime.message.builtin import BUILT_IN

#: First parts of the names that the runtime itself sets.
PLATFORM = frozenset(
    (
        *(name.partition(".")[0] for name in BUILT_IN),
        *("propertyset", "flow", "analytics", "mint", "log", "ssl", "tls", "node", "graphql", "log_uuid"),
        *("cachehit", "router_uuid", "publishmessage", "apiproduct", "app", "developer", "company"),
        *("appgroup", "accesstoken", "axfields", "google", "cross_origin_resource_sharing"),
    )
)
#: Policies whose variables are too many, or the business of somebody else's code.
_OPAQUE = frozenset(
    ("JavaCallout", "ExternalCallout", "ConnectorCallout", "ExtensionCallout", "PythonScript")
)
#: Policies that set variables under fixed names, such as `client_id` and `scope`.
_CONSUMERS = frozenset(
    ("OAuthV2", "OAuthV1", "VerifyAPIKey", "GetOAuthV2Info", "GetOAuthV1Info", "AccessEntity")
)
#: Policies whose texts are message templates, and elements of them whose texts are none.
_TEMPLATES = frozenset(("AssignMessage", "RaiseFault", "ServiceCallout", "MessageLogging", "PublishMessage"))
_NO_TEMPLATE = frozenset(("Name", "Value", "Ref", "Response", "DisplayName", "Description"))
_NAME = re.compile(r"[A-Za-z_][\w.\-]*\Z")
_IN_PATTERN = re.compile(r"(?<!%)\{([^{}]+)\}")
_SET = re.compile(
    r"""\bsetVariable\s*\(\s*(?:(["'])(?P<name>(?:(?!\1).)*)\1\s*(?P<then>[,+)])|(?P<other>.))""", re.DOTALL
)
_GET = re.compile(
    r"""\bgetVariable\s*\(\s*(?:(["'])(?P<name>(?:(?!\1).)*)\1\s*(?P<then>[,+)])|(?P<other>.))""", re.DOTALL
)
_CALL = re.compile(r"\b(?:context|flow|ctx|messageContext|proxyContext)\s*\.\s*(?:set|get)Variable\s*\(")
_ANY_CALL = re.compile(r"\b(?:set|get)Variable\b")
_LITERAL = re.compile(r"""(["'])((?:(?!\1)[^\\\n]|\\.)*)\1""")
_SCRIPTS = frozenset(("jsc", "py", "node"))


class Dataflow(Struct):
    """The variables of one bundle.

    reads    name → places; those that stand in for something else when unset are left out
    sets     name → places: what AssignVariable and ExtractVariables set
    known    every name that something may set
    starts   beginnings of such names
    opaque   anything may be set
    nosy     anything may be read
    """

    reads: dict[str, list[Placed]] = field(default_factory=dict)
    sets: dict[str, list[Node]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    starts: list[str] = field(default_factory=list)
    opaque: bool = False
    nosy: bool = False
    consumers: bool = False

    def may_be_set(self, name: str) -> bool:
        """Whether anything sets a variable, a message that it is a part of, or the platform does."""
        if (
            self.opaque
            or name.startswith("private.propertyset.")
            or name.partition(".")[0] in PLATFORM
            or name.endswith((".failed", ".error"))
        ):
            return True
        if self.consumers and "." not in name:
            return True
        parts = name.split(".")
        begins = (".".join(parts[:count]) for count in range(1, len(parts) + 1))
        return any(part in self.known for part in begins) or name.startswith(tuple(self.starts))


def dataflow(bundle: LintBundle) -> Dataflow:
    """For `bundle.table`."""
    flow = Dataflow()
    for endpoint in bundle.endpoints:
        for condition in endpoint.conditions:
            for name in variables_of(condition.tree):
                flow.reads.setdefault(name, []).append(condition.node)
        for node in endpoint.node.walk():
            if not node.children and node.tag not in ("Condition", "Description"):
                _read_template(flow, bundle, node, node.text)
    for policy in bundle.policies:
        _policy(flow, policy, bundle)
    for resource in bundle.resources:
        if resource.type in _SCRIPTS:
            _script(flow, resource.text(), resource.place)
        elif resource.type == "template":
            flow.nosy = True
    if bundle.kind == "sharedflowbundle":
        flow.opaque = flow.nosy = True  # what its callers set and read
    return flow


def _policy(flow: Dataflow, policy: PolicyFile, bundle: LintBundle) -> None:
    # variables of policies carry their names: ratelimit.Q-1.used.count
    flow.known.update(f"{prefix}.{policy.called}" for prefix in _prefixes(policy))
    flow.opaque |= policy.element in _OPAQUE
    flow.consumers |= policy.element in _CONSUMERS
    if policy.element == "ExtractVariables":
        _extracted(flow, policy.node)
    elif policy.element == "FlowCallout":
        _shared_flow(flow, policy, bundle)
    elif policy.element in ("GetOAuthV2Info", "VerifyJWT", "DecodeJWT", "ValidateSAMLAssertion", "OAuthV2"):
        flow.starts += ["jwt.", "saml.", "oauthv2"]
    templates = policy.element in _TEMPLATES
    for node in policy.node.walk():
        text = node.text.strip()
        ref = node.attributes.get("ref", "").strip()
        if ref and policy.element == "BasicAuthentication" and node.tag in ("User", "Password"):
            flow.known.add(ref)  # decoding sets them
        elif ref and not text:
            flow.reads.setdefault(ref, []).append(node)
        if node.tag == "Source" and policy.element in ("Javascript", "Script"):
            _script(flow, node.text, node)
        elif node.tag == "Condition" or policy.element == "AssertCondition":
            for name in _of_condition(text):
                flow.reads.setdefault(name, []).append(node)
        elif node.tag == "Ref" and text:
            flow.reads.setdefault(text, []).append(node)
        elif templates and node.tag not in _NO_TEMPLATE and not node.children:
            _read_template(flow, bundle, node, text)
        elif node.tag not in ("Source", "VariablePrefix") and _NAME.match(text):
            flow.known.add(text)
        for attribute, value in node.attributes.items():
            if (
                attribute not in ("ref", "source", "enabled", "continueOnError", "async")
                and node is not policy.node
            ):
                flow.known.add(value.strip())
        if node.tag == "AssignVariable":
            _assigned(flow, node)


def _prefixes(policy: PolicyFile) -> Iterator[str]:
    """What stands before the policy's name in the names of its variables."""
    declared = policy.declaration.variables if policy.declaration is not None else {}
    for name in declared:
        before, found, _ = name.partition(".{policy}")
        if found:
            yield before
    yield from (
        "ratelimit",
        "jwt",
        "jws",
        "servicecallout",
        "verifyapikey",
        "oauthv2accesstoken",
        policy.element,
    )
    yield policy.element.lower()


def _assigned(flow: Dataflow, node: Node) -> None:
    name = node.child_text("Name", "")
    if _NAME.match(name):
        flow.sets.setdefault(name, []).append(node)
    elif "{" in name:
        start = name.partition("{")[0]
        flow.opaque |= not start
        flow.starts.append(start)


def _extracted(flow: Dataflow, root: Node) -> None:
    prefix = root.child_text("VariablePrefix", "")
    before = f"{prefix}." if prefix else ""
    for node in root.walk():
        names: list[str] = []
        if node.tag == "Variable" and node.name:
            names = [node.name]
        elif node.tag == "Pattern":
            names = _IN_PATTERN.findall(node.text)
        for name in names:
            flow.known.add(before + name)
            flow.sets.setdefault(before + name, []).append(node)


def _shared_flow(flow: Dataflow, policy: PolicyFile, bundle: LintBundle) -> None:
    """What a shared flow sets; one that is not at hand may set anything."""
    name = policy.node.child_text("SharedFlowBundle", "")
    other = bundle.sibling(name, "sharedflowbundle")
    if other is None or "{" in name:
        flow.opaque = flow.nosy = True
        return
    inner = Dataflow()
    for each in other.policies:
        if each.element != "FlowCallout":
            _policy(inner, each, other)
        else:
            inner.opaque = inner.nosy = True
    for resource in other.resources:
        if resource.type in _SCRIPTS:
            _script(inner, resource.text(), resource.place)
    flow.known |= inner.known
    flow.starts += inner.starts
    flow.opaque |= inner.opaque
    flow.consumers |= inner.consumers
    flow.nosy = True  # told by its files, which no rule about this bundle looks at


def _script(flow: Dataflow, text: str, place: Placed) -> None:
    calls = len(_CALL.findall(text))
    if calls != len(_ANY_CALL.findall(text)):
        flow.opaque = flow.nosy = True
    for match in _SET.finditer(text):
        name = match["name"]
        if name is None:
            flow.opaque = True
        elif match["then"] == "+":
            flow.starts.append(name)
            flow.opaque |= not name
        else:
            flow.known.add(name)
    for match in _GET.finditer(text):
        if match["name"] is None or match["then"] == "+":
            flow.nosy = True
    read = {match["name"] for match in _GET.finditer(text) if match["name"]}
    flow.known.update(found for _, found in _LITERAL.findall(text) if found not in read)


def _of_condition(text: str) -> tuple[str, ...]:
    try:
        return variables_of(parse(text))
    except ConditionSyntaxError:
        return ()


def _read_template(flow: Dataflow, bundle: LintBundle, node: Node, text: str) -> None:
    """The variables of a template; those with a default may well be unset."""
    if "{" not in text:
        return
    parsed = bundle.template(text)
    if not isinstance(parsed, ParsedTemplate):
        return
    for part in parsed.nodes:
        if isinstance(part, Variable) and part.default is None and _NAME.match(part.name):
            flow.reads.setdefault(part.name, []).append(node)


def request_only(policy: PolicyFile) -> bool:
    """Whether a policy runs, and only in the request flows of endpoints."""
    return bool(policy.steps) and all(
        step.flow is not None and step.phase == "Request" for step in policy.steps
    )


def flows_only(policy: PolicyFile) -> bool:
    """Whether a policy runs, and only where no fault can be handled: in no fault rule and not after the answer."""
    return bool(policy.steps) and all(
        step.flow is not None and step.flow.tag != "PostClientFlow" for step in policy.steps
    )
