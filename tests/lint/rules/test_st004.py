from typing import Any

from tests.house import proxy
from tests.lint.kit import Case, table

POLICY = """<ExtractVariables name="EV-A"><Source>{}</Source><XMLPayload>
<Variable name="a"/></XMLPayload></ExtractVariables>"""


def step(condition: str, source: str = "message", **case: Any) -> Case:
    return around(proxy(request=attached(condition)), source, **case)


def attached(condition: str) -> str:
    return f"\n<Step><Name>EV-A</Name><Condition>{condition}</Condition></Step>"


def around(endpoint: str, source: str = "message", **case: Any) -> Case:
    return Case({"policies/EV-A.xml": POLICY.format(source), "proxies/default.xml": endpoint}, **case)


FLOW = '<Flow name="f"><Condition>message.content != ""</Condition><Request>{}</Request></Flow>'
FAULT = '<FaultRules><FaultRule name="f"><Condition>{}</Condition>{}</FaultRule></FaultRules>'
SHARED = '<SharedFlow name="default"><Step><Name>EV-A</Name></Step></SharedFlow>'
COMPACT = '<ExtractVariables name="EV-A"><XMLPayload><Variable name="a"/></XMLPayload></ExtractVariables>'

test_bad, test_good = table(
    "ST004",
    bad={
        "no condition": step("", lines=[3], says="message.content != null", severity=1),
        "another condition": step('request.verb = "POST"'),
        "another message": step("message.content != null", "other", says="other.content != null"),
        "only where there is none": step("message.content = null"),
        "the other phase": around(proxy(response=attached("request.content != null"))),
        "in a shared flow": Case(
            {"policies/EV-A.xml": POLICY.format(""), "sharedflows/default.xml": SHARED},
            kind="sharedflowbundle",
        ),
        "apigeelint needs a blank in the payload: none between the tags": Case(
            {"policies/EV-A.xml": COMPACT, "proxies/default.xml": proxy(request=attached(""))}
        ),
    },
    good={
        "the step asks": step("message.content != null"),
        "in other words": step('request.verb = "POST" and (message.content IsNot "")'),
        "the flow asks": around(proxy(flows=FLOW.format(attached("")))),
        "the fault rule asks": around(proxy(extra=FAULT.format("message.content != null", attached("")))),
        "a text that is no message": step("other NotEquals null", "other"),
        "a source without text": step("message.content != null", ""),
        "apigeelint knows one spelling: a negation": step("not (message.content = null)"),
        "apigeelint knows one spelling: a pattern": step('message.content ~ "x*"'),
        "apigeelint knows one name: the request in its flow": step("request.content != null"),
        "a condition that cannot be read": step("message.content !="),
        "an empty payload": Case(
            {
                "policies/EV-A.xml": '<ExtractVariables name="EV-A"><XMLPayload> </XMLPayload></ExtractVariables>',
                "proxies/default.xml": proxy(request=attached("")),
            }
        ),
        "it reads something else": Case(
            {
                "policies/EV-A.xml": '<ExtractVariables name="EV-A"><URIPath/></ExtractVariables>',
                "proxies/default.xml": proxy(request=attached("")),
            }
        ),
    },
)
