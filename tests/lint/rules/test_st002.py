from typing import Any

from tests.house import proxy
from tests.lint.kit import Case, endpoint, table

BLANKS = proxy(request="<Step>\n<Name> A\n</Name><!-- kept --></Step>")


def step(xml: str, **case: Any) -> Case:
    return endpoint(proxy(request=f"<Step>\n{xml}</Step>"), **case)


test_bad, test_good = table(
    "ST002",
    bad={
        "two names": step(
            "<Name>A</Name>\n<Name>B</Name>", lines=[2], says="more than one <Name>", severity=2
        ),
        "two conditions": step("<Name>A</Name><Condition>a</Condition>\n<Condition>b</Condition>", lines=[2]),
        "an element in the name": step("<Name><b/></Name>"),
        "an element in the condition": step("<Name>A</Name><Condition><b/>a</Condition>"),
        "an empty condition": step("<Name>A</Name>\n<Condition> </Condition>", lines=[2], says="empty"),
        "an unknown element": step("<Name>A</Name><Description/>"),
        "blanks around the name": endpoint(
            BLANKS,
            lines=[2],
            fixed={"proxies/default.xml": proxy(request="<Step>\n<Name>A</Name><!-- kept --></Step>")},
        ),
    },
    good={
        "name and condition": step("<Name>A</Name><Condition> a = 1 </Condition>"),
        "fault rules, which old bundles have": step("<Name>A</Name><FaultRules/>"),
        "no name is told by ST001": step(""),
    },
)
