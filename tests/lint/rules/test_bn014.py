from typing import Any

from tests.lint.kit import Case, table

FAULT = '<RaiseFault name="RF-A" enabled="true"><FaultResponse><Set><StatusCode>404</StatusCode></Set></FaultResponse></RaiseFault>'
SPACED = """<?xml version="1.0"?><!-- another -->
<RaiseFault enabled="true" name="RF-B"><!-- same --><FaultResponse>
  <Set> <StatusCode> 404 </StatusCode></Set>
</FaultResponse></RaiseFault>"""


def both(first: str, second: str, **case: Any) -> Case:
    return Case({"policies/RF-A.xml": first, "policies/RF-B.xml": second}, **case)


test_bad, test_good = table(
    "BN014",
    bad={
        "apigeelint never looks at the last by name: two that are alone": both(
            FAULT, FAULT.replace("RF-A", "RF-B"), lines=[1], says="'RF-B' is the same as 'RF-A'", severity=1
        ),
        "blanks, comments and the order of attributes": both(FAULT, SPACED, lines=[2]),
        "punctuation comes before digits": Case(
            {f"policies/RF-{name}.xml": FAULT.replace("RF-A", f"RF-{name}") for name in ("A2", "A_")},
            says="'RF-A2' is the same as 'RF-A_'",
        ),
        "three, the first is let pass": Case(
            {f"policies/RF-{name}.xml": FAULT.replace("RF-A", f"RF-{name}") for name in "ABC"}, lines=[1, 1]
        ),
    },
    good={
        "another value": both(FAULT, FAULT.replace("RF-A", "RF-B").replace("404", "410")),
        "another attribute": both(FAULT, FAULT.replace("RF-A", "RF-B").replace("true", "false")),
        "another display name": both(
            FAULT, FAULT.replace("RF-A", "RF-B").replace("<FaultR", "<DisplayName>b</DisplayName><FaultR", 1)
        ),
        "another order of elements": both(
            '<RaiseFault name="RF-A"><X/><Y/></RaiseFault>', '<RaiseFault name="RF-B"><Y/><X/></RaiseFault>'
        ),
        "another name within": both(
            '<Quota name="RF-A"><Class name="a"/></Quota>', '<Quota name="RF-B"><Class name="b"/></Quota>'
        ),
    },
)
