from tests.lint.kit import Case, table


def policies(count: int) -> dict[str, str]:
    return {f"policies/Q-{number}.xml": f'<Quota name="Q-{number}"/>' for number in range(count)}


test_bad, test_good = table(
    "BN006",
    bad={
        "101 policies": Case(policies(101), lines=[1], says="101 policies, more than 100", severity=1),
        "a lower limit": Case(policies(3), options={"policies": 2}),
    },
    good={
        "100 policies": Case(policies(100)),
        "a higher limit": Case(policies(101), options={"policies": 101}),
    },
)
