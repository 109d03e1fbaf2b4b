"""Writes the reference: docs/reference/ and the table of policies in the README, from the code itself.

python tools/reference.py --write     writes what differs, removes pages of policies that are gone
python tools/reference.py --check     exit 1 and a line for each page that differs
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from apiproxy_runtime.kong.plugin import order, plugins
from apiproxy_runtime.kong.schema import Field
from apiproxy_runtime.lint.registry import find_rules
from apiproxy_runtime.lint.rule import Rule
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import all_policies
from apiproxy_runtime.reference.elements import ElementEntry, element_entries, summary, variables_of
from apiproxy_runtime.reference.faults import policy_faults, runtime_faults
from apiproxy_runtime.reference.variables import built_in, families, message_parts, policy_variables

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- policies: written by tools/reference.py -->", "<!-- end of policies -->"
NOTE = "<!-- Written by tools/reference.py; change the code and run `make reference`. -->\n\n"
FAMILY_NAMES = {
    "security": "Security",
    "traffic": "Traffic management",
    "mediation": "Mediation",
    "extension": "Extension",
}


def cell(text: object) -> str:
    """A text that may stand in a table."""
    return re.sub(r"\s+", " ", str(text)).replace("|", "\\|").strip()


def code(text: object) -> str:
    """A literal in a table; empty stays empty."""
    plain = cell(text)
    return f"`{plain}`" if plain else ""


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table, or nothing without rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if not lines:
        return ""
    return "\n".join((f"| {' | '.join(head)} |", "|" + " --- |" * len(head), *lines, ""))


# ---- a policy


def element_row(entry: ElementEntry) -> tuple[str, ...]:
    """The row of an attribute or element."""
    marks = ", ".join({"required": "**required**"}.get(mark, f"`{mark}`") for mark in entry.marks)
    marks = marks.replace("`repeatable`", "repeatable").replace("`template`", "template")
    holds = ", ".join(map(code, entry.choices)) or cell(entry.kind) or "elements"
    if entry.members:
        own = code(entry.path) if entry.path != "…" else "`…`"
        return own, "elements", "", f"{', '.join(map(code, entry.members))}: {cell(entry.doc)}"
    notes = "; ".join(part for part in (marks, cell(entry.doc)) if part)
    return code(entry.path), holds, code(entry.default), notes


def policy_page(policy: type[Policy]) -> str:
    """The page of one policy."""
    doc = inspect.cleandoc(policy.__dict__.get("__doc__") or "")
    platforms = {"apigeex": "Apigee X and hybrid", "apigee": "Apigee Edge"}
    known = " · ".join(platforms.get(name, name) for name in policy.profiles)
    parts = [f"# {policy.tag}\n", NOTE, doc, ""]
    parts.append(
        f"{FAMILY_NAMES.get(policy.family, policy.family)} · {known}"
        + (f" · [Apigee's page]({policy.docs})" if policy.docs else "")
    )
    if policy.aliases:
        parts.append(f"\nAlso written {', '.join(f'`<{alias}>`' for alias in policy.aliases)}.")
    if policy.example.strip():
        parts.append(f"\n```xml\n{policy.example.strip()}\n```")
    parts.append(
        "\n## Elements\n\n`ref`: the attribute `ref` may name a flow variable. template: variables in braces are replaced.\n"
    )
    parts.append(table(("Element", "Holds", "Default", "Notes"), map(element_row, element_entries(policy))))
    variables = variables_of(policy)
    if variables:
        parts.append("## Variables it sets\n\n`{policy}` is the policy's name.\n")
        rows = ((code(name), cell(meaning)) for name, meaning in variables.items())
        parts.append(table(("Variable", "Meaning"), rows))
    if policy.events:
        parts.append("## Events\n\nWhat [event hooks](../../events.md) can be told.\n")
        rows_of_events = (
            (
                code(f"{kind.source}/{kind.name}"),
                cell(kind.description),
                ", ".join(code(name) for name in kind.fields),
            )
            for kind in policy.events
        )
        parts.append(table(("Event", "When", "Fields"), rows_of_events))
    if policy.settings:
        parts.append(
            "## Settings\n\nFor all policies of the kind: [`--setting NAME=VALUE`](../../serve.md#settings).\n"
        )
        rows_of_settings = (
            (code(setting.name), cell(setting.kind.describe), code(setting.default), cell(setting.doc))
            for setting in policy.settings
        )
        parts.append(table(("Setting", "Must be", "Default", "Meaning"), rows_of_settings))
    if policy.faults:
        parts.append("## Faults\n")
        rows_of_faults = (
            (code(name), str(kind.status), code(kind.code), code(kind.text), cell(kind.cause))
            for name, kind in policy.faults.items()
        )
        parts.append(table(("fault.name", "Status", "errorcode", "faultstring", "When"), rows_of_faults))
    if policy.deploy_errors:
        parts.append("## Refused at deployment\n")
        parts.append(
            table(
                ("Error", "Message"),
                ((code(name), code(text)) for name, text in policy.deploy_errors.items()),
            )
        )
    return "\n".join(parts).rstrip() + "\n"


# ---- pages about all


def index_page(policies: list[type[Policy]]) -> str:
    parts = [
        "# Reference\n",
        NOTE,
        "- [Flow variables](variables.md)\n- [Faults](faults.md)\n- [Rules of the linter](rules.md)\n",
    ]
    for family, title in FAMILY_NAMES.items():
        members = [policy for policy in policies if policy.family == family]
        if members:
            parts.append(f"## {title}\n")
            parts.append(
                table(
                    ("Policy", "What it does"),
                    ((f"[{p.tag}](policies/{p.tag}.md)", summary(p)) for p in members),
                )
            )
    return "\n".join(parts).rstrip() + "\n"


def variables_page(policies: list[type[Policy]]) -> str:
    parts = ["# Flow variables\n", NOTE]
    parts.append(
        "What a policy, a condition or a message template can read. The scope is where it is set first.\n"
    )
    parts.append("## Of the transaction\n")
    of_transaction = (
        (code(v.name), v.type, v.scope, "yes" if v.writable else "", cell(v.meaning)) for v in built_in()
    )
    parts.append(table(("Variable", "Type", "Scope", "Writable", "Meaning"), of_transaction))
    of_names = ((code(v.name), v.type, cell(v.meaning)) for v in families())
    parts.append(table(("Variable", "Type", "Meaning"), of_names))
    parts.append("## Of a message\n")
    parts.append(
        "These follow `request.`, `response.`, `message.`, `error.`, or the name of a message that a policy made.\n"
    )
    of_messages = ((code(v.name), "yes" if v.writable else "", v.meaning) for v in message_parts())
    parts.append(table(("Part", "Writable", "Meaning"), of_messages))
    parts.append("## Set by policies\n")
    of_policies = (
        (code(v.name), f"[{v.policy}](policies/{v.policy}.md)", cell(v.meaning))
        for v in policy_variables(policies)
    )
    parts.append(table(("Variable", "Policy", "Meaning"), of_policies))
    return "\n".join(parts).rstrip() + "\n"


def faults_page(policies: list[type[Policy]]) -> str:
    parts = ["# Faults\n", NOTE]
    parts.append(
        "`fault.name` is the last part of the error code. Without a fault rule the client gets\n"
        '`{"fault":{"faultstring":"…","detail":{"errorcode":"…"}}}`.\n\n## Of policies\n'
    )
    of_policies = (
        (code(f.code), f.status, code(f.text), f"[{f.policy}](policies/{f.policy}.md)", cell(f.cause))
        for f in policy_faults(policies)
    )
    parts.append(table(("errorcode", "Status", "faultstring", "Policy", "When"), of_policies))
    parts.append("## Of the runtime\n\nOf targets, routes, and requests that cannot be read.\n")
    of_runtime = ((code(f.code), f.status, code(f.text)) for f in runtime_faults())
    parts.append(table(("errorcode", "Status", "faultstring"), of_runtime))
    parts.append("## Refused at deployment\n")
    refused = (
        (code(name), f"[{policy.tag}](policies/{policy.tag}.md)", code(text))
        for policy in policies
        for name, text in policy.deploy_errors.items()
    )
    parts.append(table(("Error", "Policy", "Message"), refused))
    return "\n".join(parts).rstrip() + "\n"


#: Groups of rules, by the first letters of their ids.
RULE_GROUPS = {
    "BN": "Bundle",
    "PD": "Proxy endpoints",
    "TD": "Target endpoints",
    "EP": "Endpoints",
    "FL": "Flows",
    "FR": "Fault rules",
    "FE": "Features",
    "ST": "Steps",
    "CC": "Conditions",
    "PO": "Policies",
    "DC": "Deprecations",
    "AR": "Of this project",
}


def example(title: str, text: str) -> str:
    return f"\n{title}:\n\n```xml\n{inspect.cleandoc(text)}\n```\n" if text else ""


def rule_part(rule: type[Rule]) -> str:
    """What the page of rules says about one."""
    marks = [
        rule.severity,
        *(["`--fix` mends it"] if rule.fixable else []),
        *(["with `--preview`"] if rule.preview else []),
        *([f"only with `--profile {rule.profiles[0]}`"] if len(rule.profiles) == 1 else []),
    ]
    marks += [f"option `{name}` ({option.default}): {option.doc}" for name, option in rule.options().items()]
    parts = [f"\n### {rule.id}\n\n**{rule.name}** · {' · '.join(marks)}\n\n{rule.description()}\n"]
    if rule.cure:
        parts.append(f"\n{rule.cure}\n")
    parts += [example("Bad", rule.bad), example("Good", rule.good)]
    if rule.docs:
        parts.append(
            f"\n[Apigee's page]({rule.docs})\n" if "apigee" in rule.docs else f"\n[More]({rule.docs})\n"
        )
    return "".join(parts)


def rules_page() -> str:
    """Every rule of the linter that lies in this repository."""
    rules = [rule for rule in find_rules() if rule.__module__.startswith("apiproxy_runtime.")]
    parts = [NOTE, "# Rules of the linter\n\n"]
    parts.append(
        "What [`apiproxy lint`](../lint.md) looks for beside what a deployment refuses "
        "([those errors](faults.md#refused-at-deployment) have the rule id `deploy/NAME`). "
        "Ids other than AR… are apigeelint's, and mean the same.\n\n"
    )
    rows = [(f"[{rule.id}](#{rule.id.lower()})", rule.severity, cell(rule.name)) for rule in rules]
    parts.append(table(("Rule", "Severity", "What"), rows))
    for letters, title in RULE_GROUPS.items():
        group = [rule for rule in rules if rule.id.startswith(letters)]
        if group:
            parts.append(f"\n## {title}\n")
            parts += map(rule_part, group)
    return "".join(parts)


def kong_rows(fields: Mapping[str, Field], prefix: str = "") -> list[tuple[str, ...]]:
    """The rows of a plugin's config; those of nested records follow their own."""
    rows: list[tuple[str, ...]] = []
    for name, field in fields.items():
        nested = field.fields or (field.values.fields if field.values is not None else {})
        default = "**required**" if field.required and not nested else ""
        if field.default is not None:
            default = code(json.dumps(field.default, ensure_ascii=False))
        rows.append((code(prefix + name), cell(field.type_text()), default, cell(field.doc)))
        if nested and name != "redis":
            rows += kong_rows(nested, f"{prefix}{name}.")
    return rows


def kong_page() -> str:
    """The plugins of the Kong side, in the order in which they run."""
    unique = {plugin.name: plugin for plugin in plugins().values()}.values()
    ordered = sorted(unique, key=order, reverse=True)
    run = [plugin for plugin in ordered if plugin.runs]
    rows = [
        (f"[{plugin.name}](#{plugin.name})", str(plugin.priority), plugin.edition, cell(plugin.doc))
        for plugin in run
    ]
    parts = [NOTE, "# Kong plugins\n\n"]
    parts.append(
        "What `apiproxy serve kong.yml` runs, in the order in which plugins run: see [Kong](../kong.md).\n\n"
    )
    parts.append(table(("plugin", "priority", "edition", "what it does"), rows))
    parts.append("\nKnown, and not run; a warning names each, and requests pass it by: ")
    parts.append(", ".join(sorted(f"`{plugin.name}`" for plugin in ordered if not plugin.runs)) + ".\n")
    for plugin in run:
        parts.append(f"\n## {plugin.name}\n\n{plugin.doc}\n\n")
        parts.append(table(("`config`", "type", "default", "meaning"), kong_rows(plugin.fields)))
    return "".join(parts)


def readme_table(policies: list[type[Policy]]) -> str:
    rows = []
    for family, title in FAMILY_NAMES.items():
        members = [policy.tag for policy in policies if policy.family == family]
        if members:
            links = ", ".join(f"[{tag}](docs/reference/policies/{tag}.md)" for tag in members)
            rows.append((title, links))
    return table(("Policies", ""), rows)


# ---- writing


def pages() -> dict[Path, str]:
    """Every generated page by its path."""
    policies = [policy for policy in all_policies() if policy.__module__.startswith("apiproxy_policies.")]
    reference = ROOT / "docs/reference"
    readme = ROOT / "README.md"
    before, begin, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"tools/reference.py: README.md should hold the lines {BEGIN} and {END}")
    return {
        reference / "README.md": index_page(policies),
        reference / "variables.md": variables_page(policies),
        reference / "faults.md": faults_page(policies),
        reference / "kong-plugins.md": kong_page(),
        reference / "rules.md": rules_page(),
        readme: f"{before}{BEGIN}\n{readme_table(policies)}{END}{after}",
        **{reference / "policies" / f"{policy.tag}.md": policy_page(policy) for policy in policies},
    }


def main() -> int:
    """0, or 1 when --check found pages that differ."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--write", action="store_true")
    action.add_argument("--check", action="store_true")
    options = parser.parse_args()
    wanted = pages()
    gone = set((ROOT / "docs/reference/policies").glob("*.md")) - set(wanted)
    stale = [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    if options.check:
        for path in [*stale, *sorted(gone)]:
            print(f"{path.relative_to(ROOT)} is not what the code says: make reference", file=sys.stderr)
        return 1 if stale or gone else 0
    for path in gone:
        path.unlink()
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        print(f"Wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
