from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO026",
    bad={
        "empty": policy(
            '<AssignMessage name="AM-1"><AssignVariable></AssignVariable></AssignMessage>',
            lines=[1],
            severity=2,
        ),
        "no name": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Value>1</Value></AssignVariable></AssignMessage>',
            says="<Name>",
        ),
        "two names": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Name>b</Name><Value>1</Value></AssignVariable></AssignMessage>',
            says="<Name>",
        ),
        "an unknown child": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Valu>1</Valu><Value>1</Value></AssignVariable></AssignMessage>',
            says="Valu",
        ),
        "two values": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Value>1</Value><Value>2</Value></AssignVariable></AssignMessage>',
            says="more than one <Value>",
        ),
        "no value": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name></AssignVariable></AssignMessage>',
            says="becomes",
        ),
        "braces in Ref": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Ref>{b}</Ref></AssignVariable></AssignMessage>',
            says="braces",
        ),
        "a broken template": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Template>{nosuch(a)}</Template></AssignVariable></AssignMessage>',
            says="template",
        ),
        "a property without a file": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><PropertySetRef>key</PropertySetRef></AssignVariable></AssignMessage>',
            says="property",
        ),
        "a property set on Edge": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><PropertySetRef>f.key</PropertySetRef></AssignVariable></AssignMessage>',
            profile="apigee",
        ),
    },
    good={
        "a value": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Value>1</Value></AssignVariable></AssignMessage>'
        ),
        "a variable with a fallback": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Ref>b</Ref><Value>1</Value></AssignVariable></AssignMessage>'
        ),
        "a template": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Template>{toUpperCase(b)}</Template></AssignVariable></AssignMessage>'
        ),
        "a property": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><PropertySetRef>f.key</PropertySetRef></AssignVariable></AssignMessage>'
        ),
        "a property from variables": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><PropertySetRef>{x.y}.{z.w}</PropertySetRef></AssignVariable></AssignMessage>'
        ),
        "a template that apigeelint refuses": policy(
            '<AssignMessage name="AM-1"><AssignVariable><Name>a</Name><Template>{b.c-d:x}</Template></AssignVariable></AssignMessage>'
        ),
    },
)
