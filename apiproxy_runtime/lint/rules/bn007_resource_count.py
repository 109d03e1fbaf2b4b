from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.lint.rule import LintBundle, Match, Option, Rule


class ResourceCount(Rule):
    """A bundle of very many resource files holds a program of its own, which is better kept elsewhere.

    Editors' backups, .DS_Store and node_modules do not count.
    """

    id = "BN007"
    name = "Resource count"
    cure = "Bundle scripts into one file, or move what many proxies use to the environment's resources."
    bad = "apiproxy/resources/ with 21 files"
    good = "apiproxy/resources/ with 5 files"
    docs = "https://docs.cloud.google.com/apigee/docs/api-platform/develop/resource-files"

    files = Option(20, "most resource files that a bundle may have")

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        below = f"{bundle.kind}/resources/"
        count = sum(1 for file in bundle.files if file.file.startswith(below) and _counts(file.file))
        if count > self.files:
            yield Match(bundle.place, f"the bundle has {count} resource files, more than {self.files}")


def _counts(file: str) -> bool:
    parts = file.split("/")
    return not ("node_modules" in parts or parts[-1] == ".DS_Store" or parts[-1].endswith("~"))
