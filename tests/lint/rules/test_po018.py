from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO018",
    bad={
        "lookahead": policy(
            '<RegularExpressionProtection name="RE-1"><QueryParam name="q"><Pattern>(?=a)b</Pattern></QueryParam></RegularExpressionProtection>',
            lines=[1],
        ),
        "negative lookbehind": policy(
            '<RegularExpressionProtection name="RE-1"><QueryParam name="q"><Pattern>(?&lt;!a)b</Pattern></QueryParam></RegularExpressionProtection>',
            says="(?<!",
        ),
    },
    good={
        "a flag": policy(
            '<RegularExpressionProtection name="RE-1"><QueryParam name="q"><Pattern>(?i)a</Pattern></QueryParam></RegularExpressionProtection>'
        ),
        "a group that is not captured, which apigeelint takes for a lookaround": policy(
            '<RegularExpressionProtection name="RE-1"><QueryParam name="q"><Pattern>(?:a)+</Pattern></QueryParam></RegularExpressionProtection>'
        ),
    },
)
