from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO022",
    bad={
        "absent": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/></Quota>',
            lines=[1],
            severity=1,
        ),
        "false": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><Distributed>false</Distributed></Quota>'
        ),
    },
    good={
        "true": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><Distributed>true</Distributed></Quota>'
        ),
    },
)
