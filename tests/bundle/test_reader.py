from __future__ import annotations

import io
import re
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apiproxy_runtime.bundle.archive import ZipSource
from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.bundle.model import Bundle, HTTPTargetConnection
from apiproxy_runtime.bundle.reader import read_bundle
from apiproxy_runtime.bundle.references import all_steps

Files = dict[str, str | bytes]
Write = Callable[[Files], Path]


def zipped(files: Files) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


def read(place: Path) -> tuple[Bundle, Findings]:
    findings = Findings()
    bundle = read_bundle(place, findings)
    assert bundle is not None
    return bundle, findings


def test_a_sound_proxy_is_read_without_findings(write: Write, orders: Files) -> None:
    bundle, findings = read(write(orders))
    assert list(findings) == []
    assert (bundle.kind, bundle.name, bundle.revision) == ("apiproxy", "orders", "7")
    assert bundle.description == "All orders"
    assert bundle.base_paths == ("/orders",)
    proxy = bundle.proxy("default")
    assert proxy is not None
    assert proxy.virtual_hosts == ("secure",)
    assert proxy.properties == {"api.timeout": "9000"}
    assert [step.policy for step in proxy.pre_flow.request] == ["SA-Calm"]
    (flow,) = proxy.flows
    assert (flow.name, flow.description) == ("list", "List orders")
    assert flow.condition is not None
    assert (flow.condition.text, flow.condition.node.line) == ('request.verb = "GET"', 10)
    (step,) = flow.request
    assert step.condition is not None
    assert (step.policy, step.condition.text, step.node.line) == ("AM-Note", "a = 1", 11)
    assert (proxy.post_flow.request, proxy.post_flow.node.tag) == ((), "ProxyEndpoint")
    assert proxy.post_client_flow is None
    assert [(rule.name, rule.target_endpoint) for rule in proxy.route_rules] == [("default", "backend")]
    connection = bundle.targets["backend"].connection
    assert isinstance(connection, HTTPTargetConnection)
    assert connection.url == "https://orders.example.com/v1"


def test_policies_go_by_their_name_attribute(write: Write, orders: Files) -> None:
    bundle, _ = read(write(orders))
    note = bundle.policies["AM-Note"]
    assert (note.element, note.file) == ("AssignMessage", "apiproxy/policies/AM-Note.xml")
    assert (note.enabled, note.continue_on_error) == (False, True)
    assert bundle.policies["SA-Calm"].enabled


def test_resources_are_found_by_url_and_read_when_asked(write: Write, orders: Files) -> None:
    bundle, _ = read(write(orders))
    note = bundle.resource("jsc://note.js")
    assert note is not None
    assert (note.type, note.name, note.file) == ("jsc", "note.js", "apiproxy/resources/jsc/note.js")
    assert note.read() == b"var a = 1;"
    assert [resource.name for resource in bundle.resources_of("node")] == ["lib/deep.js"]
    assert bundle.resource("jsc://nothing.js") is None


@pytest.mark.parametrize("kind", ["parent", "folder", "zip", "zip with top folder", "zip in memory"])
def test_every_form_of_a_bundle_reads_alike(write: Write, orders: Files, kind: str) -> None:
    findings = Findings()
    if kind in ("parent", "folder"):
        root = write(orders)
        bundle = read_bundle(root / "apiproxy" if kind == "folder" else root, findings)
    elif kind == "zip in memory":
        bundle = read_bundle(ZipSource(zipped(orders), "orders.zip"), findings)
    else:
        top = "orders-main/" if kind == "zip with top folder" else ""
        data = zipped({top + name: content for name, content in orders.items()})
        bundle = read_bundle(write({"orders.zip": data}) / "orders.zip", findings)
    assert bundle is not None
    assert findings.ok
    assert bundle.name == "orders"
    assert "apiproxy/policies/SA-Calm.xml" in bundle.files
    assert bundle.targets["backend"].node.file == "apiproxy/targets/backend.xml"


def test_a_relative_path_to_the_folder_itself_works(
    write: Write, orders: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write(orders))
    bundle, findings = read(Path("apiproxy"))
    assert findings.ok
    assert bundle.files[0] == "apiproxy/orders.xml"


def test_a_shared_flow_bundle(write: Write) -> None:
    root = write(
        {
            "sharedflowbundle/note.xml": '<SharedFlowBundle name="note"/>',
            "sharedflowbundle/sharedflows/default.xml": """<SharedFlow name="default">
  <Step><Name>AM-Note</Name></Step>
  <Step><Name>AM-Note</Name><Condition>b</Condition></Step>
</SharedFlow>""",
            "sharedflowbundle/policies/AM-Note.xml": '<AssignMessage name="AM-Note"/>',
        }
    )
    bundle, findings = read(root)
    assert list(findings) == []
    assert (bundle.kind, bundle.name) == ("sharedflowbundle", "note")
    (flow,) = bundle.shared_flows
    assert [(step.policy, step.condition and step.condition.text) for step in flow.steps] == [
        ("AM-Note", None),
        ("AM-Note", "b"),
    ]


def test_what_lies_in_the_folders_counts_not_the_manifest(write: Write, orders: Files) -> None:
    orders["apiproxy/orders.xml"] = (
        '<APIProxy name="orders"><Policies><Policy>Gone</Policy></Policies></APIProxy>'
    )
    bundle, findings = read(write(orders))
    assert list(findings) == []
    assert sorted(bundle.policies) == ["AM-Note", "SA-Calm"]


def test_without_a_manifest_the_folder_gives_the_name(write: Write, orders: Files) -> None:
    del orders["apiproxy/orders.xml"]
    root = write({f"my-orders/{name}": content for name, content in orders.items()})
    bundle, findings = read(root / "my-orders" / "apiproxy")
    assert bundle.name == "my-orders"
    assert [(finding.severity, finding.name) for finding in findings] == [("warning", "MissingManifest")]


PROXY = "apiproxy/proxies/default.xml"
TARGET = "apiproxy/targets/backend.xml"
STEP = "<Name>SA-Calm</Name>"


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (PROXY, STEP, "<Name>SA-Clam</Name>", "4: UnknownPolicy: .*'SA-Clam'.* Did you mean SA-Calm"),
        (PROXY, STEP, "", "4: MissingName: <Step> names no policy"),
        (PROXY, ">backend<", ">backed<", "20: UnknownTargetEndpoint: .*'backed'.* Did you mean backend"),
        (PROXY, "<TargetEndpoint>backend</TargetEndpoint>", "<IntegrationEndpoint>crm</IntegrationEndpoint>",
         "20: UnknownIntegrationEndpoint: .*'crm'"),
        (PROXY, "</RouteRule>", "<URL>http://x</URL></RouteRule>", "20: InvalidRouteRule: .*more than one"),
        (PROXY, "/orders/", "orders", "16: InvalidBasePath: .*begin with a slash.* Write /orders"),
        (PROXY, "/orders/", "/orders/**", r"16: InvalidBasePath: .*\*\*"),
        (PROXY, "/orders/", "/*/orders", "16: InvalidBasePath: .*first segment"),
        (PROXY, "/orders/", "/or ders", "16: InvalidBasePath: .*blanks"),
        (PROXY, '<ProxyEndpoint name="default">', "<ProxyEndpoint>", "1: MissingName: <ProxyEndpoint>"),
        (PROXY, "ProxyEndpoint", "Endpoint", "1: BadBundle: .*must be a <ProxyEndpoint>, not a <Endpoint>"),
        (PROXY, "</PreFlow>", "", r"\d+: InvalidXml: .*mismatch"),
        (TARGET, "</URL>", "</Url>", "3: InvalidXml: .*URL"),
        (TARGET, "HTTPTargetConnection", "HostedTarget", "2: UnsupportedTarget: .*no longer offered"),
        (TARGET, "HTTPTargetConnection", "Nothing", "1: ConnectionInfoMissing: .*no connection"),
        ("apiproxy/policies/AM-Note.xml", '"TRUE"', '"yes"', '1: InvalidValue: .*continueOnError.*"yes"'),
        ("apiproxy/policies/AM-Note.xml", 'name="AM-Note"', "", '1: MissingName: .*name="AM-Note"'),
        ("apiproxy/policies/AM-Note.xml", "<Assign", "<<Assign", "1: InvalidXml: "),
        ("apiproxy/policies/AM-Note.xml", "AM-Note", "SA-Calm", "SA-Calm.xml:1: DuplicateName: .*AM-Note.xml"),
    ],
)  # fmt: skip
def test_an_error_names_file_line_and_cure(
    write: Write, orders: Files, file: str, old: str, new: str, expected: str
) -> None:
    text = orders[file]
    assert isinstance(text, str)
    assert old in text
    orders[file] = text.replace(old, new)
    _, findings = read(write(orders))
    errors = [str(finding) for finding in findings.errors]
    if ".xml:" not in expected:
        expected = f"{file}:{expected}"
    assert any(re.match(f"(apiproxy/policies/)?{expected}", error) for error in errors), errors


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        (PROXY, "<PreFlow", "<Preflow/><PreFlow", "2: UnknownElement: <Preflow>.* Did you mean PreFlow"),
        (PROXY, "<Response/>", "<Step><Name>SA-Calm</Name></Step>", "12: UnknownElement: <Step>"),
        (PROXY, ' name="list"', "", "8: MissingName: <Flow>"),
        (PROXY, "</Flows>", '<Flow name="list"/></Flows>', "14: DuplicateName: .*'list'"),
        (PROXY, "<BasePath>/orders/</BasePath>", "", "15: MissingBasePath: "),
        (PROXY, "/orders/", "/orders/v*", "16: InvalidBasePath: .*whole segment"),
        (PROXY, "<TargetEndpoint>backend</TargetEndpoint>", "<TargetEndpoint/>", "20: InvalidRouteRule: .*null route"),
        (TARGET, "HTTPTargetConnection", "HttpTargetConnection", "2: Misspelt: .*HTTPTargetConnection"),
        (TARGET, "<URL>https://orders.example.com/v1</URL>", "", "2: ConnectionInfoMissing: "),
        ("apiproxy/policies/AM-Note.xml", "AM-Note", "Other", "1: PolicyFileName: .*'Other'"),
    ],
)  # fmt: skip
def test_a_doubt_is_a_warning(
    write: Write, orders: Files, file: str, old: str, new: str, expected: str
) -> None:
    text = orders[file]
    assert isinstance(text, str)
    assert old in text
    orders[file] = text.replace(old, new)
    _, findings = read(write(orders))
    warnings = [str(finding) for finding in findings.warnings]
    assert any(re.match(f"{file}:{expected}", warning) for warning in warnings), warnings


def test_all_errors_are_collected_not_only_the_first(write: Write) -> None:
    root = write(
        {
            "apiproxy/p.xml": "<APIProxy>",
            "apiproxy/proxies/default.xml": '<ProxyEndpoint name="a"><PreFlow><Request><Step><Name>X</Name></Step>'
            '</Request></PreFlow><RouteRule name="r"><TargetEndpoint>t</TargetEndpoint></RouteRule></ProxyEndpoint>',
            "apiproxy/policies/A.xml": "<A",
            "apiproxy/policies/B.xml": "",
        }
    )
    _, findings = read(root)
    assert [(finding.file, finding.name) for finding in findings.errors] == [
        ("apiproxy/p.xml", "InvalidXml"),
        ("apiproxy/policies/A.xml", "InvalidXml"),
        ("apiproxy/policies/B.xml", "InvalidXml"),
        ("apiproxy/proxies/default.xml", "UnknownPolicy"),
        ("apiproxy/proxies/default.xml", "UnknownTargetEndpoint"),
    ]


def test_a_proxy_without_endpoint_is_refused_in_apigees_words(write: Write) -> None:
    _, findings = read(write({"apiproxy/p.xml": '<APIProxy name="p"/>'}))
    assert str(findings.errors[0]).startswith(
        "apiproxy/proxies: BadBundle: The proxy must contain a ProxyEndpoint"
    )


def test_two_endpoints_may_not_share_a_base_path(write: Write, orders: Files) -> None:
    proxy = orders[PROXY]
    assert isinstance(proxy, str)
    orders["apiproxy/proxies/second.xml"] = proxy.replace('name="default"', 'name="second"').replace(
        "/orders/", "/orders"
    )
    _, findings = read(write(orders))
    assert [(finding.name, finding.file) for finding in findings.errors] == [
        ("BasePathConflict", "apiproxy/proxies/second.xml")
    ]


def test_an_empty_base_path_is_the_root(write: Write, orders: Files) -> None:
    text = orders[PROXY]
    assert isinstance(text, str)
    orders[PROXY] = text.replace("/orders/", "")
    bundle, findings = read(write(orders))
    assert bundle.base_paths == ("/",)
    assert list(findings) == []


def test_a_place_without_bundle_says_what_was_looked_for(write: Write) -> None:
    findings = Findings()
    assert read_bundle(write({"src/hello.txt": "x"}), findings) is None
    assert "looked for apiproxy/" in findings.errors[0].message
    findings = Findings()
    assert read_bundle("/nowhere/at/all", findings) is None
    assert "no such file" in findings.errors[0].message


def test_a_link_out_of_the_bundle_is_a_finding(write: Write, orders: Files) -> None:
    root = write({f"in/{name}": content for name, content in orders.items()} | {"out.xml": "<X name='Out'/>"})
    (root / "in/apiproxy/policies/Out.xml").symlink_to(root / "out.xml")
    bundle, findings = read(root / "in")
    assert "Out" not in bundle.policies
    assert [(f.file, f.name) for f in findings.errors] == [("apiproxy/policies/Out.xml", "InvalidBundle")]


def test_every_step_is_found_wherever_it_stands(write: Write, orders: Files) -> None:
    step = "<Step><Name>{}</Name></Step>".format
    flow = f"<Request>{step('1')}</Request><Response>{step('2')}</Response>"
    orders[
        PROXY
    ] = f"""<ProxyEndpoint name="default"><PreFlow>{flow}</PreFlow><Flows><Flow name="f">{flow}</Flow></Flows>
      <PostFlow>{flow}</PostFlow><PostClientFlow><Response>{step("3")}</Response></PostClientFlow>
      <FaultRules><FaultRule name="x">{step("4")}<Condition>c</Condition></FaultRule></FaultRules>
      <DefaultFaultRule name="d"><AlwaysEnforce>true</AlwaysEnforce>{step("5")}</DefaultFaultRule>
      <HTTPProxyConnection><BasePath>/a</BasePath></HTTPProxyConnection></ProxyEndpoint>"""
    orders[
        TARGET
    ] = f"""<TargetEndpoint name="backend"><EventFlow name="EventFlow" content-type="text/event-stream">
      <Response>{step("6")}</Response></EventFlow><LocalTargetConnection><Path>/b</Path></LocalTargetConnection>
      </TargetEndpoint>"""
    bundle, findings = read(write(orders))
    assert [found.policy for found in all_steps(bundle)] == ["1", "2", "1", "2", "1", "2", "3", "4", "5", "6"]
    assert {finding.name for finding in findings.errors} == {"UnknownPolicy"}
    default = bundle.proxies[0].default_fault_rule
    assert default is not None
    assert default.always_enforce
    event_flow = bundle.targets["backend"].event_flow
    assert event_flow is not None
    assert event_flow.node.attributes["content-type"] == "text/event-stream"


_PIECES = st.sampled_from(
    [b"<", b">", b"/>", b"<Step>", b"</Step>", b"<Name>", b'""', b"&", b"&x;", b"<!--", b"]]>", b"\x00", b"\xff",
     b"*", b"/", b"<Flow>", b"<!DOCTYPE a [", b"<LoadBalancer>", b"<Weight>x</Weight>", b" ", b"\n", b"9" * 400]
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_mutation_of_the_xml_raises(orders: Files, data: st.DataObject) -> None:
    mutated: Files = {}
    for name, content in orders.items():
        raw = content.encode() if isinstance(content, str) else content
        for _ in range(data.draw(st.integers(0, 2))):
            at = data.draw(st.integers(0, len(raw)))
            cut = data.draw(st.integers(0, 12))
            raw = raw[:at] + data.draw(_PIECES) + raw[at + cut :]
        mutated[name] = raw
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "orders.zip"
        archive.write_bytes(zipped(mutated))
        findings = Findings()
        bundle = read_bundle(archive, findings)
        assert bundle is not None
        for finding in findings:
            assert finding.file.startswith("apiproxy/")
            assert str(finding)
