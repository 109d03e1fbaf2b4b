from tests.house import proxy, target
from tests.lint.kit import Case, table

test_bad, test_good = table(
    "BN012",
    bad={
        "no route rule names it": Case(
            {"targets/default.xml": target(), "targets/old.xml": target(name="old")}, lines=[1], says="'old'"
        ),
        "a null route": Case({"proxies/default.xml": proxy(routes='<RouteRule name="none"/>')}, severity=1),
    },
    good={
        "a route rule names it": Case(),
        "a proxy cannot be read, which BN011 tells": Case({"proxies/default.xml": "<ProxyEndpoint>"}),
    },
)
