from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO008",
    bad={
        "another text": policy(
            '<AssignMessage name="AM-1"><DisplayName>Set it</DisplayName><Remove/></AssignMessage>',
            lines=[1],
            says="'Set it'",
            fixed={
                "policies/AM-1.xml": '<AssignMessage name="AM-1"><DisplayName>AM-1</DisplayName><Remove/></AssignMessage>'
            },
        ),
        "empty": policy('<AssignMessage name="AM-1"><DisplayName/><Remove/></AssignMessage>', says="empty"),
    },
    good={
        "the file's name": policy(
            '<AssignMessage name="AM-1"><DisplayName>AM-1</DisplayName><Remove/></AssignMessage>'
        ),
        "none": policy('<AssignMessage name="AM-1"><Remove/></AssignMessage>'),
    },
)
