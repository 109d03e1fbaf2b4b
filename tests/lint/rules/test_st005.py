from typing import Any

from tests.house import proxy
from tests.lint.kit import Case, table

POLICY = """<ExtractVariables name="EV-A"><Source>{}</Source>
<FormParam name="user"><Pattern>{{u}}</Pattern></FormParam></ExtractVariables>"""


def step(condition: str, source: str = "request", **case: Any) -> Case:
    attached = f"\n<Step><Name>EV-A</Name><Condition>{condition}</Condition></Step>"
    files = {"policies/EV-A.xml": POLICY.format(source), "proxies/default.xml": proxy(request=attached)}
    return Case(files, **case)


test_bad, test_good = table(
    "ST005",
    bad={
        "no condition": step("", lines=[3], says="request.formstring != null", severity=1),
        "another parameter": step("request.formparam.password != null"),
        "of another message": step("other.formstring != null"),
    },
    good={
        "the form": step("request.formstring != null"),
        "the parameter": step('request.formparam.user != ""'),
        "the parameter has a value": step('request.formparam.user = "x"'),
        "the message of the moment": step("message.formstring != null"),
        "a parameter without pattern is not read": Case(
            {
                "policies/EV-A.xml": '<ExtractVariables name="EV-A"><FormParam name="user"/></ExtractVariables>',
                "proxies/default.xml": proxy(request="<Step><Name>EV-A</Name></Step>"),
            }
        ),
        "no source is the message": step("message.formstring != null", ""),
    },
)
