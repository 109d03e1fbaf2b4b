from tests.lint.kit import policy, table

_CALL = '<FlowCallout name="FC-1">\n<SharedFlowBundle>{}</SharedFlowBundle></FlowCallout>'
_FLOW = {"correlation": {"sharedflows/default.xml": '<SharedFlow name="default"/>'}}

test_bad, test_good = table(
    "AR307",
    bad={
        "misspelt": policy(
            _CALL.format("corelation"), siblings=_FLOW, lines=[2], says="Did you mean correlation"
        ),
    },
    good={
        "there": policy(_CALL.format("correlation"), siblings=_FLOW),
        "no shared flow is at hand": policy(_CALL.format("corelation")),
        "imported with its version": policy(_CALL.format("correlation-v1"), siblings=_FLOW),
        "computed": policy(_CALL.format("{name}"), siblings=_FLOW),
    },
)
