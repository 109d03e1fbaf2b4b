"""Each policy, alone in a PreFlow: its verdict, and the plugin it becomes."""

import pytest

from tests.kong.convert.converted import accepted, converted, plugins_of, routes_of, row, simple


def become(folder, xml, **options):
    """The verdict, the plugins, and what is lost."""
    result = converted(simple(folder, "p", xml), **options)
    accepted(result, folder)
    (route,) = routes_of(result).values()
    found = row(result, "P")
    for text in found.lost:
        assert (
            f"P: {text.splitlines()[0]}" in result.text.replace("\n", " ")
            or text.splitlines()[0] in result.text
        )
    return found.verdict, plugins_of(route), found.lost


KEY = '<VerifyAPIKey name="P"><APIKey ref="{}"/></VerifyAPIKey>'
QUOTA = '<Quota name="P"><Allow count="5"/><Interval>{}</Interval><TimeUnit>{}</TimeUnit>{}</Quota>'
SPIKE = '<SpikeArrest name="P"><Rate>{}</Rate></SpikeArrest>'
RULES = '<AccessControl name="P"><IPRules noRuleMatchAction="{}">{}</IPRules></AccessControl>'
RULE = '<MatchRule action="{}"><SourceAddress mask="24">10.0.0.0</SourceAddress></MatchRule>'


@pytest.mark.parametrize(
    ("xml", "verdict", "plugin", "config"),
    [
        (
            KEY.format("request.header.X-Key"),
            "partial",
            "key-auth",
            {"key_names": ["x-key"], "key_in_query": False},
        ),
        (
            KEY.format("request.queryparam.k"),
            "partial",
            "key-auth",
            {"key_names": ["k"], "key_in_header": False},
        ),
        (QUOTA.format(1, "hour", ""), "partial", "rate-limiting", {"hour": 5, "limit_by": "service"}),
        (QUOTA.format(60, "minute", ""), "partial", "rate-limiting", {"hour": 5}),
        (QUOTA.format(1, "month", ""), "partial", "rate-limiting", {"month": 5}),
        (
            QUOTA.format(1, "day", '<Identifier ref="request.header.X-App"/>'),
            "partial",
            "rate-limiting",
            {"day": 5, "limit_by": "header", "header_name": "x-app"},
        ),
        (
            QUOTA.format(1, "day", '<Identifier ref="verifyapikey.V.client_id"/>'),
            "partial",
            "rate-limiting",
            {"day": 5, "limit_by": "consumer"},
        ),
        (SPIKE.format("30pm"), "partial", "rate-limiting", {"minute": 30}),
        (SPIKE.format("5ps"), "partial", "rate-limiting", {"second": 5}),
        (RULES.format("DENY", RULE.format("ALLOW")), "partial", "ip-restriction", {"allow": ["10.0.0.0/24"]}),
        (RULES.format("ALLOW", RULE.format("DENY")), "partial", "ip-restriction", {"deny": ["10.0.0.0/24"]}),
        (RULES.format("DENY", ""), "partial", "ip-restriction", {"deny": ["0.0.0.0/0", "::/0"]}),
        (
            '<CORS name="P"><AllowOrigins>https://a.test, https://b.test</AllowOrigins><MaxAge>60</MaxAge></CORS>',
            "partial",
            "cors",
            {
                "origins": ["https://a.test", "https://b.test"],
                "max_age": 60,
                "credentials": False,
                "allow_origin_absent": False,
            },
        ),
        (
            '<CORS name="P"><AllowOrigins>{request.header.origin}</AllowOrigins></CORS>',
            "partial",
            "cors",
            {"origins": [".*"]},
        ),
        (
            '<RaiseFault name="P"><FaultResponse><Set><StatusCode>410</StatusCode>'
            '<Payload contentType="application/json">{"gone": true}</Payload></Set></FaultResponse></RaiseFault>',
            "partial",
            "request-termination",
            {"status_code": 410, "body": '{"gone": true}', "content_type": "application/json"},
        ),
        (
            '<AssignMessage name="P"><Set><Headers><Header name="X-A">1</Header></Headers></Set></AssignMessage>',
            "exact",
            "request-transformer",
            {"replace": {"headers": ["X-A:1"]}, "add": {"headers": ["X-A:1"]}},
        ),
        (
            '<AssignMessage name="P"><Set><Headers><Header name="X-A">{request.queryparam.a}</Header></Headers></Set>'
            "</AssignMessage>",
            "exact",
            "request-transformer",
            {"add": {"headers": ["X-A:$(query_params.a)"]}},
        ),
        (
            '<AssignMessage name="P"><Remove><Headers><Header name="X-A"/></Headers></Remove>'
            "<Set><Verb>POST</Verb></Set></AssignMessage>",
            "exact",
            "request-transformer",
            {"remove": {"headers": ["X-A"]}, "http_method": "POST"},
        ),
        (
            '<AssignMessage name="P"><Set><Headers><Header name="X-A">1</Header></Headers>'
            "<Payload>whole</Payload></Set></AssignMessage>",
            "partial",
            "request-transformer",
            {"add": {"headers": ["X-A:1"]}},
        ),
        (
            '<ResponseCache name="P"><CacheKey><KeyFragment ref="request.queryparam.q"/></CacheKey><ExpirySettings>'
            "<TimeoutInSec>60</TimeoutInSec></ExpirySettings><UseAcceptHeader>true</UseAcceptHeader></ResponseCache>",
            "partial",
            "proxy-cache",
            {
                "cache_ttl": 60,
                "vary_query_params": ["q"],
                "vary_headers": ["accept"],
                "response_code": [200, 201, 202, 203, 204, 205],
            },
        ),
        (
            '<VerifyJWT name="P"><Algorithm>HS256</Algorithm><Source>request.header.x-jwt</Source></VerifyJWT>',
            "partial",
            "jwt",
            {"header_names": ["x-jwt"], "claims_to_verify": ["exp"]},
        ),
        ('<OAuthV2 name="P"><Operation>VerifyAccessToken</Operation></OAuthV2>', "manual", "jwt", {}),
        (
            '<MessageLogging name="P"><Syslog><Message>m</Message><Host>log.test</Host><Port>514</Port>'
            "<Protocol>TCP</Protocol></Syslog></MessageLogging>",
            "partial",
            "tcp-log",
            {"host": "log.test", "port": 514},
        ),
    ],
)
def test_a_policy_becomes_a_plugin(tmp_path, xml, verdict, plugin, config):
    found, plugins, _ = become(tmp_path, xml)
    assert found == verdict
    assert {key: plugins[plugin].get(key) for key in config if key not in ("replace", "add")} == {
        key: value for key, value in config.items() if key not in ("replace", "add")
    }
    for kind in ("replace", "add"):
        assert plugins[plugin].get(kind, {}).items() >= config.get(kind, {}).items()


@pytest.mark.parametrize(
    ("xml", "says"),
    [
        (KEY.format("flow.key"), "flow.key"),
        (QUOTA.format(5, "minute", ""), "NOTHING limits"),
        (QUOTA.format(1, "week", ""), "NOTHING limits"),
        (QUOTA.format(1, "hour", '<MessageWeight ref="flow.w"/>'), "weights"),
        (QUOTA.format(1, "hour", '<Identifier ref="flow.who"/>'), "flow.who"),
        ('<SpikeArrest name="P"><Rate ref="flow.rate"/></SpikeArrest>', "variable"),
        (RULES.format("DENY", RULE.format("ALLOW") + RULE.format("DENY")), "in an order"),
        ('<Javascript name="P"><ResourceURL>jsc://a.js</ResourceURL></Javascript>', "Lua"),
        (
            '<KeyValueMapOperations name="P" mapIdentifier="m"><Get assignTo="private.x"><Key><Parameter>k</Parameter>'
            "</Key></Get></KeyValueMapOperations>",
            "vault",
        ),
        (
            '<BasicAuthentication name="P"><Operation>Decode</Operation></BasicAuthentication>',
            "checks the password",
        ),
        ('<FlowCallout name="P"><SharedFlowBundle>gone</SharedFlowBundle></FlowCallout>', "gone"),
        ('<OAuthV2 name="P"><Operation>GenerateAccessToken</Operation></OAuthV2>', "GenerateAccessToken"),
        ('<Unheard name="P"/>', ""),
    ],
)
def test_what_kong_cannot_do_is_manual_and_told(tmp_path, xml, says):
    verdict, _, lost = become(tmp_path, xml)
    assert verdict == "manual"
    assert any(says in text for text in lost) or not says


@pytest.mark.parametrize("element", ["HMAC", "VerifyJWS", "ValidateSAMLAssertion", "OAuthV1"])
def test_what_lets_callers_in_refuses_everybody_until_somebody_decides(tmp_path, element):
    inner = "<VerificationValue ref='x'/>" if element == "HMAC" else ""
    verdict, plugins, _ = become(tmp_path, f'<{element} name="P">{inner}</{element}>')
    assert verdict == "manual"
    assert plugins["request-termination"]["status_code"] == 503


def test_basic_authentication_is_never_basic_auth(tmp_path):
    _, plugins, _ = become(
        tmp_path,
        '<BasicAuthentication name="P"><Operation>Encode</Operation><User ref="u"/><Password ref="p"/>'
        "<AssignTo>request.header.Authorization</AssignTo></BasicAuthentication>",
    )
    assert "basic-auth" not in plugins
    assert plugins["request-transformer"]["add"]["headers"] == [
        "Authorization:{vault://env/p-p-authorization}"
    ]


def test_a_secret_header_becomes_a_reference_to_the_vault(tmp_path):
    result = converted(
        simple(
            tmp_path,
            "p",
            '<AssignMessage name="P"><Set><Headers><Header name="X-Api-Key">s3cret</Header></Headers></Set>'
            "</AssignMessage>",
        )
    )
    assert "s3cret" not in result.text
    assert "X-Api-Key:{vault://env/p-p-x-api-key}" in result.text
    assert (
        "P: the Header X-Api-Key is a secret, written as a reference that Kong does not look up"
        in result.text
    )


def test_a_policy_that_is_switched_off_is_dropped(tmp_path):
    assert become(tmp_path, '<SpikeArrest name="P" enabled="false"><Rate>1ps</Rate></SpikeArrest>')[:2] == (
        "drop",
        {},
    )


JSON = '<JSONThreatProtection name="P"><ArrayElementCount>20</ArrayElementCount></JSONThreatProtection>'


def test_a_plugin_of_kong_enterprise_is_a_comment_for_the_open_source_edition(tmp_path):
    result = converted(simple(tmp_path, "p", JSON))
    assert "json-threat-protection" not in {
        name for route in routes_of(result).values() for name in plugins_of(route)
    }
    assert "#   max_array_element_count: 20" in result.text
    verdict, plugins, _ = become(tmp_path, JSON, edition="enterprise")
    assert verdict == "partial"
    assert plugins["json-threat-protection"]["max_array_element_count"] == 20


def test_a_policy_that_no_flow_runs_has_its_row(tmp_path):
    bundle = simple(tmp_path, "p", SPIKE.format("1ps"))
    (bundle / "policies" / "Q.xml").write_text(SPIKE.format("2ps").replace('"P"', '"Q"'))
    assert row(converted(bundle), "Q").verdict == "drop"


def test_every_policy_of_the_runtime_has_a_converter():
    from apiproxy_runtime.kong.convert.registry import converters
    from apiproxy_runtime.policy.registry import all_policies

    own = {policy.tag for policy in all_policies() if policy.__module__.startswith("apiproxy_policies")}
    assert own - set(converters()) == set()


def test_what_differs_although_it_was_converted_is_a_note_and_no_todo(tmp_path):
    result = converted(simple(tmp_path, "p", SPIKE.format("5ps")))
    assert "# NOTE apiproxy/policies/P.xml:1: P: Apigee spaces calls evenly over the second" in result.text
    assert result.todos == 0
    assert row(result, "P").lost == ()


CACHE = (
    '<ResponseCache name="P"><CacheKey>{}</CacheKey>{}<ExpirySettings><TimeoutInSec>9</TimeoutInSec>'
    "</ExpirySettings></ResponseCache>"
)


@pytest.mark.parametrize(
    ("key", "more", "lost"),
    [
        ('<KeyFragment ref="request.uri"/>', "", []),
        ('<KeyFragment ref="proxy.pathsuffix"/><KeyFragment ref="request.queryparam.q"/>', "", []),
        ('<KeyFragment ref="request.queryparam.q"/>', "", ["the key holds no path"]),
        ("<KeyFragment>all</KeyFragment>", "", ["the key holds no path"]),
        (
            '<KeyFragment ref="request.uri"/>',
            "<ExcludeErrorResponse>false</ExcludeErrorResponse>",
            ["<ExcludeErrorResponse> false"],
        ),
    ],
)
def test_a_cache_tells_where_its_key_cannot_be_the_same(tmp_path, key, more, lost):
    _, _, told = become(tmp_path, CACHE.format(key, more))
    assert [text.partition(":")[0] for text in told] == lost
