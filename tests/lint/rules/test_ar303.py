from tests.lint.kit import condition, policy, table

_PROTECT = '<RegularExpressionProtection name="RE-1"><URIPath>\n<Pattern>{}</Pattern></URIPath></RegularExpressionProtection>'

test_bad, test_good = table(
    "AR303",
    bad={
        "a condition": condition('request.header.x JavaRegex "(a+)+b"', says="exponential"),
        "a condition with ~~": condition('request.header.x ~~ "(a|a)*b"'),
        "a policy": policy(_PROTECT.format("(a*)*$"), lines=[2]),
        "a high power": policy(_PROTECT.format(".*.*.*.*.*.*x"), says="power"),
    },
    good={
        "linear": condition('request.header.x JavaRegex "a+b"'),
        "a policy": policy(_PROTECT.format("[a-z]+[0-9]+")),
        "not readable": policy(_PROTECT.format("foo){2}")),
        "no regular expression": condition('request.header.x = "(a+)+b"'),
    },
)
