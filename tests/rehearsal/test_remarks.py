"""What a kong.yml says of what it leaves out is the reason of a difference: of its own step or route, and no other."""

from __future__ import annotations

import pytest

from apiproxy_runtime.rehearsal.remarks import remarks_in

TEXT = """\
# 4 TODO comments say what Kong does not do by itself.
services:
  # TODO apiproxy/targets/t.xml:3: the GoogleAccessToken of <Authentication>: Kong fetches no Google tokens
  # TODO apiproxy/targets/t.xml:3: a call for the base path alone goes to /a, without the slash that the target has on Apigee
  # TODO apiproxy/targets/t.xml:3: the fault rule Down runs AM-Down, AM-Headers: Kong has no fault rules; write a plugin
  # TODO apiproxy/proxies/default.xml:9: the route rule old one applies if a.b = "c": nothing is sent its way
  - name: s
    tags:
      - apigee-proxy:p
    plugins:
      # TODO apiproxy/policies/AM-A.xml:1: AM-A: the Header X-One from {x}
      # TODO apiproxy/policies/AM-A.xml:1: AM-A: the Header X-Two from {y}
      # TODO apiproxy/policies/Verify API Key.xml:1: Verify API Key: products decide
      # TODO apiproxy/policies/RF-B.xml:1: RF-B and SC-C keep callers out and got no plugin
      - name: request-termination
        tags:
          - apigee-proxy:p
          - apigee-policy:RF-B
      # NOTE apiproxy/policies/CORS.xml:1: CORS: the headers stand on refusals, too
      - name: cors
        tags:
          - apigee-proxy:p
          - apigee-policy:CORS
      # TODO apiproxy/policies/AM-A.xml:1: AM-A: as above
      # TODO apiproxy/policies/JS-D.xml:1: JS-D: port it
      # name: request-transformer
      - name: key-auth
        tags:
          - apigee-proxy:p
          - "apigee-policy:Verify API Key"
"""
SERVICE, TERMINATION, CORS, KEY_AUTH = (
    f"{name} (move/kong.yml:{line})"
    for name, line in (("service s", 7), ("request-termination", 15), ("cors", 20), ("key-auth", 27))
)
RULE = "route rule old one (apiproxy/proxies/default.xml:8)"
PRODUCTS = "products decide"
ALSO = "the headers stand on refusals, too"
GATE = "RF-B and SC-C keep callers out and got no plugin"
DOWN = "the fault rule Down runs AM-Down, AM-Headers: Kong has no fault rules; write a plugin"
SLASH = "a call for the base path alone goes to /a, without the slash that the target has on Apigee"
TOKEN = "the GoogleAccessToken of <Authentication>: Kong fetches no Google tokens"
UNSENT = 'the route rule old one applies if a.b = "c": nothing is sent its way'


@pytest.mark.parametrize(
    ("path", "kind", "before", "after", "reason"),
    [
        # the step of the old side, by the part of the message that its comment names
        ("header.x-one", "header-missing", "AM-A (a/policies/AM-A.xml:1)", "", "the Header X-One from {x}"),
        ("header.x-two", "header-missing", "AM-A", CORS, "the Header X-Two from {y}"),
        ("header.x-three", "header-missing", "AM-A (a/policies/AM-A.xml:1)", "", ""),
        ("body.$.a", "missing", "AM-A (a/policies/AM-A.xml:1)", "", ""),
        ("header.x", "header-missing", "AM-Headers (a/policies/AM-Headers.xml:1)", "", DOWN),
        ("status", "status", "Verify API Key (a/policies/Verify API Key.xml:1)", KEY_AUTH, PRODUCTS),
        ("header.x-three", "header-missing", "AM-Other", "", ""),
        # what the plugin of the new side stands for
        ("status", "failed", "", TERMINATION, GATE),
        ("body.$.a", "missing", "AM-Other", TERMINATION, GATE),
        ("status", "status", "", KEY_AUTH, PRODUCTS),
        ("header.vary", "header-extra", "", CORS, ALSO),
        ("status", "status", "", CORS, ""),
        # a step with a plugin of its own does not make what another plugin adds
        ("header.vary", "header-extra", "Verify API Key (a/policies/Verify API Key.xml:1)", CORS, ALSO),
        ("body", "extra", "Verify API Key (a/policies/Verify API Key.xml:1)", CORS, ""),
        ("body.$.stub", "extra", "JS-D (a/policies/JS-D.xml:1)", "", "port it"),
        ("body.$.stub", "extra", "JS-D (a/policies/JS-D.xml:1)", CORS, "port it"),
        # routes and targets
        ("url.origin", "url", RULE, SERVICE, UNSENT),
        ("url.path", "url", "route rule default (a/proxies/default.xml:8)", SERVICE, SLASH),
        ("header.authorization", "header-missing", "", SERVICE, TOKEN),
        ("header.host", "header-value", "route rule default", SERVICE, ""),
        ("call", "call-missing", RULE, TERMINATION, UNSENT),
        ("", "", "", "", ""),
    ],
)
def test_a_reason_is_about_the_step_or_the_route(
    path: str, kind: str, before: str, after: str, reason: str
) -> None:
    assert remarks_in(TEXT).reason(path, kind, before, after) == reason


def test_comments_of_a_file_without_our_tags_are_about_the_plugin_below() -> None:
    text = "plugins:\n# TODO a.xml:1: RF-B: the old one said 410\n- name: request-termination\n"
    remarks = remarks_in(text)
    assert (
        remarks.reason("status", "status", "", "request-termination (kong.yml:3)") == "the old one said 410"
    )


def test_what_is_as_above_says_what_stood_above() -> None:
    again = "plugins:\n# TODO p.xml:1: no target is called: Apigee echoes\n- name: a\n# TODO p.xml:1: no target is called: as above\n- name: b\n"
    told = remarks_in(again).reason("body", "content", "", "b (kong.yml:5)")
    assert told == "no target is called: Apigee echoes"


def test_a_file_without_comments_says_nothing() -> None:
    assert remarks_in('_format_version: "3.0"\n') == remarks_in("")
