"""Whatever stands in a file or an expression: findings and errors of our own, never anything else."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.kong.condition import ConditionError, compile_condition
from apiproxy_runtime.kong.declarative import configuration_of
from apiproxy_runtime.kong.document import parse_document
from apiproxy_runtime.kong.plugin import plugins
from apiproxy_runtime.kong.plugins.lua_functions import NotUnderstood, understand
from apiproxy_runtime.kong.template import TemplateError, renderer
from tests.kong.house import plugin
from tests.kong.plugins.test_transformers import context

SAMPLE: dict[str, Any] = yaml.safe_load((Path(__file__).parents[2] / "samples/kong/kong.yml").read_text())
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def read_any(value: Any) -> Findings:
    findings = Findings()
    root = parse_document(yaml.safe_dump(value, allow_unicode=True).encode(), "kong.yml", findings, {})
    if root is not None:
        configuration = configuration_of(root, findings)
        assert (configuration is None) == bool(findings.errors)
    return findings


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of everything in a document."""
    found = [path] if path else []
    if isinstance(value, dict):
        items: Any = value.items()
    else:
        items = enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


def replaced(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], new)
    return copy


def test_sample_itself_has_no_errors() -> None:
    assert not read_any(SAMPLE).errors


@settings(max_examples=150, deadline=None)
@given(path=st.sampled_from(places(SAMPLE)), new=VALUES)
def test_wrong_value_anywhere_becomes_findings_with_lines(path: tuple[Any, ...], new: Any) -> None:
    for finding in read_any(replaced(SAMPLE, path, new)).errors:
        assert finding.file == "kong.yml"
        assert finding.line > 0
        assert finding.message


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=60))
def test_any_bytes_become_findings(data: bytes) -> None:
    findings = Findings()
    root = parse_document(data, "kong.yml", findings, {})
    if root is not None:
        configuration_of(root, findings)
    assert findings.errors


@settings(max_examples=200, deadline=None)
@given(name=st.sampled_from(sorted(plugins())), data=st.data())
def test_any_config_of_any_plugin_becomes_findings(name: str, data: st.DataObject) -> None:
    known = plugins()[name].fields
    keys = st.sampled_from(sorted(known)) if known else st.text(max_size=5)
    config = data.draw(st.dictionaries(keys, VALUES, max_size=4))
    document = yaml.safe_load(plugin("cors"))
    document["plugins"] = [{"name": name, "config": config}]
    read_any(document)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="abhttpkeorn.()[]'\"!=<>&|,:1 -_", max_size=40))
def test_any_condition_is_compiled_or_refused(text: str) -> None:
    with contextlib.suppress(ConditionError):
        compile_condition(text)(context())


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "headers",
                ".",
                "x_a",
                "(",
                ")",
                "[",
                "]",
                "'a'",
                "1",
                " or ",
                " and ",
                "not ",
                "..",
                ":sub",
                "==",
                "#",
                "-",
                "shared",
                "user",
                ",",
            ]
        ),
        max_size=12,
    )
)
def test_any_template_is_rendered_or_refused(parts: list[str]) -> None:
    with contextlib.suppress(TemplateError):
        assert isinstance(renderer(f"$({''.join(parts)})")(context()), str)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="kong.response.exit(){}=\"',0123 \n-", max_size=60))
def test_any_lua_is_understood_or_left_out(code: str) -> None:
    with contextlib.suppress(NotUnderstood):
        understand(code)
