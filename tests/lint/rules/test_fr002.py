from tests.house import proxy, target
from tests.lint.kit import endpoint, table


def rule(xml: str) -> str:
    return f'<DefaultFaultRule name="d">{xml}</DefaultFaultRule>'


test_bad, test_good = table(
    "FR002",
    bad={
        "an unknown element": endpoint(proxy(extra=rule("\n<FaultRule/>")), lines=[6], severity=1),
        "two AlwaysEnforce": endpoint(
            proxy(extra=rule("<AlwaysEnforce/>" * 2)), says="more than one <AlwaysEnforce>"
        ),
        "two conditions, in a target": endpoint(target(extra=rule("<Condition/>" * 2))),
    },
    good={
        "all there may be": endpoint(
            proxy(
                extra=rule(
                    "<Step><Name>A</Name></Step><Step/><AlwaysEnforce>true</AlwaysEnforce><Condition/>"
                )
            )
        ),
    },
)
