from tests.house import proxy
from tests.lint.kit import Case, policy, table

SHARED = '<SharedFlow name="default"><Step><Name>AM-A</Name></Step></SharedFlow>'
FAULT = "<FaultRules><FaultRule><Step><Name>AM-A</Name></Step></FaultRule></FaultRules>"
POLICY = {"policies/AM-A.xml": '<AssignMessage name="AM-A"/>'}

test_bad, test_good = table(
    "BN005",
    bad={
        "no step names it": policy('<AssignMessage name="AM-A"/>', attached=False, lines=[1], says="'AM-A'"),
        "a step names another": Case(
            {**POLICY, "proxies/default.xml": proxy(request="<Step><Name>AM-a</Name></Step>")}, lines=[1]
        ),
        "a comment comes first": policy(
            '<!-- old -->\n<AssignMessage name="AM-A"/>', attached=False, lines=[2]
        ),
    },
    good={
        "a step names it": policy('<AssignMessage name="AM-A"/>'),
        "a fault rule names it": Case({**POLICY, "proxies/default.xml": proxy(extra=FAULT)}),
        "a shared flow names it": Case(
            {**POLICY, "sharedflows/default.xml": SHARED}, kind="sharedflowbundle"
        ),
    },
)
