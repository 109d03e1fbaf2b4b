from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO024",
    bad={
        "absent": policy(
            '<ResponseCache name="RC-1"><CacheKey><KeyFragment ref="request.uri"/></CacheKey><ExpirySettings><TimeoutInSeconds>9</TimeoutInSeconds></ExpirySettings></ResponseCache>',
            lines=[1],
            severity=2,
        ),
        "false": policy(
            '<ResponseCache name="RC-1"><CacheKey><KeyFragment ref="request.uri"/></CacheKey><ExpirySettings><TimeoutInSeconds>9</TimeoutInSeconds></ExpirySettings><ExcludeErrorResponse>false</ExcludeErrorResponse></ResponseCache>'
        ),
    },
    good={
        "true": policy(
            '<ResponseCache name="RC-1"><CacheKey><KeyFragment ref="request.uri"/></CacheKey><ExpirySettings><TimeoutInSeconds>9</TimeoutInSeconds></ExpirySettings><ExcludeErrorResponse>true</ExcludeErrorResponse></ResponseCache>'
        ),
    },
)
