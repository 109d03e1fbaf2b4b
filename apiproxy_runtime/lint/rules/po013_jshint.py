from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.lint.javascript import (
    LinterFailed,
    find_command,
    find_config,
    jshint_remarks,
    run_linter,
    scripts_of,
)
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule


class JsHint(Rule):
    """What JSHint finds in scripts, where there is a .jshintrc for them and JSHint is installed; nothing elsewhere."""

    id = "PO013"
    name = "JSHint"
    severity = "error"
    bad = "var a = 1 var b"
    good = "var a = 1;"
    docs = "https://jshint.com/docs/options/"

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        scripts = scripts_of(bundle, (".js", ".jsc"))
        config = find_config(bundle, (".jshintrc",)) if scripts else None
        command = find_command("jshint", config) if config is not None else None
        if config is None or command is None:
            return
        try:
            options = ["--reporter", "unix", "--show-non-errors", "--verbose", "--config", str(config)]
            printed = run_linter([command, *options], scripts, bundle, config)
        except LinterFailed as error:
            yield Match(bundle.place, f"JSHint could not run: {error}", "See .jshintrc.")
            return
        for remark in jshint_remarks(printed, scripts, bundle):
            yield Match(
                Place(remark.script.file, remark.line, remark.column),
                f"{remark.text} ({remark.rule}; JSHint)",
                "Mend the script, or the configuration of JSHint.",
                severity="error" if remark.is_error else "warning",
            )
