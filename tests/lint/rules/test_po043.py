from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO043",
    bad={
        "misspelt": policy(
            '<ServiceCallout name="SC-1"><HTTPTargetConnection><URL>https://a.example.com</URL><SSLInfo><IgnoreValidationError>false</IgnoreValidationError></SSLInfo></HTTPTargetConnection></ServiceCallout>',
            lines=[1],
            severity=2,
        ),
    },
    good={
        "known": policy(
            '<ServiceCallout name="SC-1"><HTTPTargetConnection><URL>https://a.example.com</URL><SSLInfo><Enabled>true</Enabled><Enforce>true</Enforce></SSLInfo></HTTPTargetConnection></ServiceCallout>'
        ),
    },
)
