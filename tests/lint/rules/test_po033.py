from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO033",
    bad={
        "two payloads": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a" type="string"><JSONPath>$.a</JSONPath></Variable></JSONPayload><JSONPayload><Variable name="a" type="string"><JSONPath>$.a</JSONPath></Variable></JSONPayload></ExtractVariables>',
            lines=[1],
            severity=2,
        ),
        "a payload without variable": policy(
            '<ExtractVariables name="EV-1"><JSONPayload/></ExtractVariables>', says="<Variable>"
        ),
        "a type": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a" type="text"><JSONPath>$.a</JSONPath></Variable></JSONPayload></ExtractVariables>',
            says="'text'",
        ),
        "no pattern": policy(
            '<ExtractVariables name="EV-1"><Header name="a"/></ExtractVariables>', says="<Pattern>"
        ),
        "another child": policy(
            '<ExtractVariables name="EV-1"><URIPath><Pattern>/a</Pattern><JSONPath>$.a</JSONPath></URIPath></ExtractVariables>',
            says="<JSONPath>",
        ),
    },
    good={
        "a payload": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a" type="string"><JSONPath>$.a</JSONPath></Variable></JSONPayload></ExtractVariables>'
        ),
        "a pattern": policy(
            '<ExtractVariables name="EV-1"><QueryParam name="a"><Pattern>{b}</Pattern></QueryParam></ExtractVariables>'
        ),
    },
)
