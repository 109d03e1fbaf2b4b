from tests.lint.kit import Case, policy, table

_SET = '<AssignMessage name="AM-1">\n<AssignVariable><Name>order.total</Name><Value>1</Value></AssignVariable>{}</AssignMessage>'
_EXTRACT = (
    '<ExtractVariables name="EV-1"><VariablePrefix>order</VariablePrefix><JSONPayload>\n'
    '<Variable name="sku"><JSONPath>$.sku</JSONPath></Variable></JSONPayload></ExtractVariables>'
)


test_bad, test_good = table(
    "AR202",
    bad={
        "assigned": policy(_SET.format(""), lines=[2], says="order.total"),
        "read by another name": policy(_SET.format("<Set><Path>{order.sum}</Path></Set>"), lines=[2]),
        "extracted": policy(_EXTRACT, lines=[2], says="order.sku"),
    },
    good={
        "read in a template": policy(_SET.format("<Set><Path>{order.total}</Path></Set>")),
        "read in a script": Case(
            {"policies/EV-1.xml": _EXTRACT, "resources/jsc/a.js": "context.getVariable('order.sku')"}
        ),
        "any may be read": Case(
            {"policies/EV-1.xml": _EXTRACT, "resources/jsc/a.js": "context.getVariable('order.' + x)"}
        ),
        "read by the platform": policy(_SET.replace("order.total", "target.url").format("")),
        "a placeholder": policy(
            '<ExtractVariables name="EV-1"><URIPath><Pattern>/v1/{any}/x</Pattern></URIPath></ExtractVariables>'
        ),
        "for the trace": policy(_SET.replace("order.total", "debug.total").format("")),
    },
)
