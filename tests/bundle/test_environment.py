from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from apiproxy_runtime.bundle.environment import Environment, read_environment
from apiproxy_runtime.bundle.finding import Findings

Files = dict[str, str | bytes]
Write = Callable[[Files], Path]
FOLDER = "src/main/apigee/environments/test"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nQQ==\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nQg==\n-----END PRIVATE KEY-----\n"


def read(write: Write, files: Files, name: str | None = None) -> tuple[Environment, Findings]:
    findings = Findings()
    root = write({f"{FOLDER}/{file}": content for file, content in files.items()})
    return read_environment(root, name, findings), findings


def test_target_servers_in_every_spelling(write: Write) -> None:
    servers = [
        {"name": "a", "host": "a.example.com", "port": 443, "isEnabled": True, "sSLInfo": {"enabled": True}},
        {"name": "b", "host": "b", "port": "8080", "isEnabled": "false", "protocol": "grpc"},
        {"name": "c", "host": "[::1]", "enabled": False, "sSLInfo": {"enabled": "true", "ciphers": ["x"],
         "commonName": {"value": "*.c", "wildcardMatch": True}, "clientAuthEnabled": "true", "keyStore": "ref://ks",
         "keyAlias": "me", "trustStore": "ts", "ignoreValidationErrors": False}},
        {"name": "d", "host": "d", "protocol": "HTTP2"},
    ]  # fmt: skip
    environment, findings = read(write, {"targetservers.json": json.dumps(servers)})
    assert list(findings) == []
    found = environment.target_servers
    assert [(s.name, s.host, s.port, s.protocol, s.enabled, s.uses_tls) for s in found.values()] == [
        ("a", "a.example.com", 443, "HTTP", True, True),
        ("b", "b", 8080, "GRPC", False, False),
        ("c", "::1", 443, "HTTP", False, True),
        ("d", "d", 80, "HTTP2", True, False),
    ]
    info = found["c"].ssl_info
    assert info is not None
    assert (info.key_store, info.key_alias, info.trust_store, info.ciphers) == (
        "ref://ks",
        "me",
        "ts",
        ("x",),
    )
    assert (info.common_name, info.common_name_wildcard_match) == ("*.c", True)
    assert (info.client_auth_enabled, info.ignore_validation_errors, info.enforce) == ("true", "false", None)


@pytest.mark.parametrize(
    ("file", "text", "line", "message"),
    [
        ("targetservers.json", '[\n{"name": "a", "host": "a",}]', 2, "not readable as JSON: a comma before }"),
        ("targetservers.json", '[{"name": "a", "host": "a"},\n {"host": "b"}]', 2, "the target server has no 'name'"),
        ("targetservers.json", '[{"name": "a",\n "host": "https://a/b"}]', 2, 'not "https://a/b"'),
        ("targetservers.json", '[{"name": "a"}]', 1, "must have a host name"),
        ("targetservers.json", '[{"name": "a", "host": "a",\n "port": "http"}]', 2,
         "'port' of the target server 'a' must be a whole number from 1 to 65535, not \"http\""),
        ("targetservers.json", '[{"name": "a", "host": "a",\n "port": 0}]', 2, "must be a whole number from 1"),
        ("targetservers.json", '[{"name": "a", "host": "a",\n "isEnabled": "ja"}]', 2, 'true or false, not "ja"'),
        ("targetservers.json", '[{"name": "a", "host": "a",\n "protocol": "GRCP"}]', 2, "Did you mean GRPC?"),
        ("targetservers.json", '[{"name": "a", "host": "a",\n "sSLInfo": 5}]', 2, "must be an object, not a number"),
        ("targetservers.json", '[\n7]', 2, "must be an object, not a number"),
        ("targetservers.json", '"a"', 1, "must hold a list, not a text"),
        ("targetservers.json", '[{"name": "a", "host": "a"},\n {"name": "a", "host": "b"}]', 2, "is there twice"),
        ("flowhooks.json", '{\n"PreProxyHook": {"sharedFlow": "s"}}', 2, "Did you mean PreProxyFlowHook?"),
        ("flowhooks.json", '{\n"PreProxyFlowHook": 5}', 2, "must be an object, not a number"),
        ("flowhooks.json", "5", 1, "must hold an object"),
        ("keystores.json", '[{"name": "ks", "aliases": [\n"gone"]}]', 2, "no file for the alias 'gone'"),
        ("keystores.json", '[{"name": "ks", "aliases": [\n{"alias": "a", "certFile": "no.crt"}]}]', 2, "no.crt"),
        ("keystores/ks/a.pem", "hello", 0, "neither a certificate nor a private key"),
        ("caches.json", '[{"name": "c", "expirySettings":\n{"timeoutInSec": {"value": "soon"}}}]', 2, 'not "soon"'),
        ("debugmask.json", '{"variables":\n{"a": 1}}', 2, "must be a list, not an object"),
        ("datacollectors.json", '[\n{"type": "STRING"}]', 2, "has no 'name'"),
        ("deployments.json", '{"proxies":\n[5]}', 2, "must be a name or an object, not a number"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_an_error_at_its_line(
    write: Write, file: str, text: str, line: int, message: str
) -> None:
    _, findings = read(write, {file: text})
    assert len(findings.errors) == 1
    finding = findings.errors[0]
    assert (finding.file, finding.line) == (f"{FOLDER}/{file}", line)
    assert message in str(finding)


def test_a_field_misspelt_is_a_warning_and_extras_of_an_export_are_not(write: Write) -> None:
    _, findings = read(
        write,
        {
            "targetservers.json": '[{"name": "a", "host": "a", "isEnable": false, "createdAt": "1", "extra": 1}]'
        },
    )
    assert [(finding.name, finding.message, finding.cure) for finding in findings] == [
        (
            "UnknownField",
            "the target server 'a' has a field 'isEnable', which is ignored",
            "Did you mean 'isEnabled'?",
        )
    ]


@pytest.mark.parametrize(
    "text",
    [
        '{"PreProxyFlowHook": {"sharedFlow": "in", "continueOnError": "false"}, "PostProxyFlowHook": "out"}',
        '[{"flowHookPoint": "PreProxyFlowHook", "sharedFlow": "in", "continueOnError": false},'
        '{"flowHookPoint": "PostProxyFlowHook", "sharedFlow": "out"}]',
    ],
)
def test_flow_hooks(write: Write, text: str) -> None:
    environment, findings = read(write, {"flowhooks.json": text})
    assert list(findings) == []
    assert [
        (point, hook.shared_flow, hook.continue_on_error) for point, hook in environment.flow_hooks.items()
    ] == [
        ("PreProxyFlowHook", "in", False),
        ("PostProxyFlowHook", "out", True),
    ]


def test_property_sets_and_other_resources(write: Write) -> None:
    environment, findings = read(
        write, {"resources/properties/app.properties": "a=1\nb = 2", "resources/jsc/lib.js": "var a;"}
    )
    assert list(findings) == []
    assert environment.property_sets == {"app": {"a": "1", "b": "2"}}
    resource = environment.resource("jsc://lib.js")
    assert resource is not None
    assert resource.read() == b"var a;"
    assert environment.resource("jsc://no.js") is None


def test_keystores_from_pem_files(write: Write) -> None:
    environment, findings = read(
        write,
        {
            "keystores/mine/both.pem": KEY + CERTIFICATE + CERTIFICATE,
            "keystores/mine/apart.crt": CERTIFICATE,
            "keystores/mine/apart.key": KEY.replace("PRIVATE KEY", "RSA PRIVATE KEY"),
            "keystores/trust/one.pem": CERTIFICATE,
            "keystores/trust/two.pem": CERTIFICATE,
            "references.json": '[{"name": "current", "refers": "mine", "resourceType": "KeyStore"}]',
        },
    )
    assert list(findings) == []
    mine = environment.keystore("ref://current")
    assert mine is not None
    assert sorted(mine.aliases) == ["apart", "both"]
    assert (mine.aliases["both"].certificates, mine.aliases["both"].key) == (CERTIFICATE * 2, KEY)
    assert mine.aliases["apart"].key == KEY.replace("PRIVATE KEY", "RSA PRIVATE KEY")
    trust = environment.keystore("trust")
    assert trust is not None
    assert trust.certificates == CERTIFICATE * 2
    assert [alias.key for alias in trust.aliases.values()] == [None, None]
    assert environment.keystore("ref://mine") is mine
    assert environment.keystore("nothing") is None


def test_keystores_json_adds_stores_passwords_and_pem_text(write: Write) -> None:
    stores = [
        {"name": "mine", "aliases": ["listed", {"alias": "locked", "password": "open sesame"}]},
        {"name": "text", "aliases": [{"name": "a", "cert": CERTIFICATE, "key": KEY}]},
        {"name": "files", "aliases": [{"alias": "f", "certFile": "certs/f.crt", "keyFile": "f.key"}]},
        {"name": "empty"},
    ]
    environment, findings = read(
        write,
        {
            "keystores.json": json.dumps(stores),
            "keystores/mine/listed.pem": CERTIFICATE,
            "keystores/mine/locked.pem": KEY + CERTIFICATE,
            "certs/f.crt": CERTIFICATE,
            "keystores/files/f.key": KEY,
        },
    )
    assert list(findings) == []
    stores_read = environment.keystores
    assert stores_read["mine"].aliases["locked"].password == "open sesame"
    assert stores_read["text"].aliases["a"].key == KEY
    assert (stores_read["files"].aliases["f"].certificates, stores_read["files"].aliases["f"].key) == (
        CERTIFICATE,
        KEY,
    )
    assert stores_read["empty"].aliases == {}


def test_caches_masks_collectors_and_flags(write: Write) -> None:
    caches = [
        {"name": "a", "expirySettings": {"timeoutInSec": {"value": "120"}}},
        {"name": "b", "expirySettings": {"values": {"expiryDate": {"value": "12/31/2030"}}}},
        {"name": "c", "expirySettings": {"timeOfDay": "12:00:00", "timeoutInSec": 5}},
        {"name": "d"},
    ]
    environment, findings = read(
        write,
        {
            "caches.json": json.dumps(caches),
            "debugmasks.json": '{"variables": ["secret"], "requestJSONPaths": ["$.a"], "namespaces": {"s": "urn:s"}}',
            "datacollectors.json": '[{"name": "dc_a", "type": "integer"}]',
            "featureflags.json": '{"x": true}',
            "anything.json": "not json",
        },
    )
    assert list(findings) == []
    assert [
        (c.name, c.timeout_in_sec, c.time_of_day, c.expiry_date) for c in environment.caches.values()
    ] == [
        ("a", 120, None, None),
        ("b", None, None, "12/31/2030"),
        ("c", 5, "12:00:00", None),
        ("d", None, None, None),
    ]
    mask = environment.debug_mask
    assert (mask.variables, mask.request_json_paths, mask.namespaces) == (
        ("secret",),
        ("$.a",),
        {"s": "urn:s"},
    )
    assert environment.data_collectors["dc_a"].type == "INTEGER"
    assert environment.feature_flags == {"x": "true"}


def test_file_names_may_differ_in_case(write: Write) -> None:
    environment, _ = read(write, {"targetServers.json": '[{"name": "a", "host": "a"}]'})
    assert list(environment.target_servers) == ["a"]


@pytest.mark.parametrize(
    ("environments", "asked", "chosen", "errors"),
    [
        (["dev"], None, "dev", []),
        (["dev", "test"], None, "test", []),
        (["dev", "prod"], None, "test", ["InvalidEnvironment"]),
        (["dev", "prod"], "prod", "prod", []),
        (["dev"], "prod", "prod", ["InvalidEnvironment"]),
        ([], None, "test", []),
        ([], "prod", "prod", []),
    ],
)
def test_which_environment_is_meant(
    write: Write, environments: list[str], asked: str | None, chosen: str, errors: list[str]
) -> None:
    files: Files = {"src/main/apigee/readme.txt": ""}
    for name in environments:
        files[f"src/main/apigee/environments/{name}/targetservers.json"] = json.dumps(
            [{"name": f"of-{name}", "host": "h"}]
        )
    findings = Findings()
    environment = read_environment(write(files), asked, findings, organization="acme")
    assert (environment.name, environment.organization) == (chosen, "acme")
    assert [finding.name for finding in findings.errors] == errors
    if chosen in environments:
        assert list(environment.target_servers) == [f"of-{chosen}"]


def test_a_folder_without_workspace_gives_an_empty_environment(write: Write) -> None:
    findings = Findings()
    environment = read_environment(write({"a.txt": ""}), None, findings)
    assert (environment.name, environment.target_servers, list(findings)) == ("test", {}, [])
    read_environment("/nowhere/at/all", None, findings)
    assert [finding.name for finding in findings.errors] == ["InvalidEnvironment"]
