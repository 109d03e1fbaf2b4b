from typing import Any

from tests.house import proxy, steps, target
from tests.lint.kit import Case, table


def cors(request: str = "", in_target: str = "", **case: Any) -> Case:
    files = {
        "policies/C-1.xml": '<CORS name="C-1"/>',
        "policies/C-2.xml": '<CORS name="C-2"/>',
        "proxies/default.xml": proxy(request=request),
        "targets/default.xml": target(request=in_target),
    }
    return Case(files, **case)


CONDITIONAL = '\n<Step><Name>{}</Name><Condition>a = "{}"</Condition></Step>'

test_bad, test_good = table(
    "EP001",
    bad={
        "two, one of them without condition": cors(
            CONDITIONAL.format("C-1", 1) + "\n" + steps("C-2"), lines=[4], says="'C-2'", severity=2
        ),
        "one twice": cors("\n" + steps("C-1") + "\n" + steps("C-1"), lines=[3, 4]),
        "in a target": cors(in_target=steps("C-1"), lines=[2], says="target endpoint"),
    },
    good={
        "one": cors(steps("C-1")),
        "two with conditions": cors(CONDITIONAL.format("C-1", 1) + CONDITIONAL.format("C-2", 2)),
        "none": cors(),
    },
)
