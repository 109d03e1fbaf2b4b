from collections.abc import Mapping
from pathlib import Path

from tests.house import proxy, steps
from tests.lint.kit import Case, condition, policy, problems_of, table

_EXTRACT = """<ExtractVariables name="EV-1"><VariablePrefix>order</VariablePrefix>
<JSONPayload><Variable name="sku"><JSONPath>$.sku</JSONPath></Variable></JSONPayload></ExtractVariables>"""


def _extracted(
    text: str,
    *,
    says: str = "",
    files: Mapping[str, str] | None = None,
    siblings: Mapping[str, Mapping[str, str]] | None = None,
) -> Case:
    complete = {
        "policies/EV-1.xml": _EXTRACT,
        "policies/AM-1.xml": '<AssignMessage name="AM-1"/>',
        "proxies/default.xml": proxy(request=steps("EV-1", AM_1=text)),
    }
    return Case({**complete, **(files or {})}, says=says, siblings=siblings or {})


test_bad, test_good = table(
    "AR201",
    bad={
        "a misspelt name": _extracted("order.skuu = null", says="Did you mean order.sku"),
        "a template": policy(
            '<AssignMessage name="AM-1">\n<Set><Verb>{chosen.verb}</Verb></Set></AssignMessage>', lines=[2]
        ),
        "a ref": policy('<SpikeArrest name="SA-1">\n<Rate ref="my.rate"/></SpikeArrest>', lines=[2]),
        "a policy that is not there": policy(
            '<Quota name="Q-1">\n<Identifier ref="verifyapikey.VA-Gone.client_id"/></Quota>', lines=[2]
        ),
    },
    good={
        "extracted": _extracted("order.sku = null"),
        "built in": condition('request.header.x = "a" and system.timestamp > 1 and client.ip = "::1"'),
        "set by a script": _extracted(
            "a.b = 1", files={"resources/jsc/a.js": "context.setVariable('a.b', 1);"}
        ),
        "computed by a script": _extracted(
            "a.b = 1", files={"resources/jsc/a.js": "context.setVariable('a.' + name, 1);"}
        ),
        "by Java, perhaps": _extracted(
            "a.b = 1",
            files={"policies/J-1.xml": '<JavaCallout name="J-1"><ClassName>A</ClassName></JavaCallout>'},
        ),
        "a default in the template": policy(
            '<AssignMessage name="AM-1"><Set><Verb>{chosen.verb:GET}</Verb></Set></AssignMessage>'
        ),
        "a text beside the ref": policy(
            '<SpikeArrest name="SA-1"><Rate ref="my.rate">9ps</Rate></SpikeArrest>'
        ),
        "variables of a policy": _extracted(
            "ratelimit.Q-1.used.count = 1", files={"policies/Q-1.xml": '<Quota name="Q-1"/>'}
        ),
        "a message of a callout": _extracted(
            "stock.status.code = 200",
            files={
                "policies/SC-1.xml": '<ServiceCallout name="SC-1"><Response>stock</Response></ServiceCallout>'
            },
        ),
        "a shared flow that is not at hand": _extracted(
            "a.b = 1",
            files={
                "policies/FC-1.xml": '<FlowCallout name="FC-1"><SharedFlowBundle>f</SharedFlowBundle></FlowCallout>'
            },
        ),
        "decoded": _extracted(
            "private.p = null",
            files={
                "policies/BA-1.xml": '<BasicAuthentication name="BA-1"><Operation>Decode</Operation>'
                '<Password ref="private.p"/></BasicAuthentication>'
            },
        ),
    },
)


def test_a_shared_flow_at_hand_is_looked_into(tmp_path: Path) -> None:
    sibling = {
        "sharedflows/default.xml": '<SharedFlow name="default"><Step><Name>AM-S</Name></Step></SharedFlow>',
        "policies/AM-S.xml": '<AssignMessage name="AM-S"><AssignVariable><Name>a.b</Name></AssignVariable></AssignMessage>',
    }
    files = {
        "policies/FC-1.xml": '<FlowCallout name="FC-1"><SharedFlowBundle>f</SharedFlowBundle></FlowCallout>'
    }
    found = _extracted("a.b = 1", files=files, siblings={"f": sibling})
    missed = _extracted("a.c = 1", files=files, siblings={"f": sibling})
    assert problems_of("AR201", found, tmp_path / "found") == []
    assert [problem.rule for problem in problems_of("AR201", missed, tmp_path / "missed")] == ["AR201"]
