from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO045",
    bad={
        "no token": policy(
            '<SetOAuthV2Info name="OAuthV2-1"><Attributes><Attribute name="a">b</Attribute></Attributes></SetOAuthV2Info>',
            lines=[1],
            severity=2,
        ),
        "no name": policy(
            '<SetOAuthV2Info name="OAuthV2-1"><AccessToken ref="t"/><Attributes><Attribute>b</Attribute></Attributes></SetOAuthV2Info>',
            says="no name",
        ),
        "no attribute": policy(
            '<SetOAuthV2Info name="OAuthV2-1"><AccessToken ref="t"/><Attributes/></SetOAuthV2Info>',
            says="<Attribute>",
        ),
        "an unknown part": policy(
            '<SetOAuthV2Info name="OAuthV2-1"><AccessToken ref="t"/><Attributes><Attribute name="a">b</Attribute></Attributes><Scope/></SetOAuthV2Info>',
            says="<Scope>",
        ),
        "an attribute of the token": policy(
            '<SetOAuthV2Info name="OAuthV2-1"><AccessToken name="a" ref="t"/><Attributes><Attribute name="a">b</Attribute></Attributes></SetOAuthV2Info>',
            says="name",
        ),
    },
    good={
        "complete": policy(
            '<SetOAuthV2Info name="OAuthV2-1"><AccessToken ref="t"/><Attributes><Attribute name="a" ref="v">b</Attribute></Attributes></SetOAuthV2Info>'
        ),
    },
)
