from tests.house import proxy
from tests.lint.kit import endpoint, table

WITH = '<RouteRule name="{0}"><Condition>a = "{0}"</Condition></RouteRule>\n'
WITHOUT = '<RouteRule name="{0}"/>\n'

test_bad, test_good = table(
    "PD002",
    bad={
        "none at all": endpoint(proxy(routes=""), lines=[1], says="no <RouteRule>", severity=2),
        "two without condition": endpoint(
            proxy(routes="\n" + WITHOUT.format("a") + WITHOUT.format("b")), lines=[8], says="'b'", severity=2
        ),
        "all with conditions": endpoint(proxy(routes=WITH.format("a")), lines=[1], severity=1),
        "in a shared flow": endpoint(
            '<SharedFlow name="default">\n<RouteRule/></SharedFlow>', lines=[2], severity=1
        ),
    },
    good={
        "one without condition": endpoint(proxy()),
        "one with and one without": endpoint(proxy(routes=WITH.format("a") + WITHOUT.format("b"))),
    },
)
