"""KeyValueMapOperations: maps in four scopes, on a store that answers at once and on one that has to be waited for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from apiproxy_runtime.state.memory import MemoryStore
from apiproxy_runtime.state.store import settled
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, show, steps, target, write_bundle
from tests.policies.kit import (
    SlowStore,
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    load,
    run,
    services,
)


@pytest.fixture(params=[MemoryStore, SlowStore])
def using(request: pytest.FixtureRequest):
    return services(store=request.param(FrozenWorld()))


def policy(body: str, attributes: str = ' mapIdentifier="m"', name: str = "KVM") -> str:
    return f'<KeyValueMapOperations name="{name}"{attributes}>{body}</KeyValueMapOperations>'


def get(key: str = "<Parameter>k</Parameter>", attributes: str = "", to: str = "private.v") -> str:
    return f'<Get assignTo="{to}"{attributes}><Key>{key}</Key></Get>'


def put(value: str = "<Value>v</Value>", key: str = "<Parameter>k</Parameter>", override: str = "") -> str:
    return f"<Put{override}><Key>{key}</Key>{value}</Put>"


async def seed(using, entries: Mapping[str, Any], scope: str = "environment", name: str = "m", **rest: Any):
    await settled(using.kvms.map(scope, name, **rest).seed(entries))


async def stored(using, key: str = "k", scope: str = "environment", name: str = "m", **rest: Any):
    return await settled(using.kvms.map(scope, name, **rest).get(key))


async def result(using, xml: str, given: Mapping[str, Any] | None = None, variable: str = "private.v"):
    return (await run(compile_policy(xml, using=using), context(variables=given))).variables.get(variable)


# ---- declaration


def test_all_elements_are_known():
    _, findings = load(
        policy("""<DisplayName>d</DisplayName><Properties/><Scope>environment</Scope><ExclusiveCache>false</ExclusiveCache>
        <ExpiryTimeInSecs ref="t">300</ExpiryTimeInSecs><MapName ref="name">m</MapName>
        <InitialEntries><Entry><Key><Parameter>a</Parameter></Key><Value>1</Value></Entry></InitialEntries>
        <Put override="true"><Key><Parameter ref="a"/></Key><Value ref="b">c</Value></Put>
        <Get assignTo="private.v" index="1"><Key><Parameter>k</Parameter></Key></Get>
        <Delete><Key><Parameter>k</Parameter></Key></Delete>""")
    )
    assert findings == []


ENTRY = "<InitialEntries><Entry>{}</Entry></InitialEntries>"
KEY = "<Key><Parameter>a</Parameter></Key>"


@pytest.mark.parametrize(
    ("body", "name", "message"),
    [
        (get(attributes=' index="0"'), "InvalidIndex", "Invalid index 0 in KeyValueMapStepDefinition KVM."),
        (get(attributes=' index="-1"'), "InvalidIndex", "Invalid index -1 in KeyValueMapStepDefinition KVM."),
        *(
            (
                ENTRY.format(entry),
                "KeyIsMissing",
                "Error occurred while validation of bean KVM.xml. Reason: - Non null value expected for element "
                "Parameter in Entry",
            )
            for entry in (
                "<Value>1</Value>",
                "<Key/><Value>1</Value>",
                "<Key><Parameter/></Key><Value>1</Value>",
            )
        ),
        *(
            (
                ENTRY.format(entry),
                "ValueIsMissing",
                "Error occurred while validation of bean KVM.xml. Reason: - Non null value expected for element "
                "Value in Entry",
            )
            for entry in (KEY, KEY + "<Value/>")
        ),
    ],
)
def test_what_cannot_be_deployed(body: str, name: str, message: str):
    errors = [finding for finding in findings_of(policy(body)) if finding.severity == "error"]
    assert [(finding.name, finding.message) for finding in errors] == [(name, message)]
    assert errors[0].cure


def test_a_scope_that_does_not_exist_cannot_be_deployed():
    assert deploy_errors(policy("<Scope>galaxy</Scope>" + get())) == ["InvalidElement"]


def test_a_variable_that_shows_its_value_is_warned_of():
    findings = findings_of(policy(get(to="open")))
    assert [(finding.name, finding.severity) for finding in findings] == [("PrivateVariable", "warning")]


# ---- Get


async def test_get_reads_a_value(using):
    await seed(using, {"k": "value"})
    assert await result(using, policy(get())) == "value"


async def test_a_missing_entry_is_null_and_no_fault(using):
    assert await result(using, policy(get()), {"private.v": "old"}) is None


async def test_the_map_is_kvmap_unless_named(using):
    await seed(using, {"k": "default map"}, name="kvmap")
    assert await result(using, policy(get(), attributes="")) == "default map"


async def test_several_values_are_a_list_and_an_index_picks_one(using):
    await seed(using, {"k": ["one", "two"]})
    assert await result(using, policy(get())) == ["one", "two"]
    assert await result(using, policy(get(attributes=' index="2"'))) == "two"
    assert await result(using, policy(get(attributes=' index="3"'))) is None


async def test_a_single_value_without_index_is_text(using):
    await seed(using, {"k": ["one"]})
    assert await result(using, policy(get())) == "one"


async def test_composite_keys_are_joined_with_two_underscores(using):
    await seed(using, {"a__7__c": "joined"})
    key = '<Parameter>a</Parameter><Parameter ref="number"/><Parameter ref="none">c</Parameter>'
    assert await result(using, policy(get(key)), {"number": 7}) == "joined"


async def test_a_key_that_does_not_resolve_finds_nothing(using):
    await seed(using, {"": "empty", "None": "none", "a__": "half"})
    assert await result(using, policy(get('<Parameter ref="none"/>')), {"private.v": "old"}) is None
    assert await result(using, policy(get('<Parameter>a</Parameter><Parameter ref="none"/>'))) is None


async def test_an_encrypted_map_is_read_into_private_variables_only(using):
    await settled(using.kvms.map("environment", "m").create(encrypted=True))
    await seed(using, {"k": "secret"})
    assert await result(using, policy(get())) == "secret"
    fault = await fault_of(compile_policy(policy(get(to="open")), using=using))
    assert (fault.code, fault.status) == ("steps.keyvaluemapoperations.SetVariableFailed", 500)
    assert fault.text == "Failed to set variable open in KeyValueMapStepDefinition KVM"


async def test_a_plain_map_is_read_into_any_variable(using):
    await seed(using, {"k": "v"})
    assert await result(using, policy(get(to="open")), variable="open") == "v"


# ---- Put and Delete


async def test_put_creates_the_map_and_the_entry(using):
    await run(compile_policy(policy(put()), using=using))
    assert await stored(using) == ["v"]


@pytest.mark.parametrize(
    ("override", "expected"), [("", "old"), (' override="false"', "old"), (' override="true"', "v")]
)
async def test_an_existing_value_stays_unless_overridden(using, override: str, expected: str):
    await seed(using, {"k": "old"})
    await run(compile_policy(policy(put(override=override)), using=using))
    assert await stored(using) == [expected]


async def test_put_writes_several_values_from_references_and_texts(using):
    values = '<Value ref="number"/><Value ref="none">fallback</Value><Value ref="none"/><Value>last</Value>'
    await run(compile_policy(policy(put(values)), using=using), context(variables={"number": 1.5}))
    assert await stored(using) == ["1.5", "fallback", "", "last"]


async def test_put_writes_nothing_where_nothing_resolves(using):
    await seed(using, {"k": "old"})
    await run(compile_policy(policy(put('<Value ref="none"/>', override=' override="true"')), using=using))
    await run(compile_policy(policy(put(key='<Parameter ref="none"/>')), using=using))
    assert await settled(using.kvms.map("environment", "m").entries()) == [("k", ["old"])]


async def test_delete_forgets_one_entry(using):
    await seed(using, {"k": "1", "other": "2"})
    step = compile_policy(policy("<Delete><Key><Parameter>k</Parameter></Key></Delete>"), using=using)
    await run(step)
    await run(step)
    assert await settled(using.kvms.map("environment", "m").entries()) == [("other", ["2"])]


async def test_operations_run_in_document_order(using):
    write, read = put(override=' override="true"'), get()
    delete = "<Delete><Key><Parameter>k</Parameter></Key></Delete>"
    assert await result(using, policy(write + read + delete)) == "v"
    assert await stored(using) is None
    assert await result(using, policy(read + write)) is None
    assert await result(using, policy(write + delete + read)) is None


async def test_a_put_is_seen_by_the_next_get_whatever_the_expiry(using):
    xml = policy("<ExpiryTimeInSecs>300</ExpiryTimeInSecs>" + get())
    await seed(using, {"k": "1"})
    assert await result(using, xml) == "1"
    await seed(using, {"k": "2"})
    assert await result(using, xml) == "2"


# ---- scopes and names


@pytest.mark.parametrize(
    ("scope", "place"),
    [
        ("organization", {}),
        ("environment", {}),
        ("apiproxy", {"proxy": "test-proxy"}),
        ("policy", {"proxy": "test-proxy", "policy": "KVM"}),
    ],
)
async def test_each_scope_is_a_place_of_its_own(using, scope: str, place: dict[str, str]):
    await seed(using, {"k": scope}, scope, **place)
    assert await result(using, policy(f"<Scope>{scope}</Scope>" + get())) == scope
    for other in {"organization", "environment", "apiproxy", "policy"} - {scope}:
        assert await result(using, policy(f"<Scope>{other}</Scope>" + get())) is None


async def test_maps_of_the_policy_scope_are_not_shared_by_policies(using):
    await run(compile_policy(policy("<Scope>policy</Scope>" + put(), name="one"), using=using))
    assert await result(using, policy("<Scope>policy</Scope>" + get(), name="two")) is None
    assert await result(using, policy("<Scope>policy</Scope>" + get(), name="one")) == "v"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ("<MapName>other</MapName>", "other"),
        ('<MapName ref="name"/>', "named"),
        ('<MapName ref="unset">other</MapName>', "other"),
        ('<MapName ref="unset"/>', "m"),
    ],
)
async def test_the_name_of_the_map_may_be_dynamic(using, element: str, expected: str):
    for name in ("m", "other", "named"):
        await seed(using, {"k": name}, name=name)
    assert await result(using, policy(element + get()), {"name": "named"}) == expected


@pytest.mark.parametrize("body", [get(), put(), "<MapName ref='unset'/>" + get()])
async def test_an_empty_map_name_is_a_fault_when_it_runs(using, body: str):
    xml = policy(body, ' mapIdentifier=""')
    assert deploy_errors(xml) == []
    fault = await fault_of(compile_policy(xml, using=using))
    assert (fault.code, fault.status) == ("Internal Server Error", 500)
    assert fault.text == "java.lang.UnsupportedOperationException"
    assert fault.name == "UnsupportedOperationException"


# ---- initial entries


ENTRIES = """<InitialEntries>
  <Entry><Key><Parameter>a</Parameter></Key><Value>1</Value></Entry>
  <Entry><Key><Parameter>b</Parameter><Parameter>c</Parameter></Key><Value>2</Value><Value>3</Value></Entry>
</InitialEntries>"""


async def test_initial_entries_are_written_at_deployment_over_existing_ones(using):
    await seed(using, {"a": "old", "z": "stays"})
    compile_policy(policy(ENTRIES), using=using)
    for prepare in using.preparing:
        await settled(prepare())
    assert await settled(using.kvms.map("environment", "m").entries()) == [
        ("a", ["1"]),
        ("b__c", ["2", "3"]),
        ("z", ["stays"]),
    ]


async def test_initial_entries_wait_until_the_bundle_is_accepted(using):
    compile_policy(policy(ENTRIES), using=using)
    assert await stored(using, "a") is None


def test_a_store_that_answers_at_once_costs_no_coroutine():
    step = compile_policy(policy(put() + get()), using=services())
    ctx = context()
    assert not inspect.isawaitable(step(ctx))
    assert ctx.variables == {"private.v": "v"}


# ---- over HTTP


async def test_what_one_request_keeps_the_next_one_reads(tmp_path: Path) -> None:
    key = '<Parameter ref="request.queryparam.key"/>'
    bundle = write_bundle(
        tmp_path,
        "kept",
        {
            "proxies/default.xml": proxy(
                request=steps(
                    KVM_Put="request.verb = &quot;PUT&quot;", KVM_Get="request.verb = &quot;GET&quot;"
                )
                + steps("AM-Show")
            ),
            "targets/default.xml": target(),
            "policies/KVM-Put.xml": policy(
                put('<Value ref="request.queryparam.value"/>', key), name="KVM-Put"
            ),
            "policies/KVM-Get.xml": policy(get(key, to="kept"), name="KVM-Get"),
            "policies/AM-Show.xml": show("AM-Show", X_Kept="{kept}"),
        },
    )
    async with house(bundle) as gateway:
        assert (await gateway.call("PUT", "/t?key=a&value=one")).status == 200
        assert (await gateway.get("/t?key=a")).json()["headers"]["x-kept"] == "one"
        assert (await gateway.get("/t?key=b")).json()["headers"].get("x-kept", "") == ""
