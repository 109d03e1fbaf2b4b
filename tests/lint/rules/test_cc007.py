from tests.house import proxy
from tests.lint.kit import Case, condition, table

FAULT = """<FaultRules><FaultRule name="f"><Step><Name>AM-1</Name>
<Condition>a is equal "x"</Condition></Step></FaultRule></FaultRules>"""
TWO = """<Step><Name>AM-1</Name><Condition>a = = "x"</Condition></Step>
<Step><Name>AM-1</Name><Condition>b = = "x"</Condition></Step>"""
POLICY = {"policies/AM-1.xml": '<AssignMessage name="AM-1"/>'}

test_bad, test_good = table(
    "CC007",
    bad={
        "an operator twice": condition('a = = "x"', severity=2, says="cannot be read"),
        "an unknown operator": condition('a contains "x"', says="not an operator"),
        "nothing to compare with": condition("a ="),
        "a regular expression that does not compile": condition(
            'a ~~ "["', says="invalid regular expression"
        ),
        "a pattern that is a variable": condition("a ~ b", says="needs a pattern"),
        "apigeelint tells it twice: once for a step in a fault rule": Case(
            {**POLICY, "proxies/default.xml": proxy(extra=FAULT)}, lines=[7]
        ),
        "apigeelint stops at the first: each of two is told": Case(
            {**POLICY, "proxies/default.xml": proxy(request=TWO)}, lines=[2, 3]
        ),
    },
    good={
        "every operator": condition(
            'a = "x" and b != "x" and c := "x" and d > 1 and e >= 1 and f < 1 and g <= 1 and h ~~ "x" and i ~ "x"'
        ),
        "words for operators": condition(
            'a Equals "x" and b IsNot null and c MatchesPath "/x" and d StartsWith "/x"'
        ),
        "a negated match": condition('a Not MatchesPath "/x"'),
        "two variables": condition("a = b and c < d"),
        "an empty condition": condition(""),
        "a quote left open is told by CC005": condition('a = "x'),
    },
)
