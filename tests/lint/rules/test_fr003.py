from tests.house import proxy, target
from tests.lint.kit import endpoint, table

ONE = '<FaultRules>\n<FaultRule name="all">{}</FaultRule></FaultRules>'
CONDITION = '<Condition>fault.name = "x"</Condition>'

test_bad, test_good = table(
    "FR003",
    bad={
        "in a proxy": endpoint(proxy(extra=ONE.format("")), lines=[7], says="'all'", severity=1),
        "in a target": endpoint(target(extra=ONE.format(""))),
        "an empty condition is none": endpoint(proxy(extra=ONE.format("<Condition/>"))),
    },
    good={
        "with a condition": endpoint(proxy(extra=ONE.format(CONDITION))),
        "two": endpoint(proxy(extra=ONE.format('</FaultRule><FaultRule name="b">'))),
        "none": endpoint(proxy(extra="<FaultRules/>")),
    },
)
