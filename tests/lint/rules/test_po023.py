from tests.house import proxy, steps
from tests.lint.kit import Case, table

Q = '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/></Quota>'
FLOW = '<Flow name="{}"><Condition>{}</Condition><Request><Step><Name>Q-1</Name></Step></Request></Flow>'


def attached(**flows: str) -> dict[str, str]:
    return {"policies/Q-1.xml": Q, "proxies/default.xml": proxy(**flows)}


test_bad, test_good = table(
    "PO023",
    bad={
        "twice in a flow": Case(attached(request=steps("Q-1", "Q-1")), lines=[1], says="'Q-1'"),
    },
    good={
        "once": Case(attached(request=steps("Q-1"))),
        "in two flows": Case(
            attached(
                flows=FLOW.format("a", 'request.verb = "GET"') + FLOW.format("b", 'request.verb = "PUT"')
            )
        ),
        "under different conditions": Case(attached(request=steps(Q_1='a = "1"') + steps(Q_1='a = "2"'))),
    },
)
