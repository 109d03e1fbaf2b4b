from tests.lint.kit import condition, table


def any_of(count: int) -> str:
    return " or ".join(f'a = "{number}"' for number in range(count))


test_bad, test_good = table(
    "CC004",
    bad={
        "fifteen terms": condition(any_of(4), says="15 terms, more than 12"),
        "a lower limit": condition(any_of(2), options={"terms": 6}, says="7 terms, more than 6"),
    },
    good={
        "eleven terms": condition(any_of(3)),
        "a higher limit": condition(any_of(4), options={"terms": 15}),
        "one that cannot be read": condition(any_of(4) + " or ("),
    },
)
