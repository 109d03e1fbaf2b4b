from tests.house import proxy, steps
from tests.lint.kit import Case, policy, table

test_bad, test_good = table(
    "PO006",
    bad={
        "another name": Case(
            {"policies/AM-File.xml": '<AssignMessage name="AM-Other"><Remove/></AssignMessage>'},
            lines=[1],
            says="AM-Other",
        ),
        "steps use the file's name": Case(
            {
                "policies/AM-File.xml": '<AssignMessage name="AM-Other"><Remove/></AssignMessage>',
                "proxies/default.xml": proxy(request=steps("AM-File")),
            },
            fixed={"policies/AM-File.xml": '<AssignMessage name="AM-File"><Remove/></AssignMessage>'},
        ),
    },
    good={
        "the same": policy('<AssignMessage name="AM-1"><Remove/></AssignMessage>'),
    },
)
