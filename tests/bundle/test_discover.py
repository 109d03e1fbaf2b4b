from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.archive import ZipSource
from apiproxy_runtime.bundle.discover import NoBundleFound, Workload, discover
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.reader import read_bundle

Files = dict[str, str | bytes]
Write = Callable[[Files], Path]
APIGEE = "src/main/apigee"


def proxy(name: str) -> Files:
    return {
        f"{name}/apiproxy/{name}.xml": f'<APIProxy name="{name}"/>',
        f"{name}/apiproxy/proxies/default.xml": '<ProxyEndpoint name="default"><HTTPProxyConnection><BasePath>'
        f"/{name}</BasePath></HTTPProxyConnection></ProxyEndpoint>",
    }


def shared_flow(name: str) -> Files:
    return {
        f"{name}/sharedflowbundle/{name}.xml": f'<SharedFlowBundle name="{name}"/>',
        f"{name}/sharedflowbundle/sharedflows/default.xml": '<SharedFlow name="default"/>',
    }


def below(folder: str, *parts: Files) -> Files:
    return {f"{folder}/{name}": content for files in parts for name, content in files.items()}


def workspace(deployments: str | None = None) -> Files:
    files = {
        **below(f"{APIGEE}/apiproxies", proxy("a"), proxy("b")),
        **below(f"{APIGEE}/sharedflows", shared_flow("s"), shared_flow("t")),
        f"{APIGEE}/environments/dev/targetservers.json": "[]",
    }
    return files | (
        {} if deployments is None else {f"{APIGEE}/environments/dev/deployments.json": deployments}
    )


def names(workload: Workload) -> list[str]:
    found = []
    for source in workload.bundles:
        findings = Findings()
        bundle = read_bundle(source, findings)
        assert bundle is not None
        assert findings.ok
        found.append(bundle.name)
    return found


@pytest.mark.parametrize("path", ["a/apiproxy", "a", "s/sharedflowbundle", "s"])
def test_a_bundle_folder_or_its_parent(write: Write, path: str) -> None:
    workload = discover([write({**proxy("a"), **shared_flow("s")}) / path], Findings())
    assert names(workload) == [path[0]]
    assert workload.workspace is None


def test_a_folder_with_several_bundles_directly_below(write: Write) -> None:
    assert names(discover([write({**proxy("a"), **proxy("b"), **shared_flow("s")})], Findings())) == [
        "a",
        "b",
        "s",
    ]


def test_a_folder_that_holds_a_proxy_and_a_shared_flow_side_by_side(write: Write) -> None:
    files = {
        name.removeprefix("a/").removeprefix("s/"): text
        for name, text in {**proxy("a"), **shared_flow("s")}.items()
    }
    assert names(discover([write(files)], Findings())) == ["a", "s"]


def test_several_paths_at_once_keep_their_order(write: Write) -> None:
    root = write({**proxy("a"), **proxy("b")})
    assert names(discover([root / "b", str(root / "a" / "apiproxy")], Findings())) == ["b", "a"]


@pytest.mark.parametrize("path", ["", APIGEE])
def test_a_workspace_by_its_root_or_its_apigee_folder(write: Write, path: str) -> None:
    findings = Findings()
    workload = discover([write(workspace()) / path], findings)
    assert names(workload) == ["s", "t", "a", "b"]
    assert workload.workspace is not None
    assert workload.workspace.environments() == ("dev",)
    assert findings.ok


@pytest.mark.parametrize(
    "deployments",
    [
        '{"proxies": [{"name": "b"}], "sharedflows": [{"name": "t"}]}',
        '{"proxies": ["b"], "sharedflows": ["t"]}',
        '{"proxies": [{"name": "b", "serviceAccount": "me@x"}], "sharedFlows": ["t"]}',
    ],
)
def test_the_deployments_of_the_environment_choose(write: Write, deployments: str) -> None:
    findings = Findings()
    assert names(discover([write(workspace(deployments))], findings)) == ["t", "b"]
    assert list(findings) == []


def test_an_environment_without_deployments_listed_runs_nothing(write: Write) -> None:
    assert names(discover([write(workspace('{"proxies": []}'))], Findings())) == []


def test_a_deployment_without_bundle_is_an_error_at_its_line(write: Write) -> None:
    findings = Findings()
    discover(
        [write(workspace('{"proxies": [\n  "a",\n  {"name": "bb"}],\n "sharedflows": ["sf"]}'))], findings
    )
    assert [(f.file, f.line, f.name) for f in findings.errors] == [
        (f"{APIGEE}/environments/dev/deployments.json", 4, "SharedFlowDoesNotExist"),
        (f"{APIGEE}/environments/dev/deployments.json", 3, "ProxyDoesNotExist"),
    ]


def test_an_unknown_environment_is_an_error_that_names_the_known(write: Write) -> None:
    findings = Findings()
    discover([write(workspace())], findings, environment="prod")
    assert "InvalidEnvironment: there is no environment 'prod'. Known: dev." in str(findings.errors[0])


@pytest.mark.parametrize("top", ["", "workspace-main/"])
def test_a_zip_of_a_workspace(top: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in workspace('{"proxies": ["a"]}').items():
            file.writestr(top + name, content)
    workload = discover([ZipSource(buffer.getvalue(), "deploy.zip")], Findings())
    assert names(workload) == ["a"]
    assert workload.workspace is not None


def test_a_path_with_nothing_to_run_says_what_was_looked_for(write: Write) -> None:
    root = write(below("deep/down", proxy("a")))
    with pytest.raises(NoBundleFound, match=r"looked for apiproxy/ .* further down: deep/down/a"):
        discover([root.parent / root.name], Findings())
    with pytest.raises(NoBundleFound, match="no such file"):
        discover([root / "nowhere"], Findings())
    with pytest.raises(NoBundleFound, match="not a zip archive"):
        discover([root / "deep/down/a/apiproxy/a.xml"], Findings())


def test_two_workspaces_at_once_are_refused(write: Write) -> None:
    root = write(below("one", workspace()) | below("two", workspace()))
    with pytest.raises(NoBundleFound, match="second workspace"):
        discover([root / "one", root / "two"], Findings())
