from tests.house import proxy
from tests.lint.kit import Case, endpoint, table

NAMELESS = "<ProxyEndpoint><HTTPProxyConnection><BasePath>/a</BasePath></HTTPProxyConnection></ProxyEndpoint>"

test_bad, test_good = table(
    "PD004",
    bad={
        "another name": endpoint(
            proxy(name="main"), lines=[1], says="'main' is not that of the file", severity=2
        ),
        "no name": endpoint(
            NAMELESS,
            lines=[1],
            fixed={
                "proxies/default.xml": NAMELESS.replace("<ProxyEndpoint>", '<ProxyEndpoint name="default">')
            },
        ),
        "an empty name": endpoint('<!-- --><ProxyEndpoint name=" "/>'),
        "a shared flow": Case({"sharedflows/a.xml": '<SharedFlow name="b"/>'}, kind="sharedflowbundle"),
    },
    good={
        "the same name": endpoint(proxy()),
        "a shared flow": endpoint('<SharedFlow name="default"/>'),
    },
)
