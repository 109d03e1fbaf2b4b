from typing import Any

from tests.house import proxy, steps
from tests.lint.kit import Case, table


def collectors(*names: str, request: str, same: bool = False, **case: Any) -> Case:
    files = {
        f"policies/{name}.xml": f"""<StatisticsCollector name="{name}">
<Statistics><Statistic name="{"n" if same else name}" ref="a" type="string">x</Statistic></Statistics>
</StatisticsCollector>"""
        for name in names
    }
    return Case({**files, "proxies/default.xml": proxy(request=request)}, **case)


WITH = '<Step><Name>{}</Name><Condition>a = "{}"</Condition></Step>'

test_bad, test_good = table(
    "BN009",
    bad={
        "two, one without a condition": collectors(
            "A", "B", request=WITH.format("A", 1) + steps("B"), lines=[1]
        ),
        "two, none with a condition": collectors("A", "B", request=steps("A", "B"), lines=[1, 1], severity=1),
        "one at two steps": collectors("A", request=steps("A", "A"), says="more than one step"),
        "two that collect the same": collectors(
            "A",
            "B",
            request=WITH.format("A", 1) + WITH.format("B", 2),
            same=True,
            says="'B' collects the same",
        ),
    },
    good={
        "one": collectors("A", request=steps("A")),
        "two with conditions": collectors("A", "B", request=WITH.format("A", 1) + WITH.format("B", 2)),
        "two, one of them not attached": collectors("A", "B", request=WITH.format("A", 1)),
    },
)
