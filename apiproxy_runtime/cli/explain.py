"""Explain a policy, a fault, a flow variable or a rule of the linter: the same facts as docs/reference, on the terminal."""

from __future__ import annotations

import argparse
import difflib
import inspect
import shutil
import sys
import textwrap
from collections.abc import Iterator

from apiproxy_runtime.cli.lint import rule_text
from apiproxy_runtime.lint.registry import find_rule, rule_ids
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import all_policies
from apiproxy_runtime.reference import variables as of
from apiproxy_runtime.reference.elements import element_entries, variables_of
from apiproxy_runtime.reference.faults import FaultEntry, policy_faults, runtime_faults

Rows = Iterator[tuple[str, str]]


def run(options: argparse.Namespace) -> int:
    """0 when anything has that name, else 1 with the names that come near."""
    name: str = options.name.strip().strip("{}<>")
    policies = list(all_policies())
    texts = [_policy(policy) for policy in policies if _is_called(policy, name)] + _rules(name)
    texts += _faults(name, policies) + _deploy_errors(name.removeprefix("deploy/"), policies)
    texts = texts or _variables(name, policies)
    if texts:
        print("\n\n".join(texts))
        return 0
    known = [policy.tag for policy in policies]
    known += [fault.name for fault in (*policy_faults(policies), *runtime_faults())]
    known += [variable.name for variable in of.built_in()]
    known += rule_ids()
    near = difflib.get_close_matches(name, sorted(set(known)), 5, 0.6)
    print(
        f"apiproxy: nothing is called {name!r}." + (f" Did you mean {', '.join(near)}?" if near else ""),
        file=sys.stderr,
    )
    return 1


def _rules(name: str) -> list[str]:
    rule = find_rule(name)
    return [rule_text(rule)] if rule is not None else []


# ---- policies


def _is_called(policy: type[Policy], name: str) -> bool:
    return name.lower() in (policy.tag.lower(), *(alias.lower() for alias in policy.aliases))


def _policy(policy: type[Policy]) -> str:
    doc = inspect.cleandoc(policy.__dict__.get("__doc__") or "")
    parts = [f"{policy.tag} ({policy.family} policy)", doc, textwrap.indent(policy.example.strip(), "  ")]
    elements = (
        (entry.path, _joined(entry.doc, entry.marks, entry.choices or entry.members, entry.default))
        for entry in element_entries(policy)
    )
    faults = ((f"{fault.name} ({fault.status})", fault.text) for fault in policy_faults([policy]))
    lists = {
        "Elements": elements,
        "Variables it sets": iter(variables_of(policy).items()),
        "Events": ((f"{kind.source}/{kind.name}", kind.description) for kind in policy.events),
        "Settings": ((f"--setting {each.name}=…", each.doc) for each in policy.settings),
        "Faults": faults,
        "Refused at deployment": iter(policy.deploy_errors.items()),
    }
    for title, rows in lists.items():
        listed = _list(rows)
        parts.append(f"{title}\n{listed}" if listed else "")
    parts.append(f"Apigee's page: {policy.docs}" if policy.docs else "")
    return "\n\n".join(filter(None, parts))


def _joined(doc: str, marks: tuple[str, ...], choices: tuple[str, ...], default: str) -> str:
    parts = [", ".join(marks), doc, f"one of {', '.join(choices)}" if choices else ""]
    return "; ".join(filter(None, [*parts, f"default {default}" if default else ""]))


# ---- faults


def _faults(name: str, policies: list[type[Policy]]) -> list[str]:
    wanted = name.lower()
    return [
        _fault(fault)
        for fault in (*policy_faults(policies), *runtime_faults())
        if wanted in (fault.name.lower(), fault.code.lower())
    ]


def _fault(fault: FaultEntry) -> str:
    body = f'{{"fault":{{"faultstring":"{fault.text}","detail":{{"errorcode":"{fault.code}"}}}}}}'
    rows = [
        ("raised by", fault.policy or "the runtime"),
        ("when", fault.cause),
        ("status", fault.status),
        ("body", body),
        ("in a rule", f'<Condition>fault.name = "{fault.name}"</Condition>'),
    ]
    return f"{fault.code} (fault)\n" + _list((term, text) for term, text in rows if text)


def _deploy_errors(name: str, policies: list[type[Policy]]) -> list[str]:
    return [
        f"{error} (refused at deployment)\n" + _list(iter([("by", policy.tag), ("message", text)]))
        for policy in policies
        for error, text in policy.deploy_errors.items()
        if error.lower() == name.lower()
    ]


# ---- variables


def _variables(name: str, policies: list[type[Policy]]) -> list[str]:
    """Those of that very name, else the families it belongs to, else the part of a message that it is."""
    exact = [variable for variable in of.built_in() if variable.name == name]
    found = exact or [
        variable for variable in (*of.families(), *of.policy_variables(policies)) if variable.is_named(name)
    ]
    if found:
        return [_variable(variable, name) for variable in found]
    root, _, rest = name.partition(".")
    parts = [part for part in of.message_parts() if part.is_named(rest)]
    return [_variable(part, name, f"of the message {root}: ") for part in parts[-1:]]


def _variable(variable: of.VariableEntry, name: str, whose: str = "") -> str:
    rows = [
        ("meaning", whose + variable.meaning),
        ("type", variable.type),
        ("set from", variable.scope),
        ("writable", "yes" if variable.writable else ""),
        ("set by", variable.policy),
        ("in a template", f"{{{name}}}"),
        ("in a condition", f'{name} = "…"'),
    ]
    return f"{name} (variable)\n" + _list((term, text) for term, text in rows if text)


def _list(rows: Rows) -> str:
    """Terms and texts in two columns, as wide as the terminal allows."""
    listed = list(rows)
    column = min(max((len(term) for term, _ in listed), default=0), 44)
    width = max(shutil.get_terminal_size((110, 24)).columns - column - 4, 40)
    lines = list[str]()
    for term, text in listed:
        first, *rest = textwrap.wrap(text, width, break_on_hyphens=False) or [""]
        if len(term) > column:
            lines.append(f"  {term}")
            term = ""
        lines.append(f"  {term:<{column}}  {first}".rstrip())
        lines += [f"  {'':<{column}}  {line}" for line in rest]
    return "\n".join(lines)
