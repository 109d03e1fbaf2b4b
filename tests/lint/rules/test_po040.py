from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO040",
    bad={
        "empty": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a"><JSONPath></JSONPath></Variable></JSONPayload></ExtractVariables>',
            lines=[1],
            severity=2,
        ),
        "nothing behind the dot": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a"><JSONPath>$.</JSONPath></Variable></JSONPayload></ExtractVariables>',
            says="$.",
        ),
        "braces": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a"><JSONPath>$.{a</JSONPath></Variable></JSONPayload></ExtractVariables>',
            says="braces",
        ),
        "not a path": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a"><JSONPath>$.a[</JSONPath></Variable></JSONPayload></ExtractVariables>',
            severity=1,
        ),
    },
    good={
        "a path": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a"><JSONPath>$.a[0].b</JSONPath></Variable></JSONPayload></ExtractVariables>'
        ),
        "a filter": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a"><JSONPath>$.a[?(@.b==\'c\')].d</JSONPath></Variable></JSONPayload></ExtractVariables>'
        ),
        "a template": policy(
            '<ExtractVariables name="EV-1"><JSONPayload><Variable name="a"><JSONPath>$.{a}.b</JSONPath></Variable></JSONPayload></ExtractVariables>'
        ),
    },
)
