"""HMAC: what is hashed, how the result is written, and when it is refused."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from tests.policies.kit import compile_policy, context, deploy_errors, fault_of, read, request, run

#: of the message `abc` with the key `Secret123` and SHA-256
KNOWN = "a7938720fe5749d31076e6961360364c0cd271443f1b580779932c244293bc94"
KEY = '<SecretKey ref="private.key"/>'
VARIABLES = {"private.key": "Secret123"}


def policy(content: str = "", *, algorithm: str = "SHA-256", key: str = KEY, message: str = "abc") -> str:
    return f"""<HMAC name="H"><Algorithm>{algorithm}</Algorithm>{key}
      <Message>{message}</Message>{content}</HMAC>"""


async def result(text: str, variables: dict[str, Any] | None = None, name: str = "hmac.H.output") -> Any:
    ctx = await run(compile_policy(text), context(variables={**VARIABLES, **(variables or {})}))
    return read(ctx, name)


HEX = '<Output encoding="hex"/>'


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ('encoding="hex"', KNOWN),
        ('encoding="base16"', KNOWN),
        ('encoding="HEX"', KNOWN),
        ('encoding="base64"', base64.b64encode(bytes.fromhex(KNOWN)).decode()),
        ('encoding="base64url"', base64.urlsafe_b64encode(bytes.fromhex(KNOWN)).decode().rstrip("=")),
        ("", base64.b64encode(bytes.fromhex(KNOWN)).decode()),
    ],
)
async def test_known_value_in_every_encoding(encoding: str, expected: str) -> None:
    assert await result(policy(f"<Output {encoding}/>")) == expected


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [
        ("SHA-1", "sha1"),
        ("SHA-224", "sha224"),
        ("sha256", "sha256"),
        ("Sha384", "sha384"),
        ("SHA512", "sha512"),
        ("MD-5", "md5"),
        ("md5", "md5"),
    ],
)
async def test_algorithms_whatever_their_spelling(algorithm: str, name: str) -> None:
    expected = hmac.new(b"Secret123", b"abc", getattr(hashlib, name)).hexdigest()
    assert await result(policy(HEX, algorithm=algorithm)) == expected


@pytest.mark.parametrize(
    ("encoding", "secret"),
    [
        ("hex", b"Secret123".hex()),
        ("base16", b"Secret123".hex()),
        ("base64", "U2VjcmV0MTIz"),
        ("base64url", "U2VjcmV0MTIz"),
        ("UTF-8", "Secret123"),
        ("utf8", "Secret123"),
    ],
)
async def test_secret_is_decoded_as_its_encoding_says(encoding: str, secret: str) -> None:
    key = KEY.replace("<SecretKey", f'<SecretKey encoding="{encoding}"')
    assert await result(policy(HEX, key=key), {"private.key": secret}) == KNOWN


async def test_blanks_of_the_message_count() -> None:
    expected = hmac.new(b"Secret123", b"\n  abc ", hashlib.sha256).hexdigest()
    assert await result(policy(HEX, message="\n  abc ")) == expected


async def test_message_is_a_template() -> None:
    assert await result(policy(HEX, message="{a}b{c}"), {"a": "a", "c": "c"}) == KNOWN


async def test_message_of_a_variable_is_a_template_too() -> None:
    text = policy(HEX).replace("<Message>abc</Message>", '<Message ref="source"/>')
    assert await result(text, {"source": "a{b}c", "b": "b"}) == KNOWN
    step = compile_policy(text)
    for _ in range(2):
        body = '{"amount": 7}'
        ctx = await run(step, context(variables={**VARIABLES, "source": body}))
        assert read(ctx, "hmac.H.message") == body


async def test_text_stands_in_for_a_missing_message_variable() -> None:
    text = policy(HEX).replace("<Message>", '<Message ref="source">')
    assert await result(text) == KNOWN


async def test_output_goes_to_a_variable_of_choice() -> None:
    ctx = await run(
        compile_policy(policy('<Output encoding="hex">request.header.x-signature</Output>')),
        context(variables=VARIABLES),
    )
    assert ctx.request.headers.get("X-Signature") == KNOWN
    assert read(ctx, "hmac.H.output") is None
    assert read(ctx, "hmac.H.outputencoding") == "hex"
    assert read(ctx, "hmac.H.message") == "abc"


@pytest.mark.parametrize(
    "verification",
    [
        f'<VerificationValue encoding="hex">{KNOWN}</VerificationValue>',
        f'<VerificationValue encoding="base16">{KNOWN.upper()}</VerificationValue>',
        '<VerificationValue encoding="hex" ref="request.header.x-signature"/>',
        f"<VerificationValue>{base64.b64encode(bytes.fromhex(KNOWN)).decode()}</VerificationValue>",
        f'<VerificationValue encoding="hex" ref="absent">{KNOWN}</VerificationValue>',
    ],
)
async def test_expected_value_passes_whatever_its_encoding(verification: str) -> None:
    ctx = context(request(headers={"X-Signature": KNOWN}), variables=VARIABLES)
    await run(compile_policy(policy(verification)), ctx)
    assert read(ctx, "hmac.H.output") == base64.b64encode(bytes.fromhex(KNOWN)).decode()


@pytest.mark.parametrize("value", ["00" * 32, KNOWN[:-2], "xyz"])
async def test_another_value_is_refused_and_the_result_is_there(value: str) -> None:
    verification = f'<VerificationValue encoding="hex">{value}</VerificationValue>'
    ctx = context(variables=VARIABLES)
    fault = await fault_of(compile_policy(policy(verification)), ctx)
    assert (fault.code, fault.status) == ("steps.hmac.HmacVerificationFailed", 401)
    assert read(ctx, "hmac.H.outputencoding") == "base64"


@pytest.mark.parametrize(
    ("text", "variables", "code", "detail"),
    [
        (policy(), {"private.key": None}, "UnresolvedVariable", "private.key"),
        (policy(), {"private.key": ""}, "EmptySecretKey", "H"),
        (policy(key=KEY.replace("<SecretKey", '<SecretKey encoding="hex"')), {}, "HmacCalculationFailed", "H"),
        (policy(key=KEY.replace("<SecretKey", '<SecretKey encoding="base64"')), {}, "HmacCalculationFailed", "H"),
        (policy(message="{gone}"), {}, "UnresolvedVariable", "gone"),
        (policy().replace("<Message>abc</Message>", '<Message ref="gone"/>'), {}, "UnresolvedVariable", "gone"),
        (policy('<VerificationValue ref="gone"/>'), {}, "UnresolvedVariable", "gone"),
        (policy('<VerificationValue ref="empty"/>'), {"empty": ""}, "EmptyVerificationValue", "H"),
        (policy("<VerificationValue/>"), {}, "EmptyVerificationValue", "H"),
    ],
)  # fmt: skip
async def test_faults(text: str, variables: dict[str, Any], code: str, detail: str) -> None:
    fault = await fault_of(compile_policy(text), context(variables={**VARIABLES, **variables}))
    assert (fault.code, fault.status) == (f"steps.hmac.{code}", 401)
    assert detail in fault.text


async def test_ignoring_unresolved_variables_holds_for_the_message_alone() -> None:
    ignore = "<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables>"
    assert await result(policy(HEX + ignore, message="a{gone}bc")) == KNOWN
    for text, variables in (
        (policy(ignore), {"private.key": None}),
        (policy(ignore + '<VerificationValue ref="gone"/>'), {}),
    ):
        fault = await fault_of(compile_policy(text), context(variables={**VARIABLES, **variables}))
        assert fault.code == "steps.hmac.UnresolvedVariable"


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (policy(), []),
        ('<HMAC name="H"/>', ["MissingConfigurationElement"] * 3),
        (policy(algorithm=""), ["MissingConfigurationElement"]),
        (policy(algorithm="SHA-3"), ["InvalidValueForElement"]),
        (policy(key="<SecretKey/>"), ["MissingConfigurationElement"]),
        (policy(key="<SecretKey>abc</SecretKey>"), ["InvalidSecretInConfig"]),
        (policy(key='<SecretKey ref="key"/>'), ["InvalidVariableName"]),
        (policy(message=""), ["MissingConfigurationElement"]),
    ],
)
def test_deploy_errors(text: str, errors: list[str]) -> None:
    assert deploy_errors(text) == [f"steps.hmac.{error}" for error in errors]
