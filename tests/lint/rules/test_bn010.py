from tests.house import proxy, steps
from tests.lint.kit import Case, endpoint, table

POLICY = {"policies/AM-A.xml": '<AssignMessage name="AM-A"/>'}
EVENTS = """<TargetEndpoint name="default"><EventFlow><Response>
<Step><Name>AM-B</Name></Step></Response></EventFlow>
<HTTPTargetConnection><URL>https://a.test</URL></HTTPTargetConnection></TargetEndpoint>"""
FAULT = "<DefaultFaultRule>\n<Step><Name>AM-B</Name></Step></DefaultFaultRule>"

test_bad, test_good = table(
    "BN010",
    bad={
        "no policy at all": endpoint(proxy(request=steps("AM-B")), lines=[2], says="'AM-B'", severity=2),
        "another case": Case({**POLICY, "proxies/default.xml": proxy(request=steps("AM-a"))}, says="AM-A?"),
        "in a default fault rule": endpoint(proxy(extra=FAULT), lines=[7]),
        "in a shared flow": endpoint(
            '<SharedFlow name="default"><Step><Name>AM-B</Name></Step></SharedFlow>'
        ),
        "apigeelint passes over event flows": endpoint(EVENTS, lines=[2]),
    },
    good={
        "it is there": Case({**POLICY, "proxies/default.xml": proxy(request=steps("AM-A"))}),
        "called otherwise than its file": Case(
            {
                "policies/b.xml": '<AssignMessage name="AM-A"/>',
                "proxies/default.xml": proxy(request=steps("AM-A")),
            }
        ),
        "a step without a name is told by ST001": endpoint(proxy(request="<Step/><Step><Name/></Step>")),
        "its file cannot be read, which BN011 tells": Case(
            {"policies/AM-A.xml": "<AssignMessage", "proxies/default.xml": proxy(request=steps("AM-A"))}
        ),
    },
)
