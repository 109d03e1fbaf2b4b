"""Reading a kong.yml: every entity and field checked, references resolved, each error with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.kong.declarative import read_configuration
from apiproxy_runtime.kong.document import alone, is_declarative
from apiproxy_runtime.kong.model import Configuration
from tests.kong.house import errors, read, warnings, write

SERVICE = '_format_version: "3.0"\nservices:\n  - name: s\n    url: http://a.test\n'
ROUTE = SERVICE + "    routes:\n      - name: r\n        paths: [/a]\n"


def good(text: str) -> Configuration:
    configuration, findings = read(text)
    assert not findings.errors
    assert configuration is not None
    return configuration


def test_nested_and_flat_say_the_same() -> None:
    nested = good(ROUTE + "        plugins: [{name: key-auth}]\n")
    flat = good(
        SERVICE
        + "routes: [{name: r, paths: [/a], service: s}]\nplugins: [{name: key-auth, route: {name: r}}]\n"
    )
    for configuration in (nested, flat):
        (route,) = configuration.routes
        (instance,) = configuration.plugins
        assert route.service is configuration.services[0]
        assert instance.route is route
    assert nested.routes[0].id == flat.routes[0].id


def test_defaults_are_those_of_the_reference() -> None:
    configuration = good(ROUTE)
    (service,), (route,) = configuration.services, configuration.routes
    assert (service.protocol, service.port, service.path, service.retries) == ("http", 80, None, 5)
    assert (service.connect_timeout, service.read_timeout, service.write_timeout) == (60000, 60000, 60000)
    assert service.enabled
    assert route.protocols == ("http", "https")
    assert (route.strip_path, route.preserve_host, route.regex_priority) == (True, False, 0)
    assert (route.path_handling, route.https_redirect_status_code) == ("v0", 426)
    assert route.request_buffering
    assert route.response_buffering


def test_url_stands_for_protocol_host_port_and_path() -> None:
    text = '_format_version: "3.0"\nservices: [{name: s, url: "https://a.test/v1"}]\n'
    (service,) = good(text).services
    assert (service.protocol, service.host, service.port, service.path) == ("https", "a.test", 443, "/v1")


def test_ids_are_the_same_on_every_reading() -> None:
    assert good(ROUTE).routes[0].id == good(ROUTE).routes[0].id
    # the UUID of version 5 that Kong derives for a service of this name
    assert good(ROUTE).services[0].id == "b268827a-8f7f-551f-8769-e6bceb2f3ec6"


BAD = [
    ("services: []\n", "kong.yml:1: _format_version: required field missing. Write _format_version"),
    ("_format_version: 3.0\n", "kong.yml:1: _format_version: expected a string, not 3.0"),
    ('_format_version: "2.0"\n', "kong.yml:1: _format_version: expected one of: 1.1, 2.1, 3.0"),
    ('_format_version: "3.0"\nservice: []\n', "kong.yml:2: service: unknown field. Did you mean services?"),
    ('_format_version: "3.0"\n_transform: 1\n', "kong.yml:2: _transform: expected a boolean, not 1"),
    ('_format_version: "3.0"\nservices: {}\n', "kong.yml:2: services: expected an array, not a record"),
    ('_format_version: "3.0"\nservices: [x]\n', 'kong.yml:2: services[0]: expected a record, not "x"'),
    (
        '_format_version: "3.0"\nservices:\n  - name: s\n',
        "kong.yml:3: services[0].host: required field missing",
    ),
    (SERVICE + "    port: high\n", 'kong.yml:5: services[0].port: expected an integer, not "high"'),
    (
        SERVICE.replace("url: http://", "host: ") + "    port: 70000\n",
        "services[0].port: value should be between 0 and 65535, not 70000",
    ),
    (SERVICE + "    retires: 3\n", "kong.yml:5: services[0].retires: unknown field. Did you mean retries?"),
    (
        SERVICE.replace("url: http://", "host: ") + "    protocol: ftp\n",
        "services[0].protocol: expected one of: http, https, grpc",
    ),
    (SERVICE + "    path: v1\n", "services[0].path: should start with: /"),
    (SERVICE + "    enabled: maybe\n", 'services[0].enabled: expected a boolean, not "maybe"'),
    (SERVICE + "    tls_verify: true\n", "services[0].tls_verify: value must be null unless the protocol"),
    (
        SERVICE + "    connect_timeout: 0\n",
        "connect_timeout: value should be between 1 and 2.14748e+09, not 0",
    ),
    (
        '_format_version: "3.0"\nservices: [{name: s, host: "http://a"}]\n',
        "services[0].host: invalid value: http://a; a host name only",
    ),
    (
        '_format_version: "3.0"\nservices: [{name: a b, host: a}]\n',
        "services[0].name: invalid value 'a b': the only accepted ascii characters",
    ),
    (
        SERVICE + "  - name: s\n    host: b\n",
        "kong.yml:5: services[1]: uniqueness violation: 'services' entity with name set to 's' already declared. "
        "The other one is at line 3.",
    ),
    (
        ROUTE.replace("[/a]", "[a]"),
        "routes[0].paths[0]: should start with: / (fixed path) or ~/ (regex path)",
    ),
    (ROUTE.replace("[/a]", '["~/a("]'), "paths[0]: invalid regex: '/a('"),
    (ROUTE.replace("[/a]", "[/a//b]"), "paths[0]: non-normalized path, consider use '/a/b' instead"),
    (ROUTE.replace("paths: [/a]", "hosts: ['a.*.com']"), "hosts[0]: invalid wildcard: must be placed at"),
    (ROUTE.replace("paths: [/a]", "hosts: ['*.a.*']"), "hosts[0]: invalid wildcard: must have at most one"),
    (ROUTE.replace("paths: [/a]", "methods: [get]"), "methods[0]: invalid value: get"),
    (
        ROUTE.replace("paths: [/a]", "strip_path: true"),
        "routes[0]: must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'http'",
    ),
    (
        ROUTE + "        headers: {Host: [a]}\n",
        "headers: cannot contain 'host' header, which must be specified in",
    ),
    (ROUTE + "        headers: {x: a}\n", 'headers.x: expected an array, not "a"'),
    (ROUTE + "        protocols: [http]\n        snis: [a.com]\n", "'snis' can only be set when 'protocols'"),
    (ROUTE + "        protocols: []\n", "protocols: length must be at least 1"),
    (ROUTE + "        path_handling: v2\n", "path_handling: expected one of: v0, v1"),
    (ROUTE + "        https_redirect_status_code: 303\n", "expected one of: 426, 301, 302, 307, 308"),
    (ROUTE + "        regex_priority: 1.5\n", "regex_priority: expected an integer, not 1.5"),
    (ROUTE + "        id: '12'\n", "routes[0].id: expected a valid UUID"),
    (
        SERVICE + "routes:\n  - {name: r, paths: [/a], service: z}\n",
        "kong.yml:6: routes[0].service: invalid reference 'service: z' (no such entry in 'services'). "
        "Known: s.",
    ),
    (
        SERVICE + "consumers: [{tags: [a]}]\n",
        "at least one of these fields must be non-empty: 'custom_id', 'username'",
    ),
    (
        SERVICE + "consumers:\n  - {username: a, keyauth_credentials: [{key: k}]}\n"
        "  - {username: b, keyauth_credentials: [{key: k}]}\n",
        "kong.yml:7: consumers[1].keyauth_credentials[0]: uniqueness violation: 'keyauth_credentials' entity",
    ),
    (
        SERVICE + "keyauth_credentials: [{key: k}]\n",
        "keyauth_credentials[0].consumer: required field missing",
    ),
    (
        SERVICE + "consumers: [{username: a, jwt_secrets: [{key: k, algorithm: RS256}]}]\n",
        "jwt_secrets[0].rsa_public_key: required field missing: the algorithm is RS256",
    ),
    (
        SERVICE + "consumers: [{username: a, groups: [{name: gold}]}]\n",
        "consumers[0].groups: invalid reference 'gold' (no such entry in 'consumer_groups')",
    ),
    (SERVICE + "upstreams: [{name: u, hash_on: header}]\n", "hash_on_header: required field missing"),
    (SERVICE + "upstreams: [{name: u, algorithm: best}]\n", "algorithm: expected one of: consistent-hashing"),
    (
        SERVICE + "upstreams: [{name: u, targets: [{target: 'a b:1'}]}]\n",
        "targets[0].target: Invalid target ('a b:1'); not a valid hostname or ip address",
    ),
    (
        SERVICE + "upstreams: [{name: u, targets: [{target: a, weight: -1}]}]\n",
        "weight: value should be between 0",
    ),
    (SERVICE + "upstreams: [{name: u, healthchecks: {activ: {}}}]\n", "healthchecks.activ: unknown field"),
    (SERVICE + "plugins: [{config: {}}]\n", "plugins[0].name: required field missing"),
    (SERVICE + "plugins: [{name: acl, route: r, config: {allow: [a]}}]\n", "invalid reference 'route: r'"),
    (
        SERVICE + "plugins: [{name: acl, confg: {}}]\n",
        "plugins[0].confg: unknown field. Did you mean config?",
    ),
    (
        ROUTE + "        plugins: [{name: cors}, {name: cors}]\n",
        "uniqueness violation: 'cors' is bound twice to the same",
    ),
    (
        SERVICE + "consumers: [{username: a, plugins: [{name: key-auth}]}]\n",
        "consumers[0].plugins[0].consumer: value must be null: key-auth allows no consumer",
    ),
    (
        SERVICE + "plugins: [{name: cors, condition: 'http.method =='}]\n",
        "condition: 'the end' is not expected",
    ),
    (SERVICE + "    name: t\n", 'kong.yml:5: "name" stands here twice. Remove one of the two.'),
    ("a: [1\n", "kong.yml:2: not readable as YAML: "),
    ("", "kong.yml: the file is empty"),
    ("- a\n", "kong.yml:1: expected a record with a _format_version, not an array"),
]


@pytest.mark.parametrize(("text", "expected"), BAD)
def test_error_tells_line_field_and_cure(text: str, expected: str) -> None:
    told = errors(text)
    assert any(expected in line for line in told), told


def test_all_errors_are_told_at_once() -> None:
    told = errors(
        ROUTE + "        methods: [get]\n    retries: x\nplugins: [{name: nope}, {name: acl}]\nroutes: [{}]\n"
    )
    assert len(told) == 5


def test_broken_entity_is_still_known_by_its_name() -> None:
    told = errors(SERVICE + "    port: x\nroutes: [{paths: [/a], service: s}]\n")
    assert told == ['kong.yml:5: services[0].port: expected an integer, not "x"']


def test_unknown_plugins_are_all_named_with_their_places() -> None:
    told = errors(
        ROUTE + "        plugins: [{name: my-own}]\nplugins:\n  - name: key-aut\n  - name: other-one\n"
    )
    assert [line.partition(". ")[0] for line in told] == [
        "kong.yml:8: UnknownPlugin: services[0].routes[0].plugins[0]: plugin 'my-own' is unknown",
        "kong.yml:10: UnknownPlugin: plugins[0]: plugin 'key-aut' is unknown",
        "kong.yml:11: UnknownPlugin: plugins[1]: plugin 'other-one' is unknown",
    ]
    assert "Did you mean key-auth?" in told[1]


def test_plugin_that_is_known_but_not_run_is_a_warning() -> None:
    text = SERVICE + "plugins: [{name: openid-connect, config: {issuer: https://i}}]\n"
    (told,) = warnings(text)
    assert told.startswith("kong.yml:5: PluginNotRun: plugins[0]: openid-connect is not run here")


def test_comments_and_ignored_parts_are_skipped_everywhere() -> None:
    good(
        ROUTE
        + "        _comment: a route\n        plugins: [{name: cors, _comment: x, config: {_comment: y}}]\n"
        + "_comment: all\n_ignore: [anything]\n"
    )


def test_entities_without_use_here_are_warnings() -> None:
    assert warnings(SERVICE + "key_sets: [{name: k}]\n") == [
        "kong.yml:5: key_sets: known to Kong, but nothing here uses it"
    ]


def test_file_of_deck_with_defaults_shared_configs_and_environment() -> None:
    configuration, findings = read(
        """
        _format_version: "3.0"
        _info:
          select_tags: [a]
          defaults:
            service: {retries: 2}
            route: {strip_path: false}
        _plugin_configs:
          limits: {minute: 5, policy: local}
        services:
          - name: s
            host: ${{ env "DECK_HOST" }}
            routes: [{name: r, paths: [/a]}]
        plugins:
          - name: rate-limiting
            _config: limits
            config: {hour: 50}
        """,
        DECK_HOST="b.test",
    )
    assert not findings.errors
    assert configuration is not None
    assert configuration.services[0].host == "b.test"
    assert configuration.services[0].retries == 2
    assert configuration.routes[0].strip_path is False
    config = configuration.plugins[0].config
    assert (config["minute"], config["hour"]) == (5, 50)


def test_environment_variable_that_is_not_set_is_an_error() -> None:
    (told,) = errors(SERVICE + '    tags: ["${{ env "DECK_NOT_THERE" }}"]\n')
    assert told.startswith("kong.yml:5: the environment variable DECK_NOT_THERE is not set")


def test_aliases_and_merges_are_followed() -> None:
    configuration = good(
        '_format_version: "3.0"\nservices:\n  - &a {name: s, host: a.test, retries: 1}\n  - {<<: *a, name: t}\n'
    )
    assert [(each.name, each.retries) for each in configuration.services] == [("s", 1), ("t", 1)]


def test_bomb_of_aliases_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]")
    (told,) = errors("\n".join(lines))
    assert "nested too deep, or too large" in told


def test_json_is_read_too() -> None:
    text = '{"_format_version": "3.0", "services": [{"name": "s",\n "host": 5}]}'
    assert errors(text, "kong.json") == [
        "kong.json:2: services[0].host: expected a string, not 5. Put it in quotes."
    ]


def test_consumers_have_credentials_groups_and_consumer_groups() -> None:
    configuration = good(
        SERVICE
        + """
consumer_groups:
  - name: gold
    consumers: [{username: b}]
consumers:
  - username: a
    custom_id: "1"
    groups: [{name: gold}]
    acls: [{group: x}, {group: y}]
    basicauth_credentials: [{username: u, password: p}]
  - username: b
acls: [{group: z, consumer: b}]
jwt_secrets: [{key: k, secret: s, consumer: {username: a}}]
"""
    )
    one, other = configuration.consumers
    assert (one.acls, one.groups) == (("x", "y"), ("gold",))
    assert (other.acls, other.groups) == (("z",), ("gold",))
    assert [each.kind for each in configuration.credentials] == ["basicauth_credentials", "jwt_secrets"]
    assert configuration.consumer("1") is one


def test_targets_default_to_port_8000() -> None:
    configuration = good(
        SERVICE + "upstreams: [{name: u, targets: [{target: a}, {target: 'b:1', weight: 0}]}]\n"
        "targets: [{target: '[::1]:9', upstream: u}]\n"
    )
    (upstream,) = configuration.upstreams
    assert [(each.host, each.port, each.weight) for each in upstream.targets] == [
        ("a", 8000, 100),
        ("b", 1, 0),
        ("::1", 9, 100),
    ]


def test_file_is_known_by_its_format_version(tmp_path: Path) -> None:
    kong = write(tmp_path, SERVICE)
    other = write(tmp_path, "openapi: 3.0.0\n", "api.yaml")
    as_json = write(tmp_path, '{"_format_version": "3.0"}', "kong.json")
    assert [is_declarative(path) for path in (kong, other, as_json, tmp_path)] == [True, False, True, False]
    assert alone([kong]) == kong
    assert alone([tmp_path]) is None
    with pytest.raises(ValueError, match="served alone"):
        alone([kong, tmp_path])


def test_file_that_is_not_there(tmp_path: Path) -> None:
    findings = Findings()
    assert read_configuration(tmp_path / "no.yml", findings) is None
    assert "No such file" in str(findings.errors[0])


def test_stream_routes_and_grpc_services_are_told() -> None:
    told = warnings(
        '_format_version: "3.0"\nservices: [{name: s, host: a, protocol: tcp, port: 1}]\n'
        "routes: [{name: r, protocols: [tcp], service: s}]\n"
    )
    assert len(told) == 2
    assert all("not" in line for line in told)
