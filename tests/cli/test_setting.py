"""`--setting` reaches policies, with `call` and with `serve`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.house import proxy, steps, write_bundle

APIPROXY = [sys.executable, "-m", "apiproxy_runtime"]
#: a secret and a token signed with it, of another issuer than the policy wants
MAKE = """<GenerateJWT name="GJ"><Algorithm>HS256</Algorithm><SecretKey><Value ref="private.k"/></SecretKey>
<Issuer>somebody</Issuer><ExpiresIn>1h</ExpiresIn><OutputVariable>token</OutputVariable></GenerateJWT>"""
CHECK = """<VerifyJWT name="VJ"><Algorithm>HS256</Algorithm><SecretKey><Value ref="private.k"/></SecretKey>
<Issuer>somebody-else</Issuer><Source>token</Source></VerifyJWT>"""
KEY = """<AssignMessage name="AM"><AssignVariable><Name>private.k</Name>
<Value>0123456789abcdef0123456789abcdef</Value></AssignVariable></AssignMessage>"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = {
        "proxies/default.xml": proxy(
            "/t", request=steps("AM", "GJ", "VJ"), routes='<RouteRule name="none"/>'
        ),
        "policies/AM.xml": KEY,
        "policies/GJ.xml": MAKE,
        "policies/VJ.xml": CHECK,
    }
    write_bundle(tmp_path, "tokens", files)
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*APIPROXY, *arguments], capture_output=True, text=True, cwd=folder, timeout=60)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ((), "steps.jwt.JwtIssuerMismatch"),
        (("--setting", "jwt.claim-faults=InvalidClaim"), "steps.jwt.InvalidClaim"),
    ],
)
def test_call_tells_policies(folder: Path, settings: tuple[str, ...], code: str) -> None:
    done = run(folder, "call", "GET", "/t", "--bundle", "tokens", "--no-trace", *settings)
    assert code in done.stdout


@pytest.mark.parametrize(
    "command", [("serve", "--check", "tokens"), ("call", "GET", "/t", "--bundle", "tokens")]
)
def test_an_unknown_setting_is_refused_with_those_there_are(folder: Path, command: tuple[str, ...]) -> None:
    done = run(folder, *command, "--setting", "claim-faults=x")
    assert done.returncode == 2
    assert (
        "there is no 'claim-faults'; there are javacallout.timeout.millis, jwt.claim-faults, profile"
        in done.stderr
    )


def test_serve_checks_the_value(folder: Path) -> None:
    done = run(folder, "serve", "--check", "tokens", "--setting", "javacallout.timeout.millis=soon")
    assert done.returncode == 2
    assert "must be a positive number of milliseconds, not 'soon'" in done.stderr


def test_a_kong_configuration_takes_no_settings(folder: Path) -> None:
    (folder / "kong.yml").write_text('_format_version: "3.0"\n')
    done = run(folder, "serve", "--check", "kong.yml", "--setting", "profile=apigee")
    assert done.returncode == 2
    assert "--setting speaks to policies of bundles" in done.stderr
