from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO034",
    bad={
        "nothing to do": policy(
            '<AssignMessage name="AM-1"><DisplayName>AM-1</DisplayName></AssignMessage>',
            lines=[1],
            severity=2,
        ),
        "an unknown part": policy(
            '<AssignMessage name="AM-1"><Remove/><Sett/></AssignMessage>', says="<Sett>"
        ),
        "a header without its group, which apigeelint misses from the command line": policy(
            '<AssignMessage name="AM-1"><Add><Header name="a">b</Header></Add></AssignMessage>',
            says="<Header>",
        ),
        "an attribute, which apigeelint misses from the command line": policy(
            '<AssignMessage name="AM-1"><Set source="request"><Verb>GET</Verb></Set></AssignMessage>',
            says="source",
        ),
        "a word for a boolean": policy(
            '<AssignMessage name="AM-1"><Copy><Verb>GET</Verb></Copy></AssignMessage>', says="true or false"
        ),
    },
    good={
        "it does something": policy('<AssignMessage name="AM-1"><Remove/></AssignMessage>'),
        "all parts": policy(
            '<AssignMessage name="AM-1"><Copy source="request"><Headers/><Verb>true</Verb></Copy><Set><Payload contentType="a/b">c</Payload></Set><AssignTo createNew="true" type="request">x</AssignTo><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></AssignMessage>'
        ),
    },
)
