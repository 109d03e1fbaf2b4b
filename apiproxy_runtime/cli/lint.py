"""Find what is wrong with bundles: everything that would be refused at deploy time, and what looks unintended."""

from __future__ import annotations

import argparse
import gc
import sys
from pathlib import Path

from msgspec.structs import replace

from apiproxy_runtime.bundle.discover import NoBundleFound
from apiproxy_runtime.lint.baseline import BaselineError, read_baseline, without_known, write_baseline
from apiproxy_runtime.lint.config import Config, ConfigError, find_config, read_config
from apiproxy_runtime.lint.fix import apply_fixes
from apiproxy_runtime.lint.formatters.registry import MissingExtra, find_formatter, formatter_names
from apiproxy_runtime.lint.gather import gather
from apiproxy_runtime.lint.linter import DEPLOY, Report, lint
from apiproxy_runtime.lint.registry import find_rule, find_rules, rule_ids
from apiproxy_runtime.lint.result import ERROR
from apiproxy_runtime.lint.rule import OptionError, Rule

BASELINE = "apiproxylint-baseline.json"
#: A run makes much that it keeps, and little garbage: objects between two collections.
_FEW_COLLECTIONS = 200_000


def run(options: argparse.Namespace) -> int:
    """0 when clean, 1 with problems at or over the threshold, 2 when it could not run or a rule failed."""
    gc.set_threshold(_FEW_COLLECTIONS)
    if options.list_rules:
        print(rule_table(find_rules()), end="")
        return 0
    if options.explain is not None:
        return explain(options.explain)
    formatter = find_formatter(options.format)
    if formatter is None:
        return _refuse(f"there is no format {options.format!r}; there are {', '.join(formatter_names())}")
    if not options.paths:
        return _refuse("name a bundle, or a folder with bundles in it")
    try:
        config = _config(options)
        report = _report(options, config)
        if options.fix and apply_fixes(report):
            report = _report(options, config)
        if options.write_baseline:
            file = options.baseline or Path(BASELINE)
            print(f"{file}: {write_baseline(report, file)} problems are known from now on", file=sys.stderr)
            return 0
        if options.baseline is not None:
            report = without_known(report, read_baseline(options.baseline))
    except (NoBundleFound, ConfigError, OptionError, BaselineError) as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename}: {error.strerror}")
    color = options.output is None and sys.stdout.isatty()
    try:
        text = formatter(without_warnings(report) if config.quiet else report, color=color)
    except MissingExtra as error:
        return _refuse(str(error))
    data = text if isinstance(text, bytes) else text.encode("utf-8", "replace")
    if options.output is not None:
        try:
            options.output.write_bytes(data)
        except OSError as error:
            return _refuse(f"{options.output}: {error.strerror}")
    elif isinstance(text, str):
        sys.stdout.write(text)
    elif sys.stdout.isatty():
        return _refuse(f"--format {options.format} is not for a terminal; add -o FILE")
    else:
        sys.stdout.buffer.write(data)
    return exit_code(report, options.fail_on, config.max_warnings)


def _refuse(why: str) -> int:
    print(f"apiproxy lint: {why}", file=sys.stderr)
    return 2


def _config(options: argparse.Namespace) -> Config:
    """The configuration file, overruled by the command line."""
    file: Path | None = options.config
    if file is None and not options.no_config:
        file = find_config(options.paths[0])
    config = read_config(file) if file is not None else Config()
    exclude = {name.strip().upper() for name in (options.exclude or "").split(",") if name.strip()}
    known = {*rule_ids(), DEPLOY.upper()}
    for name in exclude:
        if name.partition("/")[0] not in known:
            print(f"apiproxy lint: --exclude: there is no rule {name}", file=sys.stderr)
    return replace(
        config,
        profile=options.profile or config.profile,
        exclude=config.exclude | exclude,
        preview=options.preview or config.preview,
        quiet=options.quiet or config.quiet,
        ignore_directives=options.ignore_directives or config.ignore_directives,
        max_warnings=config.max_warnings if options.max_warnings is None else options.max_warnings,
    )


def _report(options: argparse.Namespace, config: Config) -> Report:
    compiled = not config.excludes(DEPLOY)
    gathered = gather(
        options.paths,
        profile=config.profile,
        environment=options.environment,
        organization=options.organization,
        env_dir=options.env_dir,
        compiled=compiled,
    )
    return lint(gathered.bundles, find_rules(config.exclude), config, gathered.findings)


def without_warnings(report: Report) -> Report:
    """The same with errors only."""
    return replace(
        report,
        files=tuple(
            replace(file, problems=tuple(problem for problem in file.problems if problem.severity == ERROR))
            for file in report.files
        ),
    )


def exit_code(report: Report, fail_on: str, max_warnings: int) -> int:
    """2 if a rule failed; 1 from the severity `fail_on` on, or with more warnings than `max_warnings` (unless negative)."""
    if report.broken:
        return 2
    if 0 <= max_warnings < report.warnings:
        return 1
    if fail_on == "never":
        return 0
    return 1 if report.errors or (fail_on == "warning" and report.warnings) else 0


def rule_table(rules: list[type[Rule]]) -> str:
    """One line for each rule."""
    lines = []
    for rule in rules:
        remarks = [
            *(["fixable"] if rule.fixable else []),
            *(["preview"] if rule.preview else []),
            *([f"{rule.profiles[0]} only"] if len(rule.profiles) == 1 else []),
        ]
        remark = f" ({', '.join(remarks)})" if remarks else ""
        lines.append(f"{rule.id:<6} {rule.severity:<8} {rule.name}{remark}\n")
    return "".join(lines)


def explain(rule_id: str) -> int:
    """Print what a rule is about."""
    rule = find_rule(rule_id)
    if rule is None:
        return _refuse(f"there is no rule {rule_id!r}; --list-rules prints those there are")
    print(rule_text(rule))
    return 0


def rule_text(rule: type[Rule]) -> str:
    """All that a rule says about itself."""
    parts = [f"{rule.id} {rule.name} ({rule.severity})", rule.description()]
    if rule.cure:
        parts.append(f"Cure: {rule.cure}")
    options = [
        f"  {name} (default {option.default!r}): {option.doc}" for name, option in rule.options().items()
    ]
    if options:
        parts.append("\n".join(("Options:", *options)))
    parts += [f"{label}:\n  {text}" for label, text in (("Bad", rule.bad), ("Good", rule.good)) if text]
    if rule.docs:
        parts.append(rule.docs)
    return "\n\n".join(parts)
