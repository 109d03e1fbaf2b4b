from tests.house import proxy
from tests.lint.kit import endpoint, table

WITH = '<RouteRule name="{0}"><Condition>a = "{0}"</Condition></RouteRule>\n'
WITHOUT = '<RouteRule name="{0}"/>\n'

test_bad, test_good = table(
    "PD003",
    bad={
        "first": endpoint(
            proxy(routes="\n" + WITHOUT.format("a") + WITH.format("b")), lines=[7], says="'a'", severity=2
        ),
    },
    good={
        "last": endpoint(proxy(routes=WITH.format("a") + WITHOUT.format("b"))),
        "all with conditions": endpoint(proxy(routes=WITH.format("a"))),
        "none": endpoint(proxy(routes="")),
    },
)
