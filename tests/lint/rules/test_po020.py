from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO020",
    bad={
        "response": policy(
            '<ServiceCallout name="SC-1"><Response>response</Response><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>',
            lines=[1],
            severity=2,
        ),
    },
    good={
        "its own": policy(
            '<ServiceCallout name="SC-1"><Response>mine</Response><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>'
        ),
    },
)
