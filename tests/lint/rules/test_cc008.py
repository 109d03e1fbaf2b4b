from tests.house import proxy
from tests.lint.kit import Case, endpoint, table


def flows(*conditions: str, names: str = "abc") -> Case:
    lines = [
        f'<Flow name="{name}"><Condition>{condition}</Condition></Flow>'
        for name, condition in zip(names, conditions, strict=False)
    ]
    return endpoint(proxy(flows="\n".join(lines)))


FAULTS = """<FaultRules>
<FaultRule name="a"><Condition>fault.name = "x"</Condition></FaultRule>
<FaultRule name="b"><Condition>"x" = fault.name</Condition></FaultRule></FaultRules>"""
ROUTES = """<RouteRule name="a"><Condition>a = "x"</Condition><TargetEndpoint>default</TargetEndpoint></RouteRule>
<RouteRule name="b"><Condition>(a is "x")</Condition><TargetEndpoint>default</TargetEndpoint></RouteRule>
<RouteRule name="c"><TargetEndpoint>default</TargetEndpoint></RouteRule>"""
NAMELESS = '<Flow><Condition>a = "x"</Condition></Flow>\n<Flow><Condition>a = "y"</Condition></Flow>'

test_bad, test_good = table(
    "CC008",
    bad={
        "the same text": flows('a = "x"', 'a = "x"'),
        "another order": flows('a = "x" and b = "y"', 'b = "y" and a = "x"'),
        "De Morgan": flows('not (a = "x" or b = "y")', 'a != "x" and b != "y"'),
        "the case of a header name": flows('request.header.A = "x"', 'request.header.a = "x"'),
        "the third as the first": flows('a = "x"', 'a = "y"', 'a = "x"'),
        "the same name": flows('a = "x"', 'a = "y"', names="aa"),
        "no names": endpoint(proxy(flows=NAMELESS), lines=[4], says="no name"),
        "fault rules": endpoint(proxy(extra=FAULTS), lines=[8], severity=2),
        "route rules": endpoint(proxy(routes=ROUTES), lines=[7]),
    },
    good={
        "different conditions": flows('a = "x"', 'a = "y"'),
        "flows without condition": endpoint(proxy(flows='<Flow name="a"/><Flow name="a"/>')),
        "one that cannot be read": flows("a =", "a ="),
    },
)
