from tests.lint.kit import condition, table

LONG = 'a = "' + "x" * 251 + '"'

test_bad, test_good = table(
    "CC003",
    bad={
        "257 characters": condition(LONG, says="257 characters, more than 256", severity=1),
        "blanks count": condition('a = "x"' + " " * 250),
        "a lower limit": condition('a = "xyz"', options={"length": 8}, says="9 characters, more than 8"),
    },
    good={
        "256 characters": condition(LONG[1:]),
        "a higher limit": condition(LONG, options={"length": 300}),
    },
)
