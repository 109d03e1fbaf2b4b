"""ReadPropertySet: declaration, values under names known at run time, defaults, faults."""

from __future__ import annotations

from typing import Any

import pytest

from apiproxy_runtime.message.context import MessageContext
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, findings_of, load, run

LENIENT = "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>"
SETS = {"limits": {"gold": "100", "a.b": "dotted", "empty": ""}, "eu": {"gold": "7"}}


def policy(*reads: str, rest: str = "") -> str:
    inner = "".join(f"<Read>{read}</Read>" for read in reads)
    return f'<ReadPropertySet name="RPS">{inner}{rest}</ReadPropertySet>'


def ctx_with(**variables: Any) -> MessageContext:
    ctx = context(variables=variables)
    ctx.deployment.property_sets = SETS
    return ctx


def test_all_elements_are_known():
    read = '<Name ref="a">s</Name><Key ref="b">k</Key><AssignTo>v</AssignTo><DefaultValue>d</DefaultValue>'
    assert findings_of(policy(read, read, rest=LENIENT)) == []


@pytest.mark.parametrize(
    ("reads", "error"),
    [
        ((), "NothingToRead"),
        (("<Key>k</Key><AssignTo>v</AssignTo>",), "InvalidElement"),
        (("<Name>s</Name><AssignTo>v</AssignTo>",), "InvalidElement"),
        (("<Name>s</Name><Key>k</Key>",), "InvalidElement"),
    ],
)
def test_what_cannot_be_deployed(reads: tuple[str, ...], error: str):
    assert deploy_errors(policy(*reads)) == [error]


@pytest.mark.parametrize(
    ("read", "value"),
    [
        ("<Name>limits</Name><Key>gold</Key>", "100"),
        ("<Name>limits</Name><Key>a.b</Key>", "dotted"),
        ("<Name>limits</Name><Key>empty</Key>", ""),
        ('<Name ref="set">limits</Name><Key ref="tier">silver</Key>', "7"),
        ('<Name ref="none">limits</Name><Key ref="tier"/>', "100"),
        ("<Name>limits</Name><Key>none</Key><DefaultValue>1</DefaultValue>", "1"),
        ("<Name>none</Name><Key>gold</Key><DefaultValue>1</DefaultValue>", "1"),
        ('<Name ref="none"/><Key>gold</Key><DefaultValue ref="set">1</DefaultValue>', "eu"),
        ("<Name>limits</Name><Key>none</Key><DefaultValue/>", ""),
    ],
)
async def test_values(read: str, value: str):
    ctx = await run(compile_policy(policy(f"{read}<AssignTo>v</AssignTo>")), ctx_with(set="eu", tier="gold"))
    assert ctx.variables["v"] == value


async def test_each_read_sets_its_own_variable():
    one, two = (f"<Name>{name}</Name><Key>gold</Key><AssignTo>{name}.gold</AssignTo>" for name in SETS)
    ctx = await run(compile_policy(policy(one, two)), ctx_with())
    assert (ctx.variables["limits.gold"], ctx.variables["eu.gold"]) == ("100", "7")


@pytest.mark.parametrize(
    ("read", "variable"),
    [
        ('<Name ref="none"/><Key>gold</Key>', "none"),
        ('<Name>limits</Name><Key ref="nokey"/>', "nokey"),
        ("<Name>limits</Name><Key>x</Key>", "propertyset.limits.x"),
    ],
)
async def test_what_is_not_there_is_a_fault_unless_ignored(read: str, variable: str):
    read += "<AssignTo>v</AssignTo>"
    fault = await fault_of(compile_policy(policy(read)), ctx_with())
    assert (fault.code, fault.status) == ("steps.readpropertyset.UnresolvedVariable", 500)
    assert fault.text == f"ReadPropertySet[RPS]: unable to resolve variable {variable}"
    ctx = await run(compile_policy(policy(read, rest=LENIENT)), ctx_with(v="earlier"))
    assert ctx.variables["v"] == "earlier"


def test_variables_of_a_failure():
    read = "<Name>s</Name><Key>k</Key><AssignTo>v</AssignTo>"
    assert load(policy(read))[0].failed_variables() == ("readpropertyset.RPS.failed",)
