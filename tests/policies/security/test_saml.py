"""GenerateSAMLAssertion and ValidateSAMLAssertion: what is signed, who is believed, and what cannot be smuggled in."""

from __future__ import annotations

import copy
import sys
from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from signxml import SignatureConfiguration, XMLSigner, XMLVerifier
from signxml.algorithms import DigestAlgorithm, SignatureMethod

from apiproxy_runtime.message.context import MessageContext
from apiproxy_runtime.message.fault import Fault
from apiproxy_runtime.message.message import Message
from apiproxy_runtime.world import FrozenWorld
from tests.house import house, proxy, steps, target, write_bundle
from tests.policies.kit import (
    compile_policy,
    context,
    deploy_errors,
    fault_of,
    findings_of,
    read,
    request,
    run,
)
from tests.policies.security.certificates import (
    certificate,
    environment,
    signer,
    trusting,
)
from tests.policies.security.tokens import NOW, rsa_key

SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
DS = "http://www.w3.org/2000/09/xmldsig#"
NS = {"s": SAML, "ds": DS}
INSTANT = "2023-11-14T22:13:20Z"
ENVELOPE = '<e:Envelope xmlns:e="urn:soap"><e:Header> keep </e:Header><e:Body>b</e:Body></e:Envelope>'


def making(
    content: str = "<Issuer>urn://idp</Issuer><Subject>ada</Subject>",
    output: str = "<FlowVariable>out</FlowVariable>",
    attributes: str = 'ignoreContentType="true"',
) -> str:
    return f"""<GenerateSAMLAssertion name="G" {attributes}>{content}
      <KeyStore><Name>signers</Name><Alias>signing</Alias></KeyStore>
      <OutputVariable>{output}</OutputVariable></GenerateSAMLAssertion>"""


def xml(body: str | bytes, type: str = "application/xml") -> Message:
    return request("POST", body=body, type=type)


async def made(text: str, ctx: MessageContext | None = None, **parts: Any) -> MessageContext:
    step = compile_policy(text, environment=environment(signer()), world=FrozenWorld(NOW), **parts)
    return await run(step, ctx)


# ---- making


async def test_assertion_names_issuer_and_subject_and_is_signed_behind_the_issuer() -> None:
    ctx = await made(
        making('<Issuer ref="who">x</Issuer><Subject ref="user"/>'),
        context(variables={"who": "urn://idp", "user": "ada"}),
    )
    assertion = etree.fromstring(read(ctx, "out"))
    assert [child.tag for child in assertion] == [
        f"{{{SAML}}}Issuer",
        f"{{{DS}}}Signature",
        f"{{{SAML}}}Subject",
    ]
    assert assertion.findtext("s:Issuer", namespaces=NS) == "urn://idp"
    assert assertion.findtext("s:Subject/s:NameID", namespaces=NS) == "ada"
    assert assertion.get("Version") == "2.0"
    assert assertion.get("IssueInstant") == "2023-11-14T22:13:20.000Z"
    assert (assertion.get("ID") or "").startswith("_")


@pytest.mark.parametrize(
    ("element", "method", "digest"),
    [
        ("", SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1),
        ("<SignatureAlgorithm/>", SignatureMethod.RSA_SHA1, DigestAlgorithm.SHA1),
        (
            "<SignatureAlgorithm>SHA256</SignatureAlgorithm>",
            SignatureMethod.RSA_SHA256,
            DigestAlgorithm.SHA256,
        ),
        (
            "<SignatureAlgorithm>SHA256</SignatureAlgorithm><DigestMethod>SHA512</DigestMethod>",
            SignatureMethod.RSA_SHA256,
            DigestAlgorithm.SHA512,
        ),
    ],
)
async def test_signature_is_of_the_algorithms_asked_for(
    element: str, method: SignatureMethod, digest: DigestAlgorithm
) -> None:
    ctx = await made(making("<Issuer>urn://idp</Issuer>" + element))
    config = SignatureConfiguration(
        location="./",
        signature_methods=frozenset([method]),
        digest_algorithms=frozenset([digest]),
        verification_time=certificate("signer", "one").not_valid_before_utc,
    )
    result = XMLVerifier().verify(
        read(ctx, "out").encode(), x509_cert=certificate("signer", "one"), expect_config=config
    )
    assert result.signed_xml.findtext("s:Issuer", namespaces=NS) == "urn://idp"
    canonical = etree.fromstring(read(ctx, "out")).find(".//ds:CanonicalizationMethod", NS)
    assert canonical.get("Algorithm") == "http://www.w3.org/2001/10/xml-exc-c14n#"


TEMPLATE = f"""<Template{{}}><![CDATA[
  <saml:Assertion xmlns:saml="{SAML}" Version="2.0" IssueInstant="{INSTANT}"{{}}>
    <saml:Issuer>{{{{idp}}}}</saml:Issuer>
    <saml:Subject><saml:NameID>{{{{user}}}}</saml:NameID></saml:Subject>
  </saml:Assertion>]]></Template>"""


async def test_template_is_filled_and_signed() -> None:
    template = TEMPLATE.format("", ' ID="mine"')
    ctx = await made(
        making("<Issuer>x</Issuer>" + template), context(variables={"idp": "urn://other", "user": "eve"})
    )
    assertion = etree.fromstring(read(ctx, "out"))
    assert assertion.get("ID") == "mine"
    assert assertion.findtext("s:Issuer", namespaces=NS) == "urn://other"
    assert assertion[1].tag == f"{{{DS}}}Signature"


async def test_variable_of_the_template_that_is_not_set_is_a_fault_unless_ignored() -> None:
    text = making("<Issuer>x</Issuer>" + TEMPLATE.format("", ""))
    step = compile_policy(text, environment=environment(signer()))
    assert (await fault_of(step, context(variables={"user": "eve"}))).code == "entities.UnresolvedVariable"
    ignoring = making("<Issuer>x</Issuer>" + TEMPLATE.format(' ignoreUnresolvedVariables="true"', ""))
    ctx = await made(ignoring)
    assert etree.fromstring(read(ctx, "out")).findtext("s:Issuer", namespaces=NS) in (None, "")


MESSAGE = """<Message name="request"><Namespaces><Namespace prefix="e">urn:soap</Namespace></Namespaces>
  <XPath>/e:Envelope/e:Header</XPath></Message>"""


async def test_assertion_is_put_into_a_message() -> None:
    ctx = await made(
        making(output="<FlowVariable>out</FlowVariable>" + MESSAGE, attributes=""), context(xml(ENVELOPE))
    )
    header = etree.fromstring(ctx.request.body).find("{urn:soap}Header")
    assert header is not None
    assert [child.tag for child in header] == [f"{{{SAML}}}Assertion"]
    assert header.text == " keep "
    assert read(ctx, "out").startswith("<saml:Assertion")


@pytest.mark.parametrize(
    ("type", "passes"),
    [
        ("text/xml", True),
        ("application/xml; charset=utf-8", True),
        ("application/soap+xml", True),
        ("application/json", False),
        ("application/xmlish", False),
        ("", False),
    ],
)
async def test_message_must_be_xml(type: str, passes: bool) -> None:
    ctx = context(request("POST", body=ENVELOPE, type=type or None))
    if passes:
        await made(making(attributes=""), ctx)
        return
    fault = await fault_of(compile_policy(making(attributes=""), environment=environment(signer())), ctx)
    assert (fault.code, fault.status, fault.text) == (
        "steps.saml.generate.InvalidMediaTpe",
        500,
        "GenerateSAMLAssertion[G]: Invalid media type",
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (making().replace("<Alias>signing", "<Alias>other"), "security.util.KeyAliasNotFound"),
        (making().replace("<Name>signers", "<Name>other"), "security.util.KeyAliasNotFound"),
        (making("<Issuer>x</Issuer><Template>no xml</Template>"), "steps.saml.generate.GenerationFailed"),
        (making("<Issuer>x</Issuer><Template><a/></Template>"), "steps.saml.generate.GenerationFailed"),
        (making(output=MESSAGE.replace("/e:Header", "/e:Nowhere")), "steps.saml.generate.GenerationFailed"),
        (making(output=MESSAGE.replace('"request"', '"response"')), "steps.saml.generate.GenerationFailed"),
    ],
)
async def test_faults_of_making(text: str, code: str) -> None:
    step = compile_policy(text, environment=environment(signer()))
    fault = await fault_of(step, context(xml(ENVELOPE)))
    assert (fault.code, fault.status) == (code, 500)


async def test_message_that_is_no_xml_cannot_take_an_assertion() -> None:
    step = compile_policy(making(output=MESSAGE), environment=environment(signer()))
    assert (await fault_of(step, context(xml("plain")))).code == "steps.saml.generate.GenerationFailed"


async def test_keystore_may_be_named_by_variables_and_references() -> None:
    store = "<Name ref='store'/><Alias ref='alias'/>"
    text = making().replace("<Name>signers</Name><Alias>signing</Alias>", store)
    step = compile_policy(text, environment=environment(signer(), references={"current": "signers"}))
    for name in ("signers", "ref://current"):
        ctx = await run(step, context(variables={"store": name, "alias": "signing"}))
        assert "Assertion" in read(ctx, "out")


# ---- validating


def assertion_xml(
    id: str = "a1", subject: str = "ada", conditions: str = "", more: str = "", issuer: str = "urn://idp"
) -> str:
    return f"""<saml:Assertion xmlns:saml="{SAML}" ID="{id}" Version="2.0" IssueInstant="{INSTANT}">
  <saml:Issuer>{issuer}</saml:Issuer>
  <saml:Subject><saml:NameID Format="urn:mail">{subject}</saml:NameID></saml:Subject>{conditions}{more}</saml:Assertion>"""


def signed(
    text: str, key: str = "one", certificates: tuple[Any, ...] | None = None, reference: str = "a1"
) -> etree._Element:
    """An element with an enveloped signature, made by signxml and not by the policy."""
    engine = XMLSigner(c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    chain = [certificate("signer", key)] if certificates is None else list(certificates)
    return engine.sign(
        etree.fromstring(text),
        key=rsa_key(key),
        cert=chain or None,
        reference_uri=f"#{reference}",
        id_attribute="ID",
    )


def wrapped(*parts: etree._Element | str) -> bytes:
    text = "".join(
        part if isinstance(part, str) else etree.tostring(part, encoding="unicode") for part in parts
    )
    return f'<e:Envelope xmlns:e="urn:soap"><e:Header>{text}</e:Header><e:Body/></e:Envelope>'.encode()


NAMESPACES = f"""<Namespaces><Namespace prefix="e">urn:soap</Namespace>
  <Namespace prefix="s">{SAML}</Namespace><Namespace prefix="p">urn:protocol</Namespace></Namespaces>"""
XPATH = "<XPath>/e:Envelope/e:Header/s:Assertion</XPath>"


def checking(paths: str = XPATH, more: str = "", attributes: str = "", source: str = 'name="request"') -> str:
    return f"""<ValidateSAMLAssertion name="V" {attributes}><Source {source}>{NAMESPACES}{paths}</Source>
      <TrustStore>trusted</TrustStore>{more}</ValidateSAMLAssertion>"""


TRUSTED = (certificate("signer", "one"),)


async def validated(
    body: bytes,
    text: str = "",
    *,
    trusted: tuple[Any, ...] = TRUSTED,
    now: float = NOW,
    ctx: MessageContext | None = None,
) -> MessageContext:
    step = compile_policy(
        text or checking(), environment=environment(trusting(*trusted)), world=FrozenWorld(now)
    )
    return await run(step, ctx or context(xml(body)))


async def refused(
    body: bytes,
    text: str = "",
    *,
    trusted: tuple[Any, ...] = TRUSTED,
    now: float = NOW,
    type: str = "text/xml",
) -> Fault:
    step = compile_policy(
        text or checking(), environment=environment(trusting(*trusted)), world=FrozenWorld(now)
    )
    return await fault_of(step, context(xml(body, type)))


ATTRIBUTES = """<saml:AuthnStatement AuthnInstant="2023-11-14T22:00:00Z" SessionIndex="s9"
    SessionNotOnOrAfter="2023-11-15T00:00:00Z"><saml:AuthnContext>
    <saml:AuthnContextClassRef>urn:password</saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>
  <saml:AttributeStatement><saml:Attribute Name="mail"><saml:AttributeValue>ada@x</saml:AttributeValue></saml:Attribute>
  <saml:Attribute Name="role"><saml:AttributeValue>a</saml:AttributeValue><saml:AttributeValue>b</saml:AttributeValue>
  </saml:Attribute></saml:AttributeStatement>"""


async def test_genuine_assertion_passes_and_is_shown() -> None:
    confirmation = """</saml:NameID><saml:SubjectConfirmation Method="urn:bearer"><saml:SubjectConfirmationData
      Address="192.0.2.7" InResponseTo="q1" Recipient="https://sp"/></saml:SubjectConfirmation>"""
    text = assertion_xml(more=ATTRIBUTES).replace("</saml:NameID>", confirmation)
    ctx = await validated(wrapped(signed(text)))
    expected = {
        "saml.id": "a1",
        "saml.issuer": "urn://idp",
        "saml.subject": "ada",
        "saml.subjectFormat": "urn:mail",
        "saml.issueInstant": INSTANT,
        "saml.scmethod": "urn:bearer",
        "saml.scdaddress": "192.0.2.7",
        "saml.scdinresponse": "q1",
        "saml.scdrcpt": "https://sp",
        "saml.authnSnooa": "2023-11-15T00:00:00Z",
        "saml.authnContextClassRef": "urn:password",
        "saml.authnInstant": "2023-11-14T22:00:00Z",
        "saml.authnSessionIndex": "s9",
        "saml.attributeNames": ["mail", "role"],
        "saml.attribute.mail": "ada@x",
        "saml.attribute.role": ["a", "b"],
        "saml.valid": True,
    }
    assert {name: read(ctx, name) for name in expected} == expected


async def test_what_one_policy_makes_the_other_believes() -> None:
    ctx = await made(making(output=MESSAGE, attributes=""), context(xml(ENVELOPE)))
    await validated(b"", ctx=ctx)
    assert (read(ctx, "saml.subject"), read(ctx, "saml.issuer")) == ("ada", "urn://idp")


async def test_signed_response_vouches_for_the_assertion_in_it() -> None:
    response = f'<p:Response xmlns:p="urn:protocol" ID="r1">{assertion_xml()}</p:Response>'
    paths = """<AssertionXPath>//p:Response/s:Assertion</AssertionXPath>
      <SignedElementXPath>//p:Response</SignedElementXPath>"""
    body = wrapped(signed(response, reference="r1"))
    assert read(await validated(body, checking(paths)), "saml.subject") == "ada"
    assert (
        await refused(body.replace(b">ada<", b">eve<"), checking(paths))
    ).name == "SignatureValidationFailed"


async def test_changed_assertion_is_refused() -> None:
    fault = await refused(wrapped(signed(assertion_xml())).replace(b">ada<", b">eve<"))
    assert (fault.code, fault.status) == ("steps.saml.validate.SignatureValidationFailed", 401)
    assert fault.text == "ValidateSAMLAssertion[V]: Signature validation failed"
    assert fault.variables == {"saml.valid": False}


async def test_signer_must_be_trusted() -> None:
    assert (await refused(wrapped(signed(assertion_xml(), "other")))).name == "SignatureValidationFailed"
    assert (await refused(wrapped(signed(assertion_xml())), trusted=())).name == "SignatureValidationFailed"
    missing = checking().replace("<TrustStore>trusted", "<TrustStore>nowhere")
    assert (await refused(wrapped(signed(assertion_xml())), missing)).name == "SignatureValidationFailed"


async def test_key_inside_the_signature_is_not_believed() -> None:
    """The signature is right by the certificate it carries, which the attacker made."""
    forged = signed(assertion_xml(subject="eve"), "other", (certificate("signer", "other"),))
    assert (await refused(wrapped(forged))).name == "SignatureValidationFailed"


async def test_signature_without_certificate_is_tried_with_the_trusted_ones() -> None:
    bare = signed(assertion_xml())
    information = bare.find("ds:Signature/ds:KeyInfo", NS)
    information.getparent().remove(information)
    trusted = (certificate("signer", "other"), certificate("signer", "one"))
    assert read(await validated(wrapped(bare), trusted=trusted), "saml.valid") is True


ROOT = certificate("root", "root", authority=True)
MIDDLE = certificate("middle", "middle", "root", "root", authority=True)
LEAF = certificate("leaf", "one", "middle", "middle")


@pytest.mark.parametrize(
    ("chain", "trusted", "passes"),
    [
        ((LEAF,), (MIDDLE,), True),
        ((LEAF, MIDDLE), (ROOT,), True),
        ((LEAF,), (ROOT,), False),
        ((LEAF,), (ROOT, MIDDLE), True),
        ((certificate("leaf", "one", "signer", "other"),), (certificate("signer", "other"),), False),
        ((certificate("leaf", "one", "root", "root", days=-1),), (ROOT,), False),
    ],
    ids=["issued", "by way of another", "gap", "both trusted", "issuer is no authority", "expired"],
)
async def test_chain_of_issuers(chain: tuple[Any, ...], trusted: tuple[Any, ...], passes: bool) -> None:
    body = wrapped(signed(assertion_xml(), certificates=chain))
    if passes:
        await validated(body, trusted=trusted)
    else:
        assert (await refused(body, trusted=trusted)).name == "SignatureValidationFailed"


@pytest.mark.parametrize(
    ("conditions", "now", "code"),
    [
        ('NotBefore="2023-11-14T22:13:20Z" NotOnOrAfter="2023-11-14T22:13:21Z"', NOW, ""),
        ('NotBefore="2023-11-14T22:13:21Z"', NOW, "AssertionExpired"),
        ('NotOnOrAfter="2023-11-14T22:13:20Z"', NOW, "AssertionExpired"),
        ('NotOnOrAfter="2023-11-14T23:13:20.500+01:00"', NOW, ""),
        ('NotOnOrAfter="2023-11-14T22:13:19.999Z"', NOW, "AssertionExpired"),
        ('NotOnOrAfter="soon"', NOW, "InvalidAssertion"),
        ("", NOW + 3600, ""),
    ],
)
async def test_conditions_are_held_against_the_clock(conditions: str, now: float, code: str) -> None:
    body = wrapped(signed(assertion_xml(conditions=f"<saml:Conditions {conditions}/>")))
    if not code:
        await validated(body, now=now)
        return
    fault = await refused(body, now=now)
    assert (fault.code, fault.status) == (f"steps.saml.validate.{code}", 401)


async def test_unsigned_assertion_is_refused() -> None:
    fault = await refused(wrapped(assertion_xml()))
    assert (fault.code, fault.status) == ("steps.saml.validate.MissingSignature", 401)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        wrapped(),
        wrapped('<x ID="a1"/>'),
        wrapped(signed(assertion_xml())).replace(SAML.encode(), b"urn:x"),
    ],
)
async def test_message_without_assertion_is_refused(body: bytes) -> None:
    assert (await refused(body)).code == "steps.saml.validate.InvalidAssertion"


async def test_document_type_is_refused() -> None:
    body = b"<!DOCTYPE e:Envelope [<!ATTLIST x ID ID #IMPLIED>]>" + wrapped(signed(assertion_xml()))
    assert (await refused(body)).code == "steps.saml.validate.InvalidAssertion"


# ---- signature wrapping

GENUINE = signed(assertion_xml())


def evil(
    content: str | etree._Element = "", id: str = "evil", signature: etree._Element | None = None
) -> etree._Element:
    """An attacker's assertion that carries a genuine one, or its signature, somewhere inside."""
    found = etree.fromstring(assertion_xml(id, "eve"))
    if signature is not None:
        found.insert(1, copy.deepcopy(signature))
    if isinstance(content, etree._Element):
        holder = etree.SubElement(found, f"{{{SAML}}}Advice")
        holder.append(copy.deepcopy(content))
    return found


SIGNATURE = GENUINE.find("ds:Signature", NS)
BARE = etree.fromstring(assertion_xml())


def within_signature() -> etree._Element:
    """The genuine assertion hidden in an Object of its own signature, which an evil one carries."""
    signature = copy.deepcopy(SIGNATURE)
    holder = etree.SubElement(signature, f"{{{DS}}}Object")
    holder.append(copy.deepcopy(BARE))
    return evil(signature=signature)


@pytest.mark.parametrize(
    "body",
    [
        wrapped(evil(), GENUINE),
        wrapped(evil(GENUINE)),
        wrapped(evil(GENUINE, id="a1")),
        wrapped(evil(BARE, signature=SIGNATURE)),
        wrapped(evil(BARE, id="a1", signature=SIGNATURE)),
        wrapped(evil(signature=SIGNATURE), BARE),
        wrapped(evil(id="a1", signature=SIGNATURE), BARE),
        wrapped(within_signature()),
    ],
    ids=[
        "before",
        "around",
        "around, same id",
        "moved signature",
        "moved, same id",
        "aside",
        "aside, same id",
        "in object",
    ],
)
async def test_wrapped_signature_does_not_carry_over(body: bytes) -> None:
    assert b"eve" in body
    fault = await refused(body)
    assert fault.status == 401


async def test_unsigned_assertion_beside_a_signed_element_is_not_read() -> None:
    paths = """<AssertionXPath>//e:Header/s:Assertion[1]</AssertionXPath>
      <SignedElementXPath>//e:Header/s:Assertion[2]</SignedElementXPath>"""
    assert (await refused(wrapped(evil(), GENUINE), checking(paths))).name == "InvalidAssertion"


async def test_comment_does_not_cut_the_subject() -> None:
    body = wrapped(signed(assertion_xml(subject="ada.example.evil"))).replace(
        b"ada.example.evil", b"ada.example<!-- -->.evil"
    )
    assert read(await validated(body), "saml.subject") == "ada.example.evil"


# ---- the rest


async def test_assertion_is_taken_out_of_the_message() -> None:
    ctx = await validated(
        wrapped("before", GENUINE, "after"), checking(more="<RemoveAssertion>true</RemoveAssertion>")
    )
    assert b"Assertion" not in ctx.request.body
    assert etree.fromstring(ctx.request.body).findtext("{urn:soap}Header") == "beforeafter"
    kept = await validated(wrapped(GENUINE))
    assert b"Assertion" in kept.request.body


async def test_message_that_is_only_the_assertion_becomes_empty() -> None:
    text = checking("<XPath>/s:Assertion</XPath>", "<RemoveAssertion>true</RemoveAssertion>")
    ctx = await validated(etree.tostring(GENUINE), text)
    assert ctx.request.body == b""


async def test_media_type_counts_unless_ignored() -> None:
    body = wrapped(GENUINE)
    fault = await refused(body, type="application/json")
    assert (fault.code, fault.status) == ("steps.saml.validate.InvalidMediaTpe", 500)
    text = checking(attributes='ignoreContentType="true"')
    await validated(body, text, ctx=context(xml(body, "application/json")))


async def test_message_of_the_moment_is_the_default() -> None:
    await validated(wrapped(GENUINE), checking(source=""))


async def test_client_gets_the_fault_over_http(tmp_path: Path) -> None:
    path = write_bundle(
        tmp_path,
        "saml",
        {
            "proxies/default.xml": proxy("/saml", request=steps("V")),
            "targets/default.xml": target(),
            "policies/V.xml": checking(more="<RemoveAssertion>true</RemoveAssertion>"),
        },
    )
    # the gateway's clock is the real one: the certificate has to live today
    store = trusting(certificate("signer", "one", days=9999))
    body = wrapped(signed(assertion_xml(), certificates=(certificate("signer", "one", days=9999),)))
    async with house(path, environment=environment(store)) as gateway:
        headers = {"Content-Type": "text/xml"}
        good = await gateway.call("POST", "/saml", data=body, headers=headers)
        bad = await gateway.call("POST", "/saml", data=body.replace(b">ada<", b">eve<"), headers=headers)
        seen = gateway.upstream.seen

    assert good.status == 200
    assert len(seen) == 1
    assert "Assertion" not in seen[0]["body"]
    assert bad.status == 401
    assert b"steps.saml.validate.SignatureValidationFailed" in bad.body


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (making(), []),
        (making("<CanonicalizationAlgorithm/><Issuer>x</Issuer>"), []),
        (making(""), ["NullIssuer"]),
        (making("<Issuer/>"), ["NullIssuer"]),
        (making().replace("<Name>signers</Name>", ""), ["NullKeyStore"]),
        (making().replace("<Alias>signing</Alias>", "<Alias/>"), ["NullKeyStoreAlias"]),
        (making(output=MESSAGE.replace("/e:Header", "/[")), ["InvalidXPath"]),
        (making(output=MESSAGE.replace("urn:soap", "")), ["NONEmptyPrefixMappedToEmptyURI", "InvalidXPath"]),
        (checking(), []),
        (checking(""), ["SourceNotConfigured"]),
        (checking("<AssertionXPath>/a</AssertionXPath>"), ["SourceNotConfigured"]),
        (checking().replace("<TrustStore>trusted</TrustStore>", ""), ["TrustStoreNotConfigured"]),
        (checking("<XPath>/[</XPath>"), ["InvalidXPath"]),
    ],
)
def test_deploy_errors(text: str, errors: list[str]) -> None:
    assert deploy_errors(text) == errors


def test_assertion_that_goes_nowhere_is_a_warning() -> None:
    (finding,) = findings_of(making(output=""))
    assert (finding.name, finding.severity) == ("NullOutputVariable", "warning")


@pytest.mark.parametrize("text", [making(), checking()])
def test_missing_extra_is_named(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "apiproxy_policies.security.saml.signature", raising=False)
    monkeypatch.setitem(sys.modules, "signxml.signer", None)
    monkeypatch.setitem(sys.modules, "signxml.algorithms", None)
    (finding,) = findings_of(text)
    assert finding.name == "SAMLExtraMissing"
    assert "pip install 'apiproxy-runtime[saml]'" in finding.cure
