from tests.house import proxy, target
from tests.lint.kit import Case, endpoint, table


def connection(xml: str) -> str:
    return f"""<TargetEndpoint name="default"><HTTPTargetConnection>
{xml}
</HTTPTargetConnection></TargetEndpoint>"""


STEP = "<Step><Name>AM-1</Name></Step>"
SERVERS = '<LoadBalancer><Server name="a"/></LoadBalancer>'
MONITOR = """<HealthMonitor><IsEnabled>true</IsEnabled><HTTPMonitor><Request><Verb>GET</Verb><Path>/</Path></Request>
<SuccessResponse><ResponseCode>200</ResponseCode></SuccessResponse></HTTPMonitor></HealthMonitor>"""
HOSTED = '<TargetEndpoint name="default"><HostedTarget/></TargetEndpoint>'

test_bad, test_good = table(
    "EP002",
    bad={
        "a step beside the request": endpoint(
            f'<ProxyEndpoint name="default"><PreFlow>\n{STEP}</PreFlow></ProxyEndpoint>',
            lines=[2],
            says="belongs into <Request>",
            severity=2,
        ),
        "a flow outside of flows": endpoint(proxy(extra='<Flow name="a"/>'), lines=[6], says="<Flows>"),
        "an unknown element at the top": endpoint(proxy(extra="<Preflow/>"), says="Did you mean PreFlow?"),
        "flows twice": endpoint(proxy(extra="<Flows/>"), lines=[6], says="more than one <Flows>"),
        "an unknown element in a step": endpoint(proxy(request="<Step><Name>A</Name><If/></Step>")),
        "a route rule in a target": endpoint(target(extra="<RouteRule/>"), says="<ProxyEndpoint>"),
        "a condition in a shared flow": endpoint('<SharedFlow name="default"><Condition/></SharedFlow>'),
        "no connection": endpoint('<TargetEndpoint name="default"/>', lines=[1], says="no connection"),
        "two connections": endpoint(target(extra="<LocalTargetConnection/>"), says="Keep one"),
        "a hosted target, on Apigee X": endpoint(HOSTED, says="no connection"),
        "an unknown element about TLS": endpoint(
            connection("<URL>https://a.test</URL><SSLInfo><IgnoreValidationError/></SSLInfo>"),
            lines=[2],
            says="IgnoreValidationErrors?",
        ),
        "two monitors": endpoint(connection(f"{SERVERS}{MONITOR}\n<HealthMonitor/>"), lines=[4]),
        "a monitor of both kinds": endpoint(
            connection(SERVERS + MONITOR.replace("</HealthMonitor>", "\n<TCPMonitor/></HealthMonitor>")),
            lines=[4],
        ),
        "an unknown element in a monitor's request": endpoint(
            connection(SERVERS + MONITOR.replace("Verb>", "Method>"))
        ),
        "told once, though wrong for two reasons": endpoint(
            proxy(request="<Step><Name>A</Name><Step/></Step>"), lines=[2]
        ),
    },
    good={
        "an endpoint": endpoint(
            proxy(request=STEP, flows=f'<Flow name="a"><Request>{STEP}</Request></Flow>')
        ),
        "a target with servers and monitor": endpoint(connection(SERVERS + MONITOR)),
        "a hosted target, on Edge": Case({"targets/default.xml": HOSTED}, profile="apigee"),
        "fault rules": endpoint(
            proxy(
                extra=f"<FaultRules><FaultRule>{STEP}</FaultRule></FaultRules><DefaultFaultRule>{STEP}</DefaultFaultRule>"
            )
        ),
        "an event flow": endpoint(proxy(extra=f"<EventFlow><Response>{STEP}</Response></EventFlow>")),
        "a shared flow": endpoint(f'<SharedFlow name="default">{STEP}</SharedFlow>'),
    },
)
