from tests.house import proxy, target
from tests.lint.kit import endpoint, table


def rules(*kinds: str) -> str:
    texts = {"with": '<Condition>fault.name = "x"</Condition>', "without": "", "empty": "<Condition/>"}
    lines = [f'<FaultRule name="{index}">{texts[kind]}</FaultRule>' for index, kind in enumerate(kinds)]
    return "<FaultRules>\n" + "\n".join(lines) + "</FaultRules>"


test_bad, test_good = table(
    "FR001",
    bad={
        "the last of a proxy": endpoint(proxy(extra=rules("with", "without")), lines=[8], severity=2),
        "an empty condition is none": endpoint(proxy(extra=rules("with", "empty")), lines=[8]),
        "the first of a target": endpoint(
            target(extra=rules("without", "with")), lines=[4], says="the last one"
        ),
        "all of a proxy but the first": endpoint(
            proxy(extra=rules("without", "without", "without")), lines=[8, 9]
        ),
    },
    good={
        "the first of a proxy": endpoint(proxy(extra=rules("without", "with"))),
        "the last of a target": endpoint(target(extra=rules("with", "without"))),
        "a single one is told by FR003": endpoint(proxy(extra=rules("without"))),
    },
)
