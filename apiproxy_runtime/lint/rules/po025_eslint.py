from __future__ import annotations

from collections.abc import Iterator

from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.lint.javascript import (
    LinterFailed,
    eslint_remarks,
    find_command,
    find_config,
    run_linter,
    scripts_of,
)
from apiproxy_runtime.lint.rule import LintBundle, Match, Rule

_CONFIGS = tuple(f"eslint.config.{suffix}" for suffix in ("js", "mjs", "cjs"))


class EsLint(Rule):
    """What ESLint finds in scripts, where there is an eslint.config.js for them and ESLint is installed.

    Everywhere else the engine that runs them judges: scripts that policies use are compiled by the trial deploy, all
    others here. Each problem says which of the two found it.
    """

    id = "PO025"
    name = "ESLint"
    severity = "error"
    bad = "var a = ;"
    good = "var a = 1;"
    docs = "https://eslint.org/docs/latest/use/configure/configuration-files"

    def on_bundle(self, bundle: LintBundle) -> Iterator[Match]:
        scripts = scripts_of(bundle, (".js", ".jsc"))
        config = find_config(bundle, _CONFIGS) if scripts else None
        command = find_command("eslint", config) if config is not None else None
        if config is None or command is None:
            yield from _compiled(bundle)
            return
        try:
            printed = run_linter(
                [command, "--format", "json", "--config", str(config)], scripts, bundle, config
            )
            remarks = eslint_remarks(printed, scripts, bundle)
        except LinterFailed as error:
            yield Match(bundle.place, f"ESLint could not run: {error}", f"See {config.name}.")
            return
        for remark in remarks:
            yield Match(
                Place(remark.script.file, remark.line, remark.column),
                f"{remark.text} ({remark.rule}; ESLint)",
                "Mend the script, or the configuration of ESLint.",
                severity="error" if remark.is_error else "warning",
            )


def _compiled(bundle: LintBundle) -> Iterator[Match]:
    unused = [script for script in scripts_of(bundle, (".js", ".jsc")) if not script.references]
    if not unused:
        return
    # the engine is loaded only for bundles that have such a script
    from apiproxy_runtime.scripting.javascript.program import compile_script
    from apiproxy_runtime.scripting.javascript.source import Script, ScriptError

    for script in unused:
        try:
            compile_script([Script(script.name, script.text())], properties={}, time_limit_ms=1000)
        except ScriptError as error:
            yield Match(
                Place(script.file, error.line, error.column),
                f"the script cannot be compiled: {error.message} (the engine of this runtime; ESLint is not set up)",
                "Mend the script.",
            )
