from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, Rule

_FOLDERS = ("", "proxies", "targets", "sharedflows", "policies", "integration-endpoints")


class WellFormed(Rule):
    """A file that is not well-formed XML cannot be imported.

    Looked at are the manifest, endpoints, shared flows and policies. What else might be wrong with such a file, or
    with what refers to it, is told once it can be read; where only an XML declaration stands in the wrong place, at
    once.
    """

    id = "BN011"
    name = "Well-formed XML"
    severity = "error"
    cure = "Mend the markup: close each element, and write &amp; for & and &lt; for <."
    bad = "<Condition>a = 1 && b = 2</Condition>"
    good = "<Condition>a = 1 and b = 2</Condition>"
    supersedes = ("InvalidXml",)

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        for folder in _FOLDERS:
            for file in bundle.in_folder(folder):
                error = bundle.xml_error(file)
                if error is not None:
                    yield Match(error, f"not well-formed XML: {error.message}")
