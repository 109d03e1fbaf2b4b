from tests.house import proxy, steps
from tests.lint.kit import Case, table

_AM = '<AssignMessage name="AM-1">\n<Set><Path>{fault.name}</Path></Set></AssignMessage>'
_PLAIN = '<AssignMessage name="AM-1"/>'
_RULE = "<FaultRules><FaultRule name='f'>{}</FaultRule></FaultRules>"
_AFTER = '<PostClientFlow name="PostClientFlow"><Response>{}</Response></PostClientFlow>'


def _case(am: str = _PLAIN, **where: str) -> Case:
    return Case({"policies/AM-1.xml": am, "proxies/default.xml": proxy(**where)})


test_bad, test_good = table(
    "AR204",
    bad={
        "a condition": _case(response=steps(AM_1='fault.name = "a"')),
        "a policy": _case(_AM, request=steps("AM-1")),
        "error": _case(request=steps(AM_1="error.status.code = 500")),
    },
    good={
        "a condition of a fault rule": _case(extra=_RULE.format(steps(AM_1='fault.name = "a"'))),
        "a policy of a fault rule": _case(_AM, extra=_RULE.format(steps("AM-1"))),
        "a policy of both": _case(_AM, request=steps("AM-1"), extra=_RULE.format(steps("AM-1"))),
        "after the answer": _case(_AM, extra=_AFTER.format(steps("AM-1"))),
        "after a policy that goes on": _case(
            _AM.replace("name=", 'continueOnError="true" name='), request=steps("AM-1")
        ),
    },
)
