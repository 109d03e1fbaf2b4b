"""Policies that report to the platform: MessageLogging, DataCapture, StatisticsCollector, TraceCapture, PublishMessage,
ConnectorCallout."""

import asyncio
import json
import socket
import ssl
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import DataCollector, Environment
from apiproxy_runtime.bundle.finding import Place
from apiproxy_runtime.state.records import Records
from tests.house import house, proxy, steps, target, write_bundle
from tests.policies.extension.conftest import MakeRuntime
from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, request, run


def bundle(folder: Path, policy: str, post_client: bool = False) -> Path:
    name = policy.split('name="', 1)[1].split('"', 1)[0]
    return write_bundle(
        folder,
        "reports",
        {
            "proxies/default.xml": proxy(
                response="" if post_client else steps(name),
                extra=f"<PostClientFlow><Response>{steps(name)}</Response></PostClientFlow>"
                if post_client
                else "",
            ),
            "targets/default.xml": target(),
            f"policies/{name}.xml": policy,
        },
    )


# ---- MessageLogging


async def test_cloud_logging_records_an_entry(tmp_path: Path) -> None:
    policy = """<MessageLogging name="ML"><CloudLogging><LogName>projects/{organization.name}/logs/x</LogName>
<Message contentType="application/json">{"verb":"{request.verb}","none":"{no.such}"}</Message>
<Labels><Label><Key>k</Key><Value>{request.queryparam.q}</Value></Label></Labels><ResourceType>global</ResourceType>
</CloudLogging><logLevel>WARN</logLevel></MessageLogging>"""
    async with house(bundle(tmp_path, policy, post_client=True)) as gateway:
        assert (await gateway.get("/t?q=1")).status == 200
        await gateway.runtime.gateway.drain(2)
        (entry,) = gateway.runtime.services.records.newest("cloud-logging")
    assert entry["logName"] == "projects/hybrid/logs/x"
    assert entry["jsonPayload"] == {"verb": "GET", "none": ""}
    assert (entry["severity"], entry["resource"], entry["labels"]) == (
        "WARNING",
        {"type": "global"},
        {"k": "1"},
    )


async def test_entries_go_to_a_server_that_speaks_cloud_logging(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from aiohttp import web

    from tests.house import Upstream, upstream_server

    async def answer(request: web.Request) -> web.StreamResponse:
        status = 403 if b"bad" in await request.read() else 200
        return web.json_response({}, status=status)

    policy = """<MessageLogging name="ML"><CloudLogging><LogName>projects/p/logs/x</LogName>
<Message>{request.queryparam.q}</Message></CloudLogging></MessageLogging>"""
    async with upstream_server(Upstream(answer=answer)) as server:
        ways = {"logging.googleapis.com": f"http://127.0.0.1:{server.port}"}
        async with house(bundle(tmp_path, policy, post_client=True), connect_to=ways) as gateway:
            for q in ("one", "bad", "two"):
                assert (await gateway.get(f"/t?q={q}")).status == 200
                await gateway.runtime.gateway.drain(2)
            assert not gateway.runtime.services.records.newest("cloud-logging")
    sent = [seen for seen in server.seen if seen["path"] == "/v2/entries:write"]
    entries = [entry for seen in sent for entry in json.loads(seen["body"])["entries"]]
    assert [entry["textPayload"] for entry in entries] == ["one", "bad", "two"]
    assert (entries[0]["logName"], entries[0]["resource"]) == ("projects/p/logs/x", {"type": "api"})
    assert dict(sent[0]["headers"])["authorization"].startswith("Bearer ")
    told = [record.getMessage() for record in caplog.records if "Cloud Logging" in record.getMessage()]
    assert told == ["Cloud Logging did not take 1 entries: status 403"]


def syslog(port: int, protocol: str, extra: str = "", host: str = "127.0.0.1") -> str:
    return f"""<MessageLogging name="ML"><Syslog><Message>{{request.verb}} done</Message><Host>{host}</Host><Port>{port}</Port>
<Protocol>{protocol}</Protocol>{extra}</Syslog></MessageLogging>"""


@pytest.mark.parametrize(
    ("extra", "pattern"),
    [
        ("", "<14>"),
        ("<FormatMessage>true</FormatMessage>", "<14>1 "),
        ("<PayloadOnly>true</PayloadOnly>", "GET done"),
    ],
)
async def test_syslog_over_udp(tmp_path: Path, extra: str, pattern: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        async with house(bundle(tmp_path, syslog(listener.getsockname()[1], "UDP", extra))) as gateway:
            assert (await gateway.get("/t")).status == 200
            async with asyncio.timeout(3):
                line = (await asyncio.get_running_loop().sock_recv(listener, 4096)).decode()
    assert line.startswith(pattern)
    assert line.endswith("GET done")


@pytest.mark.parametrize("secure", [False, True])
async def test_syslog_over_tcp_and_tls(tmp_path: Path, secure: bool) -> None:
    lines: asyncio.Queue[str] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            await lines.put(line.decode().strip())
        writer.close()

    tls = self_signed(tmp_path) if secure else None
    server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    extra = "<SSLInfo><Enabled>true</Enabled></SSLInfo>" if secure else ""
    async with house(bundle(tmp_path, syslog(port, "TCP", extra, "localhost"))) as gateway:
        for _ in range(3):
            assert (await gateway.get("/t")).status == 200
        async with asyncio.timeout(5):
            got = [await lines.get() for _ in range(3)]
    server.close()
    assert all(line.startswith("<14>") and line.endswith("GET done") for line in got)


def self_signed(folder: Path) -> ssl.SSLContext:
    import subprocess

    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "1",
            "-subj",
            "/CN=localhost",
            "-keyout",
            str(key),
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    return tls


async def test_a_syslog_server_that_is_away_does_not_fail_the_call(tmp_path: Path) -> None:
    async with house(bundle(tmp_path, syslog(1, "TCP"))) as gateway:
        assert (await gateway.get("/t")).status == 200


async def test_a_file_is_written_and_rotated(tmp_path: Path) -> None:
    from tests.policies.kit import services

    policy = """<MessageLogging name="ML"><File><Message>{line}</Message><FileName>orders.log</FileName>
<FileRotationOptions><FileRotationType>SIZE</FileRotationType><MaxFileSizeInMB>1</MaxFileSizeInMB>
<MaxFilesToRetain>2</MaxFilesToRetain></FileRotationOptions></File></MessageLogging>"""
    records = Records(tmp_path)
    using = services()
    using.records = records
    step = compile_policy(policy, using=using)
    for _ in range(3):
        await run(step, context(variables={"line": "x" * 700_000}))
    files = sorted(path.name for path in tmp_path.rglob("orders.log*"))
    assert files == ["orders.log", "orders.log.1", "orders.log.2"]


@pytest.mark.parametrize(
    ("inside", "error"),
    [
        ("", "DestinationMissing"),
        ("<Syslog><Message>x</Message><Host>h</Host><Protocol>SCTP</Protocol></Syslog>", "InvalidProtocol"),
        ("<Syslog><Message>x</Message><Host>h</Host><Port>zero</Port></Syslog>", "InvalidPort"),
        ("<Syslog><Message>x</Message><Host>h</Host><Port>0</Port></Syslog>", "InvalidPort"),
    ],
)
def test_message_logging_deploy_errors(inside: str, error: str) -> None:
    assert deploy_errors(f'<MessageLogging name="ML">{inside}</MessageLogging>') == [error]


# ---- DataCapture


def capture(collect: str, collector: str = "dc_x", extra: str = "") -> str:
    return f"""<DataCapture name="DC">{extra}<Capture><DataCollector>{collector}</DataCollector>{collect}</Capture></DataCapture>"""


JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("collect", "value"),
    [
        ('<Collect ref="v" default="none"/>', "7"),
        ('<Collect ref="gone" default="none"/>', "none"),
        ('<Collect default="d"><JSONPayload><JSONPath>$.a.b</JSONPath></JSONPayload></Collect>', "deep"),
        ('<Collect default="d"><JSONPayload><JSONPath>$.z</JSONPath></JSONPayload></Collect>', "d"),
        ('<Collect default="d"><URIPath><Pattern>/orders/{$}</Pattern></URIPath></Collect>', "42"),
        (
            '<Collect default="d"><QueryParam name="code"><Pattern>DB{$}</Pattern></QueryParam></Collect>',
            "77",
        ),
        (
            '<Collect default="d"><QueryParam name="code.2"><Pattern>{$}</Pattern></QueryParam></Collect>',
            "second",
        ),
        (
            '<Collect default="d"><Header name="Authorization"><Pattern>Bearer {$}</Pattern></Header></Collect>',
            "abc",
        ),
    ],
)
async def test_what_is_captured(collect: str, value: str) -> None:
    ctx = context(
        request=request(
            verb="POST",
            query="code=DB77&code=second",
            headers={**JSON, "Authorization": "Bearer abc"},
            body='{"a":{"b":"deep"}}',
        ),
        variables={"v": 7},
        path_suffix="/orders/42",
    )
    await run(compile_policy(capture(collect)), ctx)
    assert ctx.analytics["captured"] == {"dc_x": value}


async def test_captured_values_reach_the_analytics_records(tmp_path: Path) -> None:
    policy = capture('<Collect ref="response.status.code" default="0"/>')
    async with house(bundle(tmp_path, policy)) as gateway:
        await gateway.get("/t")
        await gateway.server.stop(1)
        (record,) = gateway.runtime.services.records.newest("analytics")
    assert record["captured"] == {"dc_x": "200"}
    assert (record["apiproxy"], record["response_status_code"]) == ("reports", 200)


@pytest.mark.parametrize(
    ("collect", "variables", "name"),
    [
        ('<Collect ref="gone"/>', {}, "UnresolvedVariable"),
        ('<Collect ref="private.key" default="x"/>', {"private.key": "1"}, "PrivateVariableAccess"),
        (
            '<Collect default="1"><Source>word</Source><QueryParam name="q"><Pattern>{$}</Pattern></QueryParam></Collect>',
            {"word": "x"},
            "NonMsgVariable",
        ),
        (
            "<Collect><JSONPayload><JSONPath>$.a</JSONPath></JSONPayload></Collect>",
            {},
            "InvalidMsgContentType",
        ),
        ('<Collect ref="text"/>', {"text": "many"}, "DataCollectorTypeMismatch"),
    ],
)
async def test_capture_faults_are_listed_and_raised(
    collect: str, variables: dict[str, object], name: str
) -> None:
    collectors = {"dc_x": DataCollector("dc_x", "INTEGER", Place("datacollectors.json"))}
    step = compile_policy(capture(collect), environment=Environment(data_collectors=collectors))
    ctx = context(variables=variables)
    fault = await fault_of(step, ctx)
    assert fault.code == f"steps.datacapture.{name}"
    assert ctx.variables["dataCapturePolicyErrors"][0]["policyName"] == "DC"


async def test_long_values_are_cut_unless_limits_throw() -> None:
    ctx = context(variables={"v": "é" * 300})
    await run(compile_policy(capture('<Collect ref="v"/>')), ctx)
    assert len(ctx.analytics["captured"]["dc_x"].encode()) == 400
    assert ctx.variables["dataCapturePolicyErrors"][0]["errorType"] == "MaxValueSizeLimitReached"
    strict = compile_policy(
        capture('<Collect ref="v"/>', extra="<ThrowExceptionOnLimit>true</ThrowExceptionOnLimit>")
    )
    assert (await fault_of(strict, context(variables={"v": "x" * 401}))).name == "VariableValueLimitExceeded"


@pytest.mark.parametrize(
    ("xml", "error"),
    [
        (
            '<DataCapture name="D"><Capture><DataCollector>a</DataCollector><Collect ref="x"/></Capture>'
            '<Capture><DataCollector>a</DataCollector><Collect ref="y"/></Capture></DataCapture>',
            "DeploymentAssertionError",
        ),
        (
            capture("<Collect><JSONPayload><JSONPath>$.[</JSONPath></JSONPayload></Collect>"),
            "JsonPathCompilationFailed",
        ),
        (
            capture("<Collect><XMLPayload><XPath>/p:a</XPath></XMLPayload></Collect>"),
            "XPathCompilationFailed",
        ),
        (
            capture("<Collect><URIPath><Pattern>/none</Pattern></URIPath></Collect>"),
            "PatternCompilationFailed",
        ),
    ],
)
def test_data_capture_deploy_errors(xml: str, error: str) -> None:
    assert deploy_errors(xml) == [error]


# ---- StatisticsCollector and TraceCapture


async def test_statistics_are_collected_with_defaults_and_bounds() -> None:
    policy = """<StatisticsCollector name="S"><Statistics><Statistic name="a" ref="v" type="string">d</Statistic>
<Statistic name="b" ref="gone" type="integer">5</Statistic><Statistic name="c" ref="gone" type="string"/></Statistics></StatisticsCollector>"""
    ctx = context(variables={"v": "x" * 2000})
    await run(compile_policy(policy), ctx)
    assert ctx.analytics["statistics"] == {"a": "x" * 1000, "b": "5"}


@pytest.mark.parametrize(
    ("statistic", "error"),
    [
        ('<Statistic name="a" ref="v">x</Statistic>', "DatatypeMissing"),
        ('<Statistic name="a" ref="v" type="text">x</Statistic>', "UnsupportedDatatype"),
        ('<Statistic name="organization" ref="v" type="string">x</Statistic>', "InvalidName"),
    ],
)
def test_statistics_deploy_errors(statistic: str, error: str) -> None:
    xml = f'<StatisticsCollector name="S"><Statistics>{statistic}</Statistics></StatisticsCollector>'
    assert deploy_errors(xml) == [error]


async def test_trace_capture() -> None:
    policy = """<TraceCapture name="T"><Variables><Variable name="a" ref="v"/><Variable name="b" ref="gone">none</Variable>
</Variables></TraceCapture>"""
    ctx = context(variables={"v": 3})
    await run(compile_policy(policy), ctx)
    assert ctx.analytics["trace"] == {"a": "3", "b": "none"}
    assert (await fault_of(compile_policy(policy), context())).code == "steps.tracecapture.UnresolvedVariable"


# ---- PublishMessage and ConnectorCallout

PUBLISH = """<PublishMessage name="PM"><Source>{request.verb}</Source><CloudPubSub><Topic>projects/p/topics/{topic:t}</Topic></CloudPubSub>
<Attributes><Attribute name="proxy">{apiproxy.name}</Attribute></Attributes></PublishMessage>"""


async def test_a_message_to_publish_is_made_from_the_request(make_runtime: MakeRuntime) -> None:
    using = make_runtime().services
    ctx = context(request=request("PUT"), variables={"topic": "orders"})
    await run(compile_policy(PUBLISH, using=using), ctx)
    (message,) = using.records.newest("pubsub")
    assert (message["topic"], message["data"]) == ("projects/p/topics/orders", "PUT")
    assert ctx.variables["publishmessage.message.id"] == message["messageId"]


async def test_messages_are_kept_locally(tmp_path: Path) -> None:
    async with house(bundle(tmp_path, PUBLISH)) as gateway:
        await gateway.get("/t")
        (message,) = gateway.runtime.services.records.newest("pubsub")
    assert message["topic"] == "projects/p/topics/t"
    assert (message["data"], message["attributes"]) == ("GET", {"proxy": "reports"})
    assert message["messageId"].isdigit()


async def test_messages_go_to_a_server_that_speaks_pubsub(tmp_path: Path) -> None:
    from aiohttp import web

    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.path.endswith(":publish"):
            return web.Response()
        if "bad" in request.path:
            return web.Response(status=403)
        return web.json_response({"messageIds": ["77"]})

    from tests.house import Upstream, upstream_server

    async with upstream_server(Upstream(answer=answer)) as pubsub:
        ways = {"pubsub.googleapis.com": f"http://127.0.0.1:{pubsub.port}"}
        async with house(bundle(tmp_path, PUBLISH), connect_to=ways) as gateway:
            assert (await gateway.get("/t")).status == 200
        sent = json.loads(pubsub.seen[0]["body"])["messages"][0]
        assert pubsub.seen[0]["path"] == "/v1/projects/p/topics/t:publish"
        assert sent == {"data": "R0VU", "attributes": {"proxy": "reports"}}
        bad = PUBLISH.replace("{topic:t}", "bad")
        async with house(bundle(tmp_path / "2", bad), connect_to=ways) as gateway:
            reply = await gateway.get("/t")
            assert (reply.status, reply.fault()[0]) == (500, "steps.publishmessage.ExecutionFailed")


def test_publish_message_deploy_error() -> None:
    xml = '<PublishMessage name="P"><CloudPubSub><Topic>t</Topic></CloudPubSub></PublishMessage>'
    assert deploy_errors(xml) == ["InvalidConfiguration"]


async def test_connectors_answer_from_the_configuration() -> None:
    stand_ins = {
        "connectors": {
            "crm": {"find": {"output": {"name": "Ada", "at": {"city": "X"}}}, "fail": {"status": 502}}
        }
    }
    environment = Environment(stand_ins=stand_ins)

    def policy(action: str) -> str:
        return f"""<ConnectorCallout name="CC"><Connector>crm</Connector><Action>{action}</Action><Input>{{"id":"{{v}}"}}</Input>
<Output>found</Output></ConnectorCallout>"""

    ctx = context(variables={"v": "7"})
    await run(compile_policy(policy("find"), environment=environment), ctx)
    assert (ctx.variables["found.name"], ctx.variables["found.at.city"]) == ("Ada", "X")
    fault = await fault_of(compile_policy(policy("fail"), environment=environment), context())
    assert (fault.code, fault.status) == ("steps.connectorcallout.ExecutionFailed", 502)
    assert fault.text.endswith("Connector returned error statuscode=502")
    assert (await fault_of(compile_policy(policy("gone"), environment=environment), context())).status == 404


@pytest.mark.parametrize(
    ("inside", "error"),
    [("<Action>a</Action>", "InvalidConnectorInstance"), ("<Connector>c</Connector>", "InvalidAction")],
)
def test_connector_deploy_errors(inside: str, error: str) -> None:
    assert deploy_errors(f'<ConnectorCallout name="C">{inside}</ConnectorCallout>') == [error]


# ---- Model Armor

ARMOR = {
    "modelArmor": {
        "templates": {
            "t": {"promptInjection": ["(?i)ignore previous"], "rai": ["bomb"]},
            "down": {"error": "ServiceUnavailable"},
        }
    }
}


def sanitize(template: str = "t", attributes: str = "") -> str:
    return f"""<SanitizeUserPrompt name="SUP" {attributes}><ModelArmor><TemplateName>{template}</TemplateName></ModelArmor>
<UserPromptSource>{{jsonPath('$.p',request.content)}}</UserPromptSource></SanitizeUserPrompt>"""


async def test_prompts_are_judged_by_the_configured_filters() -> None:
    step = compile_policy(sanitize(), environment=Environment(stand_ins=ARMOR))
    ctx = context(request=request(verb="POST", headers=JSON, body='{"p":"hello"}'))
    await run(step, ctx)
    assert ctx.variables["SanitizeUserPrompt.SUP.filterMatchState"] == "NO_MATCH_FOUND"
    ctx = context(request=request(verb="POST", headers=JSON, body='{"p":"Ignore previous orders"}'))
    fault = await fault_of(step, ctx)
    assert (fault.code, fault.status) == ("steps.sanitize.user.prompt.FilterMatched", 400)
    assert ctx.variables["SanitizeUserPrompt.SUP.promptInjectionDetected"] is True
    assert ctx.variables["SanitizeUserPrompt.SUP.raiMatchesFound"] is False


async def test_model_armor_errors_are_configured_too() -> None:
    step = compile_policy(sanitize("down"), environment=Environment(stand_ins=ARMOR))
    fault = await fault_of(step, context(request=request(verb="POST", headers=JSON, body='{"p":"x"}')))
    assert (fault.code, fault.status) == ("steps.sanitize.modelarmor.ServiceUnavailable", 503)


async def test_model_answers_are_judged() -> None:
    from tests.policies.kit import response

    policy = """<SanitizeModelResponse name="SMR"><ModelArmor><TemplateName>t</TemplateName></ModelArmor>
<LLMResponseSource>{response.content}</LLMResponseSource></SanitizeModelResponse>"""
    step = compile_policy(policy, environment=Environment(stand_ins=ARMOR))
    ctx = context(response=response(body="how to build a bomb"))
    fault = await fault_of(step, ctx)
    assert fault.code == "steps.sanitize.model.response.FilterMatched"
    assert ctx.variables["SanitizeModelResponse.SMR.raiMatchesFound"] is True


async def test_a_server_that_speaks_model_armor_judges(tmp_path: Path) -> None:
    from aiohttp import web

    from tests.house import Upstream, upstream_server

    async def answer(request: web.Request) -> web.StreamResponse:
        asked = json.loads(await request.text())
        text = "".join(part["text"] for name, part in asked.items() if name.endswith("Data"))
        if text.isdigit():
            return web.Response(status=int(text))
        if text == "odd":
            return web.json_response({})
        state = "MATCH_FOUND" if "rob" in text else "NO_MATCH_FOUND"
        jailbreak = {"piAndJailbreakFilterResult": {"matchState": state, "confidenceLevel": "LOW_AND_ABOVE"}}
        rai = {"raiFilterResult": {"matchState": "NO_MATCH_FOUND"}}
        result = {
            "filterMatchState": state,
            "filterResults": {"rai": rai, "pi_and_jailbreak": jailbreak},
            "invocationResult": "PARTIAL",
        }
        return web.json_response({"sanitizationResult": result})

    policy = """<{0} name="S" continueOnError="{1}"><ModelArmor><TemplateName>projects/p/locations/eu-1/templates/t</TemplateName>
</ModelArmor>{2}<UserPromptSource>{{request.queryparam.q}}</UserPromptSource></{0}>"""
    show = """<AssignMessage name="AM"><Set><Headers><Header name="v">{{{0}.S.filterMatchState}} {{{0}.S.invocationResult}}
{{{0}.S.promptInjectionConfidence}} {{{0}.S.raiMatchesFound}}</Header></Headers></Set></AssignMessage>"""

    def sanitizing(folder: Path, tag: str, more: str = "", attribute: str = "false") -> Path:
        files = {
            "proxies/default.xml": proxy(response=steps("S", "AM")),
            "targets/default.xml": target(),
            "policies/S.xml": policy.format(tag, attribute, more),
            "policies/AM.xml": show.format(tag).replace("\n", " "),
        }
        return write_bundle(folder, "reports", files)

    async with upstream_server(Upstream(answer=answer)) as armor:
        ways = {"modelarmor.eu-1.rep.googleapis.com": f"http://127.0.0.1:{armor.port}"}
        async with house(sanitizing(tmp_path / "1", "SanitizeUserPrompt"), connect_to=ways) as gateway:
            reply = await gateway.get("/t?q=hello")
            assert (reply.status, reply.headers["v"]) == (200, "NO_MATCH_FOUND PARTIAL  false")
            for prompt, status, code in (
                ("rob", 400, "steps.sanitize.user.prompt.FilterMatched"),
                ("odd", 500, "steps.sanitize.user.prompt.SanitizationResponseParsingFailed"),
                ("403", 500, "steps.sanitize.modelarmor.AuthenticationFailure"),
                ("400", 500, "steps.sanitize.modelarmor.ModelArmorAPIFailed"),
                ("503", 503, "steps.sanitize.modelarmor.ServiceUnavailable"),
            ):
                reply = await gateway.get(f"/t?q={prompt}")
                assert (reply.status, reply.fault()[0]) == (status, code)
        sent = [seen for seen in armor.seen if "sanitize" in seen["path"]]
        assert sent[0]["path"] == "/v1/projects/p/locations/eu-1/templates/t:sanitizeUserPrompt"
        assert json.loads(sent[0]["body"]) == {"userPromptData": {"text": "hello"}}
        assert dict(sent[0]["headers"])["authorization"].startswith("Bearer ")
        del armor.seen[:]
        source = "<LLMResponseSource>{request.queryparam.a}</LLMResponseSource>"
        answers = sanitizing(tmp_path / "2", "SanitizeModelResponse", source, "true")
        async with house(answers, connect_to=ways) as gateway:
            reply = await gateway.get("/t?q=hello&a=rob")
            assert (reply.status, reply.headers["v"]) == (200, "MATCH_FOUND PARTIAL LOW_AND_ABOVE false")
        (sent_once,) = [seen for seen in armor.seen if "sanitize" in seen["path"]]
        assert sent_once["path"].endswith(":sanitizeModelResponse")
        assert json.loads(sent_once["body"]) == {"modelResponseData": {"text": "rob"}, "userPrompt": "hello"}


# ---- declarations that are wrong


@pytest.mark.parametrize(
    "xml",
    [
        '<SanitizeUserPrompt name="S"/>',
        '<SanitizeUserPrompt name="S"><ModelArmor><TemplateName>t</TemplateName></ModelArmor>'
        "<IgnoreUnresolvedVariables>maybe</IgnoreUnresolvedVariables></SanitizeUserPrompt>",
        '<SanitizeModelResponse name="S"/>',
        '<SanitizeModelResponse name="S"><ModelArmor/></SanitizeModelResponse>',
        '<TraceCapture name="T"><Variables><Variable ref="v"/></Variables></TraceCapture>',
        '<TraceCapture name="T"><Variables><Variable name="a"/></Variables></TraceCapture>',
        '<TraceCapture name="T"><ThrowExceptionOnLimit>1</ThrowExceptionOnLimit></TraceCapture>',
    ],
)
def test_what_is_missing_or_malformed_is_refused(xml: str) -> None:
    assert len(deploy_errors(xml)) == 1
