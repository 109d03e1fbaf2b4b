"""Writes the reference: docs/reference/ and the table of policies in the README, from the code itself.

python tools/reference.py --write     writes what differs, removes pages of policies that are gone
python tools/reference.py --check     exit 1 and a line for each page that differs
"""

from __future__ import annotations

import argparse
import ast
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from apiproxy_runtime.message import fields
from apiproxy_runtime.message.builtin import BUILT_IN, FAMILIES
from apiproxy_runtime.policy.declaration import Element, Field
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import all_policies
from apiproxy_runtime.program import errors

ROOT = Path(__file__).resolve().parent.parent
BEGIN, END = "<!-- policies: written by tools/reference.py -->", "<!-- end of policies -->"
NOTE = "<!-- Written by tools/reference.py; change the code and run `make reference`. -->\n\n"
FAMILY_NAMES = {
    "security": "Security",
    "traffic": "Traffic management",
    "mediation": "Mediation",
    "extension": "Extension",
}

#: what may follow `request.`, `response.`, `message.`, `error.` or the name of a message of one's own
PARTS = {
    "content": "the body as text",
    "content.as.base64": "the body in base64",
    "content.as.url.safe.base64": "the body in the alphabet that is safe in URLs",
    "headers.count": "how many headers there are",
    "headers.names": "names of the headers",
    "headers.names.string": "names of the headers, with commas between",
    "queryparams.count": "how many query parameters there are",
    "queryparams.names": "names of the query parameters",
    "queryparams.names.string": "names of the query parameters, with commas between",
    "querystring": "the query as sent, without the question mark",
    "formparams.count": "how many form parameters there are",
    "formparams.names": "names of the form parameters",
    "formparams.names.string": "names of the form parameters, with commas between",
    "formstring": "the body of a form as sent",
    "path": "the path without query",
    "uri": "path and query",
    "url": "the whole URL",
    "verb": "the method",
    "version": "the HTTP version, `1.1`",
    "status.code": "the status, a number",
    "reason.phrase": "the reason phrase",
    "transport.message": "the message itself",
    "transportid": "`http`",
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


def summary(of: type) -> str:
    """The first paragraph of a class's own docstring, nothing when it has none."""
    return cell(inspect.cleandoc(of.__dict__.get("__doc__") or "").partition("\n\n")[0])


# ---- a policy


def element_rows(element: type[Element], prefix: str = "") -> Iterator[tuple[str, ...]]:
    """A row for each attribute and element below a declaration."""
    for field in element.fields:
        if field.shape == "attribute":
            yield element_row(f"{prefix}@{field.tag}", field, field)
        elif field.shape == "sequence":
            order = cell(field.doc) or "in document order"
            tags = ", ".join(f"`{member.tag}`" for member in field.sequence)
            yield (prefix.rstrip("/") and f"`{prefix}…`") or "`…`", "elements", "", f"{tags}: {order}"
            for member in field.sequence:
                yield from nested_rows(f"{prefix}{member.tag}", member, field)
        elif field.element is not None:
            yield from nested_rows(f"{prefix}{field.tag}", field.element, field)
        elif field.shape != "text":
            yield element_row(f"{prefix}{field.tag}", field, field)


def nested_rows(path: str, element: type[Element], field: Field) -> Iterator[tuple[str, ...]]:
    """The row of a nested element, its own text in it, and the rows below."""
    own = next((inner for inner in element.fields if inner.shape == "text"), None)
    doc = "" if field.shape == "sequence" else field.doc
    yield element_row(path, field, own, doc or (own.doc if own is not None else "") or summary(element))
    yield from element_rows(element, f"{path}/")


def element_row(path: str, field: Field, holder: Field | None, doc: str = "") -> tuple[str, ...]:
    """`holder` is the field whose kind of text the element holds, None when it holds elements only."""
    kind = holder.kind if holder is not None else None
    holds = (
        "elements" if kind is None else ", ".join(code(choice) for choice in kind.choices) or cell(kind.name)
    )
    valued = {mark for each in (field, holder) if each is not None for mark in marks(each)}
    default = holder.default if holder is not None else None
    shown = {True: "true", False: "false", None: ""}.get(default, default) if holder is not None else ""
    notes = "; ".join(part for part in (", ".join(sorted(valued)), cell(doc or field.doc)) if part)
    return code(path), holds, code(shown), notes


def marks(field: Field) -> Iterator[str]:
    """What is said of a field beside its kind."""
    if field.required:
        yield "**required**"
    if field.many and field.shape != "sequence":
        yield "repeatable"
    if field.ref:
        yield "`ref`"
    if field.template:
        yield "template"


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
    parts.append(table(("Element", "Holds", "Default", "Notes"), element_rows(policy)))
    if policy.variables or policy.prefix:
        rows = [(code(name), cell(meaning)) for name, meaning in policy.variables.items()]
        failed = f"{policy.prefix}.{{policy}}.failed"
        if policy.prefix and failed not in policy.variables:
            rows.append((code(failed), "whether the policy failed when it last ran"))
        parts.append("## Variables it sets\n\n`{policy}` is the policy's name.\n")
        parts.append(table(("Variable", "Meaning"), rows))
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
    parts = ["# Reference\n", NOTE, "- [Flow variables](variables.md)\n- [Faults](faults.md)\n"]
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
    missing = set(fields._SIMPLE) ^ set(PARTS)
    if missing:
        raise SystemExit(f"tools/reference.py: PARTS should say what these mean, or no more: {missing}")
    parts = ["# Flow variables\n", NOTE]
    parts.append(
        "What a policy, a condition or a message template can read. The scope is where it is set first.\n"
    )
    parts.append("## Of the transaction\n")
    built_in = (
        (code(v.name), v.type, v.scope, "yes" if v.write is not None else "", cell(v.meaning))
        for v in sorted(BUILT_IN.values(), key=lambda variable: variable.name)
    )
    parts.append(table(("Variable", "Type", "Scope", "Writable", "Meaning"), built_in))
    families = (
        (
            code(re.sub(r"\((?:\[[^\]]*\]|[^()])*\)", "{…}", family.pattern.pattern).replace("\\.", ".")),
            family.type,
            cell(family.meaning),
        )
        for family in FAMILIES
    )
    parts.append(table(("Variable", "Type", "Meaning"), families))
    parts.append("## Of a message\n")
    parts.append(
        "These follow `request.`, `response.`, `message.`, `error.`, or the name of a message that a policy made.\n"
    )
    simple = (
        (code(name), "yes" if fields._SIMPLE[name].write is not None else "", meaning)
        for name, meaning in PARTS.items()
    )
    of_lists = []
    for kind, noun in (
        ("header", "header"),
        ("queryparam", "query parameter"),
        ("formparam", "form parameter"),
    ):
        of_lists += [
            (code(f"{kind}.{{name}}"), "yes", f"first value of a {noun}"),
            (code(f"{kind}.{{name}}.{{N}}"), "yes", "the Nth value, from 1"),
            (code(f"{kind}.{{name}}.values"), "", "all values"),
            (code(f"{kind}.{{name}}.values.string"), "", "all values, with commas between"),
            (code(f"{kind}.{{name}}.values.count"), "", "how many values there are"),
        ]
    parts.append(table(("Part", "Writable", "Meaning"), [*simple, *of_lists]))
    parts.append("## Set by policies\n")
    of_policies = (
        (code(name), f"[{policy.tag}](policies/{policy.tag}.md)", cell(meaning))
        for policy in policies
        for name, meaning in policy.variables.items()
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
        (
            code(kind.code),
            str(kind.status),
            code(kind.text),
            f"[{policy.tag}](policies/{policy.tag}.md)",
            cell(kind.cause),
        )
        for policy in policies
        for kind in policy.faults.values()
    )
    parts.append(table(("errorcode", "Status", "faultstring", "Policy", "When"), of_policies))
    parts.append("## Of the runtime\n\nOf targets, routes, and requests that cannot be read.\n")
    found = set(raised_faults())
    found |= {(code_, str(status), text) for code_, status, text, _ in errors._CALL_FAULTS.values()}
    parts.append(
        table(
            ("errorcode", "Status", "faultstring"),
            ((code(name), status, code(text)) for name, status, text in sorted(found)),
        )
    )
    parts.append("## Refused at deployment\n")
    refused = (
        (code(name), f"[{policy.tag}](policies/{policy.tag}.md)", code(text))
        for policy in policies
        for name, text in policy.deploy_errors.items()
    )
    parts.append(table(("Error", "Policy", "Message"), refused))
    return "\n".join(parts).rstrip() + "\n"


def raised_faults() -> Iterator[tuple[str, str, str]]:
    """Code, status and text of each `Fault("…", …)` that the engine writes out."""
    for path in sorted((ROOT / "apiproxy_runtime").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id == "Fault"
                and node.args
                and isinstance(node.args[0], ast.Constant)
            ):
                text, status = ([*node.args[1:3], None, None])[:2]
                given = "500" if status is None else literal(status)
                yield str(node.args[0].value), given, literal(text)


def literal(node: ast.expr | None) -> str:
    """A text as it stands in the code, with {…} for what is filled in."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(literal(part) if isinstance(part, ast.Constant) else "{…}" for part in node.values)
    return "{…}" if node is not None else ""


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
