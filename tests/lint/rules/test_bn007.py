from tests.lint.kit import Case, table


def scripts(count: int) -> dict[str, str]:
    return {f"resources/jsc/{number}.js": "" for number in range(count)}


test_bad, test_good = table(
    "BN007",
    bad={
        "21 files": Case(scripts(21), lines=[1], says="21 resource files, more than 20", severity=1),
        "a lower limit": Case(scripts(3), options={"files": 2}),
    },
    good={
        "20 files": Case(scripts(20)),
        "backups do not count": Case({**scripts(20), "resources/jsc/a.js~": ""}),
        "nor do modules of node": Case({**scripts(20), "resources/node/node_modules/a/b.js": ""}),
    },
)
