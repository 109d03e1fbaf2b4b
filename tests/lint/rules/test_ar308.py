from tests.house import proxy
from tests.lint.kit import endpoint, table

_GET_OR_PUT = 'request.verb = "GET" or request.verb = "PUT"'


def _flow(name: str, condition: str) -> str:
    return f'\n<Flow name="{name}"><Condition>{condition}</Condition><Request/><Response/></Flow>'


def _rules(*conditions: str) -> str:
    rules = "".join(
        f'\n<FaultRule name="{number}"><Condition>{text}</Condition></FaultRule>'
        for number, text in enumerate(conditions)
    )
    return f"<FaultRules>{rules}</FaultRules>"


def _target(xml: str) -> str:
    url = "<HTTPTargetConnection><URL>https://a.test</URL></HTTPTargetConnection>"
    return f'<TargetEndpoint name="default">{xml}{url}</TargetEndpoint>'


_NARROW, _WIDE = 'fault.name = "a" and b = "c"', 'fault.name = "a"'

test_bad, test_good = table(
    "AR308",
    bad={
        "a flow": endpoint(
            proxy(flows=_flow("wide", _GET_OR_PUT) + _flow("narrow", 'request.verb = "GET"')), lines=[5]
        ),
        "a path with more": endpoint(
            proxy(
                flows=_flow("token", 'proxy.pathsuffix MatchesPath "/token"')
                + _flow("refresh", 'proxy.pathsuffix MatchesPath "/token" and grant = "r"')
            ),
            lines=[5],
        ),
        "a fault rule of a target": endpoint(_target(_rules(_WIDE, _NARROW)), lines=[3]),
        "a fault rule of a proxy": endpoint(proxy(extra=_rules(_NARROW, _WIDE))),
        "a route": endpoint(
            proxy(
                routes='<RouteRule name="a"><Condition>x != null</Condition></RouteRule>\n'
                '<RouteRule name="b"><Condition>x = "1"</Condition></RouteRule>'
            )
        ),
    },
    good={
        "the narrow one first": endpoint(
            proxy(flows=_flow("narrow", 'request.verb = "GET"') + _flow("wide", _GET_OR_PUT))
        ),
        "fault rules of a proxy run from the last": endpoint(proxy(extra=_rules(_WIDE, _NARROW))),
        "fault rules of a target run from the first": endpoint(_target(_rules(_NARROW, _WIDE))),
        "another variable": endpoint(proxy(flows=_flow("a", 'x = "1"') + _flow("b", 'y = "1"'))),
    },
)
