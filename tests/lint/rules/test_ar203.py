from tests.house import proxy, steps
from tests.lint.kit import Case, table

_AM = '<AssignMessage name="AM-1">\n<Set><Path>{response.status.code}</Path></Set></AssignMessage>'
_PLAIN = '<AssignMessage name="AM-1"/>'


def _case(am: str = _PLAIN, files: dict[str, str] | None = None, **where: str) -> Case:
    return Case({"policies/AM-1.xml": am, "proxies/default.xml": proxy(**where), **(files or {})})


test_bad, test_good = table(
    "AR203",
    bad={
        "a condition": _case(request=steps(AM_1="response.status.code = 200")),
        "a policy": _case(_AM, request=steps("AM-1")),
    },
    good={
        "a condition of the response flow": _case(response=steps(AM_1="response.status.code = 200")),
        "a policy of both flows": _case(_AM, request=steps("AM-1"), response=steps("AM-1")),
        "a policy that nothing runs": _case(_AM),
        "a response of a callout": _case(
            _AM,
            {
                "policies/SC-1.xml": '<ServiceCallout name="SC-1"><Response>response</Response></ServiceCallout>'
            },
            request=steps("SC-1", "AM-1"),
        ),
        "a response of another name": _case(request=steps(AM_1="stock.response.status.code = 200")),
    },
)
