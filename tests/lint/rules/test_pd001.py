from tests.house import proxy, target
from tests.lint.kit import Case, endpoint, table

ROUTE = '<RouteRule name="r">\n<TargetEndpoint>{}</TargetEndpoint></RouteRule>'

test_bad, test_good = table(
    "PD001",
    bad={
        "not there": endpoint(
            proxy(routes=ROUTE.format("defalt")), lines=[6], says="Did you mean default?", severity=2
        ),
        "empty": endpoint(proxy(routes=ROUTE.format(" ")), lines=[6], says="null route"),
    },
    good={
        "there": endpoint(proxy()),
        "a null route": endpoint(proxy(routes='<RouteRule name="none"/>')),
        "a URL": endpoint(proxy(routes='<RouteRule name="r"><URL>https://a.test</URL></RouteRule>')),
        "its file cannot be read, which BN011 tells": Case(
            {
                "proxies/default.xml": proxy(routes=ROUTE.format("other")),
                "targets/default.xml": target(),
                "targets/other.xml": "<TargetEndpoint",
            }
        ),
    },
)
