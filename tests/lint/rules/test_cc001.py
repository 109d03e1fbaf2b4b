from tests.lint.kit import condition, table

test_bad, test_good = table(
    "CC001",
    bad={
        "the whole condition": condition("true", says="the constant true"),
        "beside and": condition('a = "x" and true', says="the constant true"),
        "a text beside or": condition('a = "x" or "y"', says='the constant "y"'),
        "negated": condition("not false", severity=1),
        "on its own line": condition('a = "x"\nand true'),
    },
    good={
        "a comparison": condition('a = "x"'),
        "compared with true": condition("a = true and b = null"),
        "a variable alone": condition("a and not b"),
        "one that cannot be read": condition("true and ("),
    },
)
