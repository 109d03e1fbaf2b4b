"""FlowCallout: a shared flow as a step, with variables that end with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.message import variables
from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from tests.house import house, proxy, raise_fault, show, steps, target, write_bundle
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, load, request, run


def policy(parameters: str = "", attributes: str = "", name: str = "shared") -> str:
    inner = f"<Parameters{attributes}>{parameters}</Parameters>" if parameters else ""
    return f'<FlowCallout name="FC"><SharedFlowBundle>{name}</SharedFlowBundle>{inner}</FlowCallout>'


def watching(*names: str, seen: dict[str, Any]) -> Callable[[MessageContext], Awaitable[None]]:
    """A shared flow that notes what it sees of some variables."""

    async def shared_flow(ctx: MessageContext) -> None:
        seen.update((name, variables.read(ctx, name)) for name in names)

    return shared_flow


# ---- declaration


def test_all_elements_are_known():
    _, findings = load(
        policy(
            '<Parameter name="a">text</Parameter><Parameter name="b" value="v"/><Parameter name="c" ref="d"/>',
            ' ignoreUnresolvedVariables="true"',
        )
    )
    assert findings == []


@pytest.mark.parametrize("xml", ['<FlowCallout name="FC"/>', policy(name=" ")])
def test_the_shared_flow_must_be_named(xml: str):
    assert len(deploy_errors(xml)) == 1


def test_a_shared_flow_that_is_not_deployed_yet_is_no_deploy_error():
    assert deploy_errors(policy(name="later")) == []


# ---- running


async def test_the_shared_flow_works_on_the_callers_context():
    async def shared_flow(ctx: MessageContext) -> None:
        ctx.variables["result"] = "from inside"
        ctx.request.headers.set("X-Inside", "1")

    ctx = await run(compile_policy(policy(), shared_flows={"shared": shared_flow}))
    assert ctx.variables == {"result": "from inside"}
    assert ctx.request.headers.get("X-Inside") == "1"


async def test_a_missing_shared_flow_is_a_fault_of_the_call():
    fault = await fault_of(compile_policy(policy(name="nowhere")))
    assert (fault.code, fault.status) == ("flow.SharedFlowNotFound", 500)
    assert fault.text == "Shared Flow nowhere Not Found"
    assert fault.name == "SharedFlowNotFound"


async def test_parameters_are_variables_while_the_shared_flow_runs_and_only_then():
    seen: dict[str, Any] = {}
    flow = watching("literal", "attribute", "reference", "template", seen=seen)
    step = compile_policy(
        policy(
            '<Parameter name="literal"> text </Parameter><Parameter name="attribute" value="{request.verb}"/>'
            '<Parameter name="reference" ref="number"/><Parameter name="template">{request.verb}-{number}</Parameter>'
        ),
        shared_flows={"shared": flow},
    )
    ctx = await run(step, context(variables={"number": 7}))
    assert seen == {"literal": "text", "attribute": "{request.verb}", "reference": 7, "template": "GET-7"}
    assert ctx.variables == {"number": 7}


async def test_a_variable_of_the_same_name_gets_its_value_back():
    seen: dict[str, Any] = {}
    step = compile_policy(
        policy('<Parameter name="a">inner</Parameter>'), shared_flows={"shared": watching("a", seen=seen)}
    )
    ctx = await run(step, context(variables={"a": "outer"}))
    assert seen == {"a": "inner"}
    assert ctx.variables == {"a": "outer"}


async def test_what_the_shared_flow_does_to_a_parameter_is_forgotten():
    async def shared_flow(ctx: MessageContext) -> None:
        ctx.variables["a"] = "changed inside"

    step = compile_policy(policy('<Parameter name="a">1</Parameter>'), shared_flows={"shared": shared_flow})
    assert (await run(step)).variables == {}


async def test_a_parameter_may_stand_for_a_part_of_a_message():
    seen: dict[str, Any] = {}
    step = compile_policy(
        policy('<Parameter name="request.header.X-A">inner</Parameter>'),
        shared_flows={"shared": watching("request.header.X-A", seen=seen)},
    )
    ctx = await run(step, context(request(headers={"X-A": "outer"})))
    assert seen == {"request.header.X-A": "inner"}
    assert ctx.request.headers.get("X-A") == "outer"


async def test_a_parameter_is_computed_before_any_is_set():
    seen: dict[str, Any] = {}
    step = compile_policy(
        policy('<Parameter name="a">new</Parameter><Parameter name="b">{a}</Parameter>'),
        shared_flows={"shared": watching("a", "b", seen=seen)},
    )
    await run(step, context(variables={"a": "old"}))
    assert seen == {"a": "new", "b": "old"}


async def test_a_fault_inside_goes_to_the_caller_and_parameters_end_all_the_same():
    async def shared_flow(ctx: MessageContext) -> None:
        raise Fault("steps.raisefault.RaiseFault", "inside", 403)

    step = compile_policy(policy('<Parameter name="a">1</Parameter>'), shared_flows={"shared": shared_flow})
    ctx = context()
    fault = await fault_of(step, ctx)
    assert (fault.name, fault.status) == ("RaiseFault", 403)
    assert ctx.variables == {}


def test_it_sets_no_failure_variable_of_its_own():
    policy_, _ = load(policy())
    assert policy_.failed_variables() == ()


# ---- what does not resolve


@pytest.mark.parametrize(
    "parameter", ['<Parameter name="a">{nobody}</Parameter>', '<Parameter name="a" ref="nobody"/>']
)
async def test_an_unresolved_parameter_is_a_fault_unless_ignored(parameter: str):
    seen: dict[str, Any] = {}
    flow = watching("a", seen=seen)
    fault = await fault_of(compile_policy(policy(parameter), shared_flows={"shared": flow}))
    assert (fault.code, fault.text) == ("entities.UnresolvedVariable", "Unresolved variable : nobody")
    assert seen == {}
    ignoring = policy(parameter, ' ignoreUnresolvedVariables="true"')
    await run(compile_policy(ignoring, shared_flows={"shared": flow}))
    assert not seen["a"]


async def test_the_text_is_the_fallback_of_a_reference():
    seen: dict[str, Any] = {}
    step = compile_policy(
        policy(
            '<Parameter name="a" ref="nobody">fallback</Parameter><Parameter name="b" ref="nobody" value="v"/>'
        ),
        shared_flows={"shared": watching("a", "b", seen=seen)},
    )
    await run(step)
    assert seen == {"a": "fallback", "b": "v"}


async def test_a_shared_flow_that_is_replaced_later_is_the_one_that_runs():
    flows: dict[str, Any] = {}
    from tests.policies.kit import services

    using = services()
    using.shared_flow = flows.get
    step = compile_policy(policy(), using=using)
    seen: dict[str, Any] = {}
    flows["shared"] = watching("request.verb", seen=seen)
    await run(step)
    assert seen == {"request.verb": "GET"}


# ---- over HTTP


async def test_a_shared_flow_answers_for_the_proxy(tmp_path: Path) -> None:
    shared = write_bundle(
        tmp_path,
        "shared",
        {
            "sharedflows/default.xml": f'<SharedFlow name="default">{steps("AM-Greet", RF_No="who = &quot;nobody&quot;")}</SharedFlow>',
            "policies/AM-Greet.xml": show("AM-Greet", X_Greeting="Hello {who}"),
            "policies/RF-No.xml": raise_fault("RF-No", 403, "not you"),
        },
        "sharedflowbundle",
    )
    calling = write_bundle(
        tmp_path,
        "calling",
        {
            "proxies/default.xml": proxy(request=steps("FC")),
            "targets/default.xml": target(),
            "policies/FC.xml": policy('<Parameter name="who" ref="request.queryparam.who"/>'),
        },
    )
    async with house(shared, calling) as gateway:
        assert (await gateway.get("/t?who=Ada")).json()["headers"]["x-greeting"] == "Hello Ada"
        reply = await gateway.get("/t?who=nobody")
        assert (reply.status, reply.text) == (403, "not you")
