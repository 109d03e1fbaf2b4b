from tests.lint.kit import condition, table

test_bad, test_good = table(
    "AR101",
    bad={
        "different from one or from the other": condition('a != "x" or a != "y"', severity=1),
        "a comparison or its opposite": condition('a = "x" or not (a = "x")'),
        "or true": condition('a = "x" or true', says="always true"),
    },
    good={
        "one comparison": condition('a != "x"'),
        "different from both": condition('a != "x" and a != "y"'),
        "of two variables": condition('a != "x" or b != "x"'),
        "a constant alone is told by CC001": condition("true"),
        "an empty condition": condition(""),
    },
)
