from tests.house import proxy
from tests.lint.kit import endpoint, table

HOST = """<ProxyEndpoint name="default">
<HTTPProxyConnection><BasePath>/a</BasePath>
<VirtualHost>default</VirtualHost>
<VirtualHost>secure</VirtualHost></HTTPProxyConnection></ProxyEndpoint>"""
NONE = '<ProxyEndpoint name="default"/>'

test_bad, test_good = table(
    "PD005",
    bad={
        "on Apigee X": endpoint(HOST, lines=[3, 4], severity=1),
        "no connection": endpoint(NONE, lines=[1], says="<BasePath>"),
        "no connection, on Edge": endpoint(NONE, profile="apigee"),
        "two connections": endpoint(proxy(extra="<HTTPProxyConnection/>"), lines=[6], says="more than one"),
    },
    good={
        "none": endpoint(proxy()),
        "on Edge": endpoint(HOST, profile="apigee"),
        "a shared flow": endpoint('<SharedFlow name="default"/>'),
    },
)
