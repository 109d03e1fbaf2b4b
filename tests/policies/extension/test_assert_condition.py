"""AssertCondition: records whether a condition holds."""

from __future__ import annotations

import pytest

from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, findings_of, request, run


def policy(condition: str) -> str:
    return f'<AssertCondition name="AC-1"><Condition>{condition}</Condition></AssertCondition>'


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('request.verb = "GET"', True),
        ('request.verb = "POST"', False),
        ('(request.verb = "POST") or (request.header.X-A = "1")', True),
        ('not (request.header.X-A = "1")', False),
        ("unset.variable = null", True),
        ('request.header.X-A LesserThan "2"', True),
        ('request.path Matches "/a/*"', True),
        ('request.path JavaRegex "/[a-z]/\\d+"', True),
        ("flag", True),
    ],
)
async def test_the_result_is_a_boolean_variable_and_never_a_fault(condition: str, expected: bool):
    ctx = context(request(path="/a/12", headers={"X-A": "1"}), variables={"flag": True})
    await run(compile_policy(policy(condition)), ctx)
    assert ctx.variables["assertcondition.AC-1.truthValue"] is expected


async def test_the_result_is_set_anew_on_each_run():
    step = compile_policy(policy("flag = true"))
    ctx = context(variables={"flag": True})
    await run(step, ctx)
    ctx.variables["flag"] = False
    await run(step, ctx)
    assert ctx.variables["assertcondition.AC-1.truthValue"] is False


async def test_a_condition_that_cannot_be_evaluated_is_a_fault():
    ctx = context(variables={"text": "a" * 80})
    fault = await fault_of(compile_policy(policy('text JavaRegex "(a|aa)+c"')), ctx)
    assert (fault.code, fault.status) == ("steps.assertcondition.ConditionEvaluationFailed", 500)
    assert fault.name == "ConditionEvaluationFailed"
    assert "AC-1" in fault.text
    assert "assertcondition.AC-1.truthValue" not in ctx.variables


@pytest.mark.parametrize(
    "xml",
    [
        policy('request.verb ~~~ "GET"'),
        policy('(request.verb = "GET"'),
        policy('request.path JavaRegex "("'),
        policy(" "),
        '<AssertCondition name="AC-1"/>',
    ],
)
def test_a_missing_or_malformed_condition_cannot_be_deployed(xml: str):
    assert deploy_errors(xml) == ["InvalidCondition"]


def test_a_malformed_condition_is_shown_at_its_line():
    findings = findings_of('<AssertCondition name="AC-1">\n\n<Condition>a = </Condition></AssertCondition>')
    assert findings[0].line == 3


def test_the_failure_variable_is_written_with_capitals():
    from apiproxy_policies.extension.assert_condition import AssertCondition

    policy = AssertCondition()
    policy.name = "AC-1"
    assert policy.failed_variables() == ("AssertCondition.AC-1.failed",)
