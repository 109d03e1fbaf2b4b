from tests.lint.kit import condition, table

test_bad, test_good = table(
    "CC005",
    bad={
        "no closing quote": condition('a = "x', says="no closing double quote", severity=2),
        "no opening quote": condition('a = x"', severity=2),
        "no closing single quote": condition("'a = 1", says="no closing single quote"),
        "no closing parenthesis": condition('(a = "x" and b = "y"', says="never closed"),
        "no opening parenthesis": condition('a = "x")', says="closes nothing"),
        "one parenthesis too many, though their number is even": condition('a = "x")) or ((b = "y"'),
    },
    good={
        "a parenthesis in a text": condition('a = "("'),
        "an apostrophe in a text": condition('a = "it\'s"'),
        "apigeelint wrongly tells decimal numbers: a fraction is a number": condition("a <= 0.7"),
        "apigeelint wrongly tells not(...) over lines: line ends are blanks": condition(
            'not(\n  (a = "x") or\n  (b = "y")\n)'
        ),
        "other errors are told by CC007": condition('a = "x" and and b'),
        "a variable alone in parentheses": condition("(a)"),
    },
)
