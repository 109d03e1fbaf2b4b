"""References to secrets are filled in where Kong looks them up, and told of where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from apiproxy_runtime.bundle.finding import Findings
from apiproxy_runtime.kong.document import read_document
from apiproxy_runtime.kong.vault import Unresolved, resolve

PREFIXES = {"env": "", "mine": "APP_"}
VARIABLES = {
    "LOG_URL": "http://log.test/a",
    "APP_TOKEN": "t",
    "LOGIN": '{"user": "u", "age": 7}',
    "A/B": "slash",
}


@pytest.mark.parametrize(
    ("reference", "secret"),
    [
        ("vault://env/log-url", "http://log.test/a"),
        ("vault://env/LOG_URL", "http://log.test/a"),
        ("vault://mine/token", "t"),
        ("vault://env/token?prefix=app_", "t"),
        ("vault://env/login/user", "u"),
        ("vault://env/a/b/", "slash"),
    ],
)
def test_the_environment_is_read_as_kong_reads_it(reference: str, secret: str) -> None:
    assert resolve(reference, PREFIXES, VARIABLES) == secret


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("vault://env/token", "the environment variable TOKEN is not set: export TOKEN="),
        ("vault://hcv/secret/key", "there is no vault 'hcv' here"),
        ("vault://env/", "it names no secret"),
        ("vault://[env/key", "it is no URL (Invalid IPv6 URL): write {vault://env/NAME}"),
        ("vault://env/login/age", "LOGIN holds no JSON object with a text 'age'"),
        ("vault://env/log-url/member", "LOG_URL holds no JSON object"),
    ],
)
def test_what_has_no_value_says_how_to_mend_it(reference: str, told: str) -> None:
    with pytest.raises(Unresolved) as error:
        resolve(reference, PREFIXES, VARIABLES)
    assert told in str(error.value)


LOGS = """_format_version: "3.0"
vaults: [{name: env, prefix: mine, config: {prefix: APP_}}]
plugins:
  - name: http-log
    config:
      http_endpoint: "{vault://env/log-url}"
      headers: {X-Token: "{vault://mine/token}"}
  - name: request-transformer
    config:
      add: {headers: ["Authorization:{vault://env/log-url}"]}
certificates:
  - cert: "{vault://env/log-url}"
    key: plain
"""


def filled(folder: Path, text: str) -> tuple[object, list[str], list[str]]:
    """The document, its errors and its warnings."""
    file = folder / "kong.yml"
    file.write_text(text)
    findings = Findings()
    root = read_document(file, findings, VARIABLES)
    assert root is not None
    told = [
        [str(one).removeprefix(f"{folder}/") for one in some] for some in (findings.errors, findings.warnings)
    ]
    return root.plain(), told[0], told[1]


def test_secrets_stand_where_the_fields_are_referenceable(tmp_path: Path) -> None:
    document, wrong, warned = filled(tmp_path, LOGS)
    assert isinstance(document, dict)
    log, transformer = (plugin["config"] for plugin in document["plugins"])
    assert log == {"http_endpoint": "http://log.test/a", "headers": {"X-Token": "t"}}
    assert document["certificates"][0]["cert"] == "http://log.test/a"
    assert transformer["add"]["headers"] == ["Authorization:{vault://env/log-url}"]
    assert wrong == []
    assert [line.partition(": ")[0] for line in warned] == ["kong.yml:10"]
    assert "takes the reference as it stands" in warned[0]


def test_a_vault_that_is_not_here_is_an_error_with_its_line(tmp_path: Path) -> None:
    _, wrong, _ = filled(tmp_path, LOGS.replace("{vault://mine/", "{vault://aws/"))
    (told,) = wrong
    assert told.startswith("kong.yml:7: {vault://aws/token}: there is no vault 'aws' here")
