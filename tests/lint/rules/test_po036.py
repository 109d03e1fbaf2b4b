from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO036",
    bad={
        "blank": policy(
            '<ServiceCallout name="SC-1"><Response> </Response><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>',
            lines=[1],
            severity=2,
        ),
        "two words": policy(
            '<ServiceCallout name="SC-1"><Response>a b</Response><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>',
            says="'a b'",
        ),
        "an attribute": policy(
            '<ServiceCallout name="SC-1"><Response name="a">b</Response><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>',
            says="name",
        ),
        "two": policy(
            '<ServiceCallout name="SC-1"><Response>a</Response><Response>b</Response><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>',
            says="more than one",
        ),
    },
    good={
        "a name": policy(
            '<ServiceCallout name="SC-1"><Response>a</Response><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>'
        ),
        "none": policy(
            '<ServiceCallout name="SC-1"><HTTPTargetConnection><URL>https://a.example.com</URL></HTTPTargetConnection></ServiceCallout>'
        ),
    },
)
