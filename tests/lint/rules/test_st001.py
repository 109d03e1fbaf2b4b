from tests.house import proxy
from tests.lint.kit import endpoint, table

EVENTS = """<TargetEndpoint name="default"><EventFlow><Response>
<Step/></Response></EventFlow></TargetEndpoint>"""

test_bad, test_good = table(
    "ST001",
    bad={
        "no name": endpoint(proxy(request="\n<Step/>"), lines=[3], severity=2),
        "an empty name": endpoint(proxy(request="<Step><Name> </Name></Step>")),
        "in a shared flow": endpoint(
            '<SharedFlow name="default"><Step><Condition>a</Condition></Step></SharedFlow>'
        ),
        "apigeelint passes over event flows": endpoint(EVENTS, lines=[2]),
    },
    good={"a name": endpoint(proxy(request="<Step><Name>A</Name></Step>"))},
)
