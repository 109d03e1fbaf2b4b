from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO007",
    bad={
        "no prefix": policy('<Quota name="PerApp"/>', lines=[1], says="a Quota. Begin it with quota- or q-"),
        "another type's prefix": policy('<Quota name="AM-PerApp"/>', says="'AM-PerApp'"),
        "the team's own prefix is missing": policy(
            '<Quota name="Q-App"/>', options={"prefixes": {"Quota": "limit"}}, says="Begin it with limit-."
        ),
    },
    good={
        "hyphen": policy('<Quota name="Q-PerApp"/>'),
        "dot and other case": policy('<Quota name="quota.PerApp"/>'),
        "the team's own prefix": policy(
            '<Quota name="Limit-App"/>', options={"prefixes": {"Quota": "limit"}}
        ),
        "a type without a convention": policy('<SomethingNew name="PerApp"/>'),
    },
)
