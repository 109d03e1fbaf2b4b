from typing import Any

from tests.house import proxy, steps
from tests.lint.kit import Case, table


def flow(endpoint: str, attributes: str = "", **case: Any) -> Case:
    files = {
        "policies/RF-A.xml": f'<RaiseFault name="RF-A" {attributes}/>',
        "policies/AM-A.xml": '<AssignMessage name="AM-A"/>',
    }
    folder = "sharedflows" if endpoint.startswith("<SharedFlow") else "proxies"
    kind = "sharedflowbundle" if folder == "sharedflows" else "apiproxy"
    return Case({**files, f"{folder}/default.xml": endpoint}, kind=kind, **case)


AFTER = steps("RF-A") + "\n" + steps("AM-A")
CONDITIONAL = "<Step><Name>RF-A</Name><Condition>a</Condition></Step>" + steps("AM-A")
FAULT = '<FaultRules><FaultRule name="f">{}</FaultRule></FaultRules>'

test_bad, test_good = table(
    "ST008",
    bad={
        "a step after it": flow(proxy(request=AFTER), lines=[3], says="'AM-A' never runs", severity=1),
        "each step after it": flow(proxy(request=AFTER + "\n" + steps("AM-A")), lines=[3, 4]),
        "in a fault rule": flow(proxy(extra=FAULT.format(AFTER))),
        "in a shared flow": flow(f'<SharedFlow name="default">{AFTER}</SharedFlow>'),
        "an empty condition is none": flow(proxy(request=AFTER.replace("</Name>", "</Name><Condition/>", 1))),
        "apigeelint takes an attribute that says enabled for disabled": flow(
            proxy(request=AFTER), 'enabled="true"'
        ),
    },
    good={
        "it comes last": flow(proxy(request=steps("AM-A", "RF-A"))),
        "a condition": flow(proxy(request=CONDITIONAL)),
        "not enabled": flow(proxy(request=AFTER), 'enabled="false"'),
        "the flow goes on": flow(proxy(request=AFTER), 'continueOnError="true"'),
        "the other phase": flow(proxy(request=steps("RF-A"), response=steps("AM-A"))),
    },
)
