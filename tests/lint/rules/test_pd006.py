from tests.house import proxy
from tests.lint.kit import endpoint, table

CONNECTION = '<ProxyEndpoint name="default">\n<HTTPProxyConnection>{}</HTTPProxyConnection></ProxyEndpoint>'
AFTER = "<PostClientFlow>\n{}</PostClientFlow>"
STEP = "<Step><Name>ML-A</Name></Step>"

test_bad, test_good = table(
    "PD006",
    bad={
        "no base path": endpoint(CONNECTION.format(""), lines=[2], says="no <BasePath>", severity=2),
        "two base paths": endpoint(
            CONNECTION.format("<BasePath>/a</BasePath>\n<BasePath>/b</BasePath>"), lines=[2]
        ),
        "steps in the request after the client": endpoint(
            proxy(extra=AFTER.format(f"<Request>{STEP}</Request>")), lines=[6], severity=2
        ),
        "an empty request after the client": endpoint(proxy(extra=AFTER.format("<Request/>")), severity=1),
    },
    good={
        "one base path": endpoint(proxy()),
        "a response after the client": endpoint(proxy(extra=AFTER.format(f"<Response>{STEP}</Response>"))),
        "no connection at all is told by PD005": endpoint('<ProxyEndpoint name="default"/>'),
    },
)
