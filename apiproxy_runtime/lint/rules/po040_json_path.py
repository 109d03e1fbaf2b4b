from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, PolicyFile, Rule


class JsonPaths(Rule):
    """A JSONPath that leads nowhere: empty, cut off, or that Apigee's library cannot read."""

    id = "PO040"
    name = "JSONPath"
    severity = "error"
    elements = ("ExtractVariables",)
    bad = "<JSONPath>$.</JSONPath>"
    good = "<JSONPath>$.order.id</JSONPath>"
    docs = (
        "https://docs.cloud.google.com/apigee/docs/api-platform/reference/policies/extract-variables-policy"
    )
    supersedes = ("JSONPathCompilationFailed", "EmptyJSONPathExpression")

    def on_policy(self, policy: PolicyFile, bundle: LintBundle) -> Iterator[Match]:

        # loaded only for bundles that have such a policy
        from apiproxy_runtime.expression.jsonpath import JsonPathSyntaxError, compile_jsonpath

        for node in policy.node.walk():
            if node.tag != "JSONPath":
                continue
            path = node.text.strip()
            if not path:
                yield Match(node, "<JSONPath> is empty", "Write a path.")
            elif path in ("$.", "$..") and bundle.profile == "apigeex":
                yield Match(node, f"the path {path} names nothing", "Write $ for the whole document.")
            elif path.count("{") != path.count("}"):
                yield Match(node, f"the braces of {path!r} do not match", "Correct the template.")
            elif "{" not in path:
                try:
                    compile_jsonpath(path)
                except JsonPathSyntaxError as error:
                    yield Match(node, f"{path!r} cannot be read: {error}", "Correct it.", severity="warning")
