"""The registry: policies of installed packages are found by the name of their root element."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apiproxy_runtime.policy import registry
from apiproxy_runtime.policy.registry import all_policies, find_policy

POLICY = """
from apiproxy_runtime.policy.api import Policy

class {name}(Policy):
    tag = "{name}"
    aliases = {aliases}

    def compile(self, site):
        return lambda ctx: None
"""


def forget() -> None:
    for cached in (registry._modules, registry._unnamed_modules, registry._packages, registry._policies_of):
        cached.cache_clear()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator:
    """Install modules as a package of a user's own, with an entry point that names it."""

    def installed(entry: str, modules: dict[str, str]) -> None:
        for name, source in modules.items():
            path = tmp_path / (name.replace(".", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source)
        info = tmp_path / "own_policies-1.0.dist-info"
        info.mkdir(exist_ok=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-policies\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[apiproxy_runtime.policies]\nown = {entry}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        forget()

    yield installed
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]
    monkeypatch.undo()
    forget()


def policy(name: str, *aliases: str) -> str:
    return POLICY.format(name=name, aliases=repr(aliases))


@pytest.mark.parametrize(
    "element", ["AssignMessage", "RaiseFault", "ExtractVariables", "KeyValueMapOperations"]
)
def test_a_policy_is_found_by_its_root_element(element: str):
    found = find_policy(element)
    assert found is not None
    assert found.tag == element


@pytest.mark.parametrize("element", ["NoSuchPolicy", "assignmessage", "Assign_Message", "Edits", "", "../x"])
def test_other_names_find_nothing(element: str):
    assert find_policy(element) is None


def test_all_policies_are_listed_once_by_name():
    tags = [policy.tag for policy in all_policies()]
    assert tags == sorted(set(tags))
    assert {"AssertCondition", "AssignMessage", "FlowCallout"} <= set(tags)


def test_every_policy_can_be_found_by_its_element_and_says_what_it_is():
    for policy in all_policies():
        assert find_policy(policy.tag) is policy
        assert policy.family in ("security", "traffic", "mediation", "extension")
        assert policy.__doc__


def test_a_package_of_ones_own_adds_a_policy_with_one_file(install):
    install(
        "own_package", {"own_package.__init__": "", "own_package.deep.my_own_policy": policy("MyOwnPolicy")}
    )
    found = find_policy("MyOwnPolicy")
    assert found is not None
    assert found.__module__ == "own_package.deep.my_own_policy"
    assert found in all_policies()
    assert find_policy("AssignMessage") is not None


def test_modules_of_other_policies_are_not_imported(install):
    install(
        "own_package",
        {"own_package.__init__": "", "own_package.good_one": policy("GoodOne"), "own_package.bad_one": "1/0"},
    )
    assert find_policy("GoodOne") is not None
    assert "own_package.bad_one" not in sys.modules


def test_an_entry_point_may_name_one_module_with_several_policies(install):
    install("own_module", {"own_module": policy("FirstOwn") + policy("SecondOwn")})
    assert find_policy("FirstOwn") is not None
    assert find_policy("SecondOwn") is not None


def test_a_module_of_a_package_may_hold_several_policies(install):
    install(
        "own_package",
        {"own_package.__init__": "", "own_package.pair": policy("LeftOwn") + policy("RightOwn")},
    )
    found = find_policy("RightOwn")
    assert found is not None
    assert found.tag == "RightOwn"


def test_a_policy_may_have_other_names(install):
    install("own_package", {"own_package.__init__": "", "own_package.new_name": policy("NewName", "OldName")})
    found = find_policy("OldName")
    assert found is not None
    assert found.tag == "NewName"


def test_what_a_module_imports_is_not_its_own(install):
    source = "from apiproxy_policies.mediation.assign_message import AssignMessage\n" + policy("OwnOne")
    install("own_package", {"own_package.__init__": "", "own_package.assign_message": source})
    found = find_policy("AssignMessage")
    assert found is not None
    assert found.__module__ == "apiproxy_policies.mediation.assign_message"
