from tests.house import target
from tests.lint.kit import Case, endpoint, table

NAMELESS = """
<TargetEndpoint ><HTTPTargetConnection/></TargetEndpoint>"""

test_bad, test_good = table(
    "TD003",
    bad={
        "another name": endpoint(
            target(name="main"), lines=[1], says="'main' is not that of the file", severity=2
        ),
        "no name": endpoint(
            NAMELESS,
            lines=[2],
            fixed={
                "targets/default.xml": NAMELESS.replace(
                    "<TargetEndpoint >", '<TargetEndpoint name="default">'
                )
            },
        ),
    },
    good={
        "the same name": Case({"targets/a-1.xml": target(name="a-1")}),
    },
)
