from tests.house import proxy, target
from tests.lint.kit import endpoint, table

WITH = '<Flow name="{}"><Condition>a = "x"</Condition></Flow>\n'
WITHOUT = '<Flow name="{}"/>\n'
EMPTY = '<Flow name="{}"><Condition> </Condition></Flow>\n'

test_bad, test_good = table(
    "FL001",
    bad={
        "not the last": endpoint(
            proxy(flows=WITHOUT.format("a") + WITH.format("b")), lines=[3], says="'a'", severity=2
        ),
        "two": endpoint(proxy(flows=WITHOUT.format("a") + WITHOUT.format("b")), lines=[4]),
        "an empty condition is none": endpoint(proxy(flows=EMPTY.format("a") + WITH.format("b")), lines=[3]),
        "in a target": endpoint(target(flows=WITHOUT.format("a") + WITH.format("b"))),
    },
    good={
        "the last": endpoint(proxy(flows=WITH.format("a") + WITHOUT.format("b"))),
        "all with conditions": endpoint(proxy(flows=WITH.format("a") + WITH.format("b"))),
        "one": endpoint(proxy(flows=WITHOUT.format("a"))),
        "none": endpoint(proxy()),
    },
)
