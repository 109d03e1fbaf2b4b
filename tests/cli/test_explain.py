import re

import pytest

from apiproxy_runtime.cli.main import main
from apiproxy_runtime.policy.registry import all_policies


def explain(name, capsys):
    code = main(["explain", name])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("policy", list(all_policies()), ids=lambda policy: policy.tag)
def test_every_policy_is_explained_with_its_example_elements_and_faults(policy, capsys):
    code, out, _ = explain(policy.tag, capsys)
    assert code == 0
    assert policy.example.strip().splitlines()[0] in out
    assert "\nElements\n" in out
    for fault, kind in policy.faults.items():
        assert f"{kind.code.rpartition('.')[2]} ({kind.status})" in out, fault


def test_a_fault_by_its_name_and_by_its_errorcode(capsys):
    by_name = explain("invalidapikey", capsys)
    by_code = explain("oauth.v2.InvalidApiKey", capsys)
    assert by_name[0] == by_code[0] == 0
    for _, out, _ in (by_name, by_code):
        assert "oauth.v2.InvalidApiKey (fault)" in out
        assert "401" in out
        assert 'fault.name = "InvalidApiKey"' in out


def test_a_fault_of_the_runtime_and_a_deploy_error(capsys):
    assert re.search(r"raised by +the runtime", explain("RouteFailed", capsys)[1])
    code, out, _ = explain("InvalidQuotaInterval", capsys)
    assert code == 0
    assert "refused at deployment" in out
    assert "Quota" in out


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("client.ip", "client.ip (variable)"),
        ("ratelimit.Q-Orders.used.count", "set by Quota"),
        ("request.header.x-api-key", "of the message request: first value of a header"),
        ("request.header.x.values.count", "how many values there are"),
        ("{message.content}", "the body as text"),
    ],
)
def test_variables_by_their_own_names_and_by_families(name, said, capsys):
    code, out, _ = explain(name, capsys)
    assert code == 0
    assert said in " ".join(out.split())


def test_a_name_that_is_nothing_fails_with_what_comes_near(capsys):
    code, out, err = explain("QuotaViolaton", capsys)
    assert (code, out) == (1, "")
    assert "Did you mean QuotaViolation" in err


def test_a_rule_of_the_linter(capsys):
    code, out, _ = explain("bn005", capsys)
    assert code == 0
    assert out.startswith("BN005 ")
    assert "Bad:" in out
