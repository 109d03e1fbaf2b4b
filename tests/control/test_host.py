"""The host: changes are put in place as a whole or not at all, and outlive the process."""

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.finding import DeployError
from apiproxy_runtime.control.files import Files
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.control.organization import Deployment
from apiproxy_runtime.state.store import StoreError, settled
from tests.control.house import ControlHouse, control_house, flow, says, workspace


def files(content: dict[str, str]) -> Files:
    return Files({path: text.encode() for path, text in content.items()}, "bundle")


async def deploy(
    host: Host, name: str, content: dict[str, str], environment: str = "test", base_path: str = "/"
) -> str:
    kind = "apiproxy" if any(path.startswith("apiproxy/") for path in content) else "sharedflowbundle"
    async with host.change() as draft:
        revision = draft.import_revision(kind, name, files(content), created_at=host.now())
        draft.deploy(environment, [Deployment(revision, base_path=base_path)])
    return revision.number


async def text(house: ControlHouse, path: str) -> str:
    return (await house.call(path)).text


async def test_a_revision_is_imported_deployed_replaced_and_undeployed() -> None:
    async with control_house() as house:
        assert await deploy(house.host, "hello", says("hello", "one")) == "1"
        assert await text(house, "/hello") == "one"
        assert await deploy(house.host, "hello", says("hello", "two {apiproxy.revision}")) == "2"
        assert await text(house, "/hello") == "two 2"
        async with house.host.change() as draft:
            draft.undeploy("test", "apiproxy", "hello")
        assert (await house.call("/hello")).status == 404
        told = [(event.what, event.name, event.revision, event.base_paths) for event in house.events]
        assert told == [
            ("deployed", "hello", "1", ("/hello",)),
            ("updated", "hello", "2", ("/hello",)),
            ("undeployed", "hello", "2", ()),
        ]


async def test_a_refused_change_leaves_everything_as_it_was_and_tells_where_the_trouble_is() -> None:
    async with control_house() as house:
        await deploy(house.host, "hello", says("hello", "one"))
        broken = says("hello", "two")
        broken["apiproxy/policies/reply.xml"] = "<Unknown name='reply'/>"
        with pytest.raises(DeployError) as refused:
            await deploy(house.host, "hello", broken)
        assert refused.value.errors[0].file == "apiproxy/policies/reply.xml"
        assert await text(house, "/hello") == "one"
        assert list(house.host.organization.revisions_of("apiproxy", "hello")) == ["1"]
        assert house.events[-1].what == "refused"
        assert house.events[-1].findings == refused.value.findings


async def test_of_a_refused_archive_only_those_with_errors_are_told_of() -> None:
    broken = says("broken", "hi")
    broken["apiproxy/policies/reply.xml"] = "<Unknown name='reply'/>"
    async with control_house() as house:
        await house.deploy(workspace({"good": says("good", "hi"), "broken": broken}))
        assert [(event.what, event.name) for event in house.events] == [("refused", "broken")]
        hooks = {"PreProxyFlowHook": {"sharedFlow": "none"}}
        await house.deploy(workspace({"good": says("good", "hi"), "broken": broken}, flowhooks=hooks))
        assert [(event.what, event.name) for event in house.events[1:]] == [
            ("refused", "broken"),
            ("refused", ""),
        ]
        assert [finding.name for finding in house.events[2].findings] == ["SharedFlowDoesNotExist"]
        assert [told["name"] for told in (await house.ask("GET", "/trace/deployed")).json()["refused"]] == [
            "",
            "broken",
        ]
        await house.deploy(workspace({"good": says("good", "hi"), "other": says("other", "hi")}))
        told = (await house.ask("GET", "/trace/deployed")).json()["refused"]
        assert [refused["name"] for refused in told] == ["broken"]


async def test_an_edited_document_reaches_what_depends_on_it() -> None:
    async with control_house() as house:
        await deploy(house.host, "mark", flow("mark", "hooked"))
        await deploy(house.host, "hello", says("hello", "{request.header.flow}"))
        assert await text(house, "/hello") == ""
        async with house.host.change() as draft:
            hook = {"sharedFlow": "mark"}
            draft.environment("test").documents.put("flowhooks", "PreProxyFlowHook", hook)
        assert await text(house, "/hello") == "hooked"
        with pytest.raises(DeployError, match="mark"):
            async with house.host.change() as draft:
                draft.undeploy("test", "sharedflowbundle", "mark")
        assert await text(house, "/hello") == "hooked"


async def test_of_two_environments_with_one_base_path_the_last_deployed_answers() -> None:
    async with control_house() as house:
        await deploy(house.host, "hello", says("hello", "{environment.name}"), "test")
        await deploy(house.host, "hello", says("hello", "{environment.name}"), "prod")
        await deploy(house.host, "only", says("only", "{environment.name}"), "test")
        assert await text(house, "/hello") == "test"
        await deploy(house.host, "hello", says("hello", "{environment.name}"), "prod")
        assert await text(house, "/hello") == "prod"
        assert await text(house, "/only") == "test"
        assert (await house.call("/none")).status == 404


async def test_a_deployment_may_put_a_path_before_the_base_paths() -> None:
    async with control_house() as house:
        await deploy(house.host, "hello", says("hello", "x"), base_path="/v2")
        assert await text(house, "/v2/hello") == "x"
        assert (await house.call("/hello")).status == 404


async def test_one_file_of_a_deployed_revision_can_be_edited() -> None:
    async with control_house() as house:
        await deploy(house.host, "hello", says("hello", "one"))
        async with house.host.change() as draft:
            revision = draft.revision("apiproxy", "hello", "1")
            assert revision is not None
            path = "apiproxy/policies/reply.xml"
            draft.edit_revision(revision, path, says("hello", "edited")[path].encode())
        assert await text(house, "/hello") == "edited"


async def test_what_was_changed_is_there_after_a_restart(tmp_path: Path) -> None:
    state = f"sqlite:{tmp_path}/state.db"
    async with control_house(state) as house:
        await deploy(house.host, "mark", flow("mark", "hooked"))
        await deploy(house.host, "hello", says("hello", "{request.header.flow}"), "prod", "/v1")
        await deploy(house.host, "mark", flow("mark", "hooked"), "prod")
        async with house.host.change() as draft:
            hook = {"sharedFlow": "mark", "note": "kept as it came"}
            draft.environment("prod").documents.put("flowhooks", "PreProxyFlowHook", hook)
            draft.documents.put("products", "basic", {"name": "basic"})
            draft.import_revision(
                "apiproxy", "half", files({"apiproxy/half.xml": "<APIProxy/>"}), created_at=1
            )
    async with control_house(state) as house:
        assert await text(house, "/v1/hello") == "hooked"
        organization = house.host.organization
        kept = organization.environment("prod").documents.get("flowhooks", "PreProxyFlowHook")
        assert kept == {"sharedFlow": "mark", "note": "kept as it came"}
        assert organization.documents.keys("products") == ["basic"]
        assert organization.names("apiproxy") == ["half", "hello"]
        revision = organization.revision("apiproxy", "half", "1")
        assert revision is not None
        assert revision.files.content == {"apiproxy/half.xml": b"<APIProxy/>"}


async def test_reset_forgets_deployments_documents_and_maps() -> None:
    async with control_house() as house:
        await deploy(house.host, "hello", says("hello", "one"))
        table = house.host.kvms("test").map("environment", "m")
        table.put("k", ["v"])
        await house.host.reset()
        assert (await house.call("/hello")).status == 404
        assert house.host.organization.names("apiproxy") == []
        assert house.host.kvms("test").names("environment") == {}


async def test_of_two_servers_with_one_store_the_second_to_deploy_is_told(tmp_path: Path) -> None:
    state = f"sqlite:{tmp_path}/state.db"
    async with control_house(state) as one, control_house(state) as other:
        await deploy(one.host, "hello", says("hello", "one"))
        with pytest.raises(StoreError, match="another server"):
            await deploy(other.host, "hello", says("hello", "other"))
        assert (await other.call("/hello")).status == 404
        assert await text(one, "/hello") == "one"


async def test_a_store_that_was_emptied_is_filled_again(tmp_path: Path) -> None:
    state = f"sqlite:{tmp_path}/state.db"
    async with control_house(state) as house:
        await deploy(house.host, "hello", says("hello", "hello"))
        await settled(house.host.store.clear())
        await deploy(house.host, "more", says("more", "more"))
    async with control_house(state) as house:
        assert await text(house, "/hello") == "hello"
        assert await text(house, "/more") == "more"


async def test_contents_that_nothing_names_any_more_are_deleted(tmp_path: Path) -> None:
    async with control_house(f"sqlite:{tmp_path}/state.db") as house:
        store = house.host.store
        await deploy(house.host, "hello", says("hello", "hello"))
        async with house.host.change() as draft:
            draft.documents.put("products", "p", {"name": "p"})
        async with house.host.change() as draft:
            draft.documents.put("products", "q", {"name": "q"})
        assert len(await settled(store.entries("control/hybrid/content"))) == 2
        await house.host.reset()
        assert await settled(store.entries("control/hybrid/content")) == []
