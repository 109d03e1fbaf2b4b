"""The schema for editors: right bundles pass, mistakes are marked, and every declared place is one that readers know."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from apiproxy_runtime.bundle.endpoints import read_proxy_endpoint, read_shared_flow, read_target_endpoint
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.xml import parse_xml
from apiproxy_runtime.cli.main import main
from apiproxy_runtime.policy.declaration import Element
from apiproxy_runtime.policy.policy import Policy
from apiproxy_runtime.policy.registry import all_policies
from apiproxy_runtime.reference.endpoints import ROOTS, ProxyEndpoint, SharedFlow, TargetEndpoint

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BUNDLE_FILES = sorted(
    file
    for kind in ("apiproxy", "sharedflowbundle")
    for file in SAMPLES.glob(f"**/{kind}/**/*.xml")
    # the plug-in's policy is known only where its package is installed
    if "resources" not in file.parts and "plugin" not in file.parts
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("schema") / "below"
    assert main(["schema", "-o", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def xsd(written: Path) -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(written / "apigee.xsd"))


def mistakes(xsd: etree.XMLSchema, text: str) -> list[str]:
    xsd.validate(etree.fromstring(text.encode()))
    return [error.message for error in xsd.error_log]


@pytest.mark.parametrize("file", BUNDLE_FILES, ids=lambda file: str(file.relative_to(SAMPLES)))
def test_the_samples_have_nothing_to_mark(xsd: etree.XMLSchema, file: Path) -> None:
    assert mistakes(xsd, file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("policy", all_policies(), ids=lambda policy: policy.tag)
def test_the_examples_of_policies_have_nothing_to_mark(xsd: etree.XMLSchema, policy: type[Policy]) -> None:
    assert policy.example
    assert mistakes(xsd, policy.example) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('<SpikeArrest name="S"><Rte>3ps</Rte></SpikeArrest>', "Rte"),
        ("<SpikeArrest><Rate>3ps</Rate></SpikeArrest>", "name"),
        ('<Quota name="Q" tpye="flexi"/>', "tpye"),
        ('<Quota name="Q"><Distributed>maybe</Distributed></Quota>', "maybe"),
        ('<KeyValueMapOperations name="K"><Scope>everywhere</Scope></KeyValueMapOperations>', "everywhere"),
        ('<ProxyEndpoint name="p"><RouteRules/></ProxyEndpoint>', "RouteRules"),
        (
            '<TargetEndpoint name="t"><HTTPTargetConnection><SSLInfo><Enabeld/></SSLInfo></HTTPTargetConnection></TargetEndpoint>',
            "Enabeld",
        ),
        ('<SharedFlow name="s"><Step><Nam>A</Nam></Step></SharedFlow>', "Nam"),
        ("<SpikeArrets/>", "SpikeArrets"),
    ],
)
def test_mistakes_are_marked(xsd: etree.XMLSchema, text: str, says: str) -> None:
    (first, *_) = mistakes(xsd, text)
    assert says in first


@pytest.mark.parametrize(
    "text",
    [
        '<SpikeArrest name="S"><Rate ref="v"/></SpikeArrest>',
        '<Quota name="Q"><Distributed>TRUE</Distributed></Quota>',
        '<AssignMessage name="A"><DisplayName>A</DisplayName><Properties/><Set><Payload><a><b/></a></Payload></Set></AssignMessage>',
        '<KeyValueMapOperations name="K"><Scope>Environment</Scope></KeyValueMapOperations>',
    ],
)
def test_what_apigee_takes_is_not_marked(xsd: etree.XMLSchema, text: str) -> None:
    assert mistakes(xsd, text) == []


def places(element: type[Element], depth: int = 0) -> Iterator[str]:
    """The XML of each declared child with its own children in it, one at a time."""
    for field in element.fields:
        if field.shape in ("attribute", "text"):
            continue
        inside = list(places(field.element, depth + 1)) if field.element is not None and depth < 4 else []
        for content in inside or [""]:
            yield f'<{field.tag} name="n">{content}</{field.tag}>'


READERS = {
    ProxyEndpoint: read_proxy_endpoint,
    TargetEndpoint: read_target_endpoint,
    SharedFlow: read_shared_flow,
}


@pytest.mark.parametrize("root", READERS, ids=lambda root: root.__name__)
def test_readers_know_every_place_that_the_schema_offers(root: type[Element]) -> None:
    for place in places(root):
        findings = Findings()
        node = parse_xml(f'<{root.tag} name="x">{place}</{root.tag}>'.encode(), "x.xml")
        READERS[root](node, "x", findings)
        assert [each for each in findings if each.name == "UnknownElement"] == [], place


def test_the_catalogue_tells_of_every_root(written: Path) -> None:
    catalogue = json.loads((written / "catalogue.json").read_text(encoding="utf-8"))
    roots = {each["element"]: each for each in catalogue["elements"]}
    assert set(roots) == {root.tag for root in (*ROOTS, *all_policies())}
    (rate,) = [member for member in roots["SpikeArrest"]["members"] if member["path"] == "Rate"]
    assert rate["marks"] == ["ref", "required", "template"]
    settings = json.loads((written / "vscode-settings.json").read_text(encoding="utf-8"))
    assert [each["systemId"] for each in settings["xml.fileAssociations"]] == [f"{written}/apigee.xsd"] * 2


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["schema", "-o", str(tmp_path / "file" / "below")]) == 2
    assert "apiproxy schema:" in capsys.readouterr().err
