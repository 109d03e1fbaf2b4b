from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO019",
    bad={
        "request": policy(
            '<ServiceCallout name="SC-1"><Request variable="request"/><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>',
            lines=[1],
            severity=2,
        ),
    },
    good={
        "its own": policy(
            '<ServiceCallout name="SC-1"><Request variable="mine"/><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>'
        ),
        "none": policy(
            '<ServiceCallout name="SC-1"><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>'
        ),
    },
)
