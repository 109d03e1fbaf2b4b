from tests.lint.kit import policy, table

_CALLOUT = (
    '<ServiceCallout name="SC-1"><Response>r</Response>\n{}<HTTPTargetConnection><URL>https://a.test</URL>'
    "{}</HTTPTargetConnection></ServiceCallout>"
)
_PROPERTY = '<Properties><Property name="io.timeout.millis">{}</Property></Properties>'

test_bad, test_good = table(
    "AR304",
    bad={
        "none": policy(_CALLOUT.format("", ""), lines=[1]),
        "too long": policy(_CALLOUT.format("<Timeout>120000</Timeout>", ""), lines=[2]),
        "longer than wanted": policy(
            _CALLOUT.format("<Timeout>9000</Timeout>", ""), lines=[2], options={"limit": 5000}
        ),
        "a property that is too long": policy(_CALLOUT.format("", _PROPERTY.format("90000")), lines=[2]),
    },
    good={
        "a timeout": policy(_CALLOUT.format("<Timeout>5000</Timeout>", "")),
        "a property": policy(_CALLOUT.format("", _PROPERTY.format("5000"))),
        "nothing is waited for": policy(
            '<ServiceCallout name="SC-1"><HTTPTargetConnection><URL>https://a.test</URL></HTTPTargetConnection>'
            "</ServiceCallout>"
        ),
        "nothing runs it": policy(_CALLOUT.format("", ""), attached=False),
    },
)
