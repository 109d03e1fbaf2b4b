from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO029",
    bad={
        "misspelt": policy('<AsignMessage name="AM-1"/>', lines=[1], severity=2, says="AsignMessage"),
    },
    good={
        "known": policy('<AssignMessage name="AM-1"><Remove/></AssignMessage>'),
        "an old name of a policy": policy(
            '<ExtensionCallout name="CC-1"><Connector>a</Connector><Action>b</Action></ExtensionCallout>',
            profile="apigee",
        ),
    },
)
