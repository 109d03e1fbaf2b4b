from typing import Any

from tests.house import proxy
from tests.lint.kit import Case, table

POLICY = '<XMLThreatProtection name="TP-A"><Source>{}</Source></XMLThreatProtection>'
FLOW = '<Flow name="f"><Condition>request.content != null</Condition><Request>{}</Request></Flow>'


def step(condition: str, source: str = "request", **case: Any) -> Case:
    return around(proxy(request=attached(condition)), source, **case)


def attached(condition: str) -> str:
    return f"\n<Step><Name>TP-A</Name><Condition>{condition}</Condition></Step>"


def around(endpoint: str, source: str = "request", **case: Any) -> Case:
    return Case({"policies/TP-A.xml": POLICY.format(source), "proxies/default.xml": endpoint}, **case)


test_bad, test_good = table(
    "ST007",
    bad={
        "no condition": step("", lines=[3], says="request.content != null", severity=1),
        "another condition": step('request.verb = "POST"'),
        "another message": step("request.content != null", "other"),
    },
    good={
        "the step asks": step("request.content != null"),
        "the flow asks": around(proxy(flows=FLOW.format(attached("")))),
        "the message of the moment": step('message.content != ""'),
        "no source is the message": step("message.content != null", ""),
    },
)
