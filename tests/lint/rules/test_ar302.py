from tests.house import target
from tests.lint.kit import endpoint, policy, table

_CALLOUT = '<ServiceCallout name="SC-1"><HTTPTargetConnection>\n<URL>{}</URL>{}</HTTPTargetConnection></ServiceCallout>'
_IGNORED = "<SSLInfo><IgnoreValidationErrors>{}</IgnoreValidationErrors></SSLInfo>"

test_bad, test_good = table(
    "AR302",
    bad={
        "a target": endpoint(target("http://api.acme.com/v1"), lines=[4]),
        "a callout": policy(_CALLOUT.format("http://api.acme.com", ""), lines=[2]),
        "an unchecked certificate": policy(
            _CALLOUT.format("https://api.acme.com", _IGNORED.format("true")), lines=[2]
        ),
    },
    good={
        "https": endpoint(target("https://api.acme.com/v1")),
        "this machine": endpoint(target("http://localhost:8080")),
        "a private address": endpoint(target("http://10.0.0.7/a")),
        "a service of the cluster": endpoint(target("http://stock.shop.svc.cluster.local")),
        "a name without a dot": endpoint(target("http://stock/a")),
        "a variable": endpoint(target("http://{host}/a")),
        "a checked certificate": policy(_CALLOUT.format("https://api.acme.com", _IGNORED.format("false"))),
    },
)
