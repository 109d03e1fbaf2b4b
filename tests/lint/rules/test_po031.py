from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO031",
    bad={
        "neither": policy(
            '<AssignMessage name="AM-1"><Set><Payload>a</Payload></Set></AssignMessage>',
            lines=[1],
            severity=1,
        ),
        "both": policy(
            '<AssignMessage name="AM-1"><Set><Headers><Header name="Content-Type">text/plain</Header></Headers><Payload contentType="text/plain">a</Payload></Set></AssignMessage>',
            says="both",
        ),
        "a second payload": policy(
            '<AssignMessage name="AM-1"><Set><Payload contentType="a/b">a</Payload><Payload contentType="a/b">b</Payload></Set></AssignMessage>',
            says="more than once",
        ),
    },
    good={
        "the attribute": policy(
            '<AssignMessage name="AM-1"><Set><Payload contentType="text/plain">a</Payload></Set></AssignMessage>'
        ),
        "the header": policy(
            '<AssignMessage name="AM-1"><Set><Headers><Header name="Content-Type">text/plain</Header></Headers><Payload>a</Payload></Set></AssignMessage>'
        ),
        "no payload": policy(
            '<AssignMessage name="AM-1"><Set><Headers><Header name="Content-Type">text/plain</Header></Headers></Set></AssignMessage>'
        ),
    },
)
