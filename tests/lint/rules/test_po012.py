from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO012",
    bad={
        "changes nothing": policy(
            '<AssignMessage name="AM-1"><Remove/><AssignTo createNew="false" transport="http" type="request"/></AssignMessage>',
            lines=[1],
            says="changes nothing",
        ),
        "another transport": policy(
            '<AssignMessage name="AM-1"><Remove/><AssignTo createNew="true" transport="https" type="request">a</AssignTo></AssignMessage>',
            says="https",
        ),
        "another type": policy(
            '<AssignMessage name="AM-1"><Remove/><AssignTo createNew="true" type="message">a</AssignTo></AssignMessage>',
            says="message",
        ),
        "two of them": policy(
            '<AssignMessage name="AM-1"><Remove/><AssignTo createNew="true" type="request">a</AssignTo><AssignTo createNew="true" type="request">b</AssignTo></AssignMessage>',
            says="more than one",
        ),
    },
    good={
        "a message of its own": policy(
            '<AssignMessage name="AM-1"><Remove/><AssignTo createNew="true" transport="http" type="request">a</AssignTo></AssignMessage>'
        ),
        "an existing message": policy(
            '<AssignMessage name="AM-1"><Remove/><AssignTo createNew="false" type="request">a</AssignTo></AssignMessage>'
        ),
        "none": policy('<AssignMessage name="AM-1"><Remove/></AssignMessage>'),
    },
)
