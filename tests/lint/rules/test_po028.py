from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO028",
    bad={
        "not on X": policy(
            '<StatisticsCollector name="Stats-1"><Statistics/></StatisticsCollector>',
            lines=[1],
            severity=2,
            says="Apigee X",
        ),
        "not on Edge": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example</AllowOrigins></CORS>',
            profile="apigee",
            says="Apigee Edge",
        ),
    },
    good={
        "on both": policy('<AssignMessage name="AM-1"><Remove/></AssignMessage>'),
        "on Edge": policy(
            '<StatisticsCollector name="Stats-1"><Statistics/></StatisticsCollector>', profile="apigee"
        ),
        "an unknown type, which is another rule's": policy('<Nothing name="N-1"/>'),
    },
)
