from typing import Any

from tests.house import target
from tests.lint.kit import Case, endpoint, policy, table

ID = "<GoogleIDToken><Audience>a</Audience></GoogleIDToken>"
ACCESS = "<GoogleAccessToken><Scopes><Scope>a</Scope></Scopes></GoogleAccessToken>"


def at_target(authentication: str, **case: Any) -> Case:
    return endpoint(target(connection=f"<URL>https://a.test</URL>{authentication}"), **case)


def service(authentication: str, **case: Any) -> Case:
    xml = f"""<ServiceCallout name="SC-A"><HTTPTargetConnection>
{authentication}<URL>https://a.test</URL></HTTPTargetConnection></ServiceCallout>"""
    return policy(xml, **case)


def external(authentication: str, **case: Any) -> Case:
    return policy(
        f'<ExternalCallout name="EC-A"><GrpcConnection>{authentication}</GrpcConnection></ExternalCallout>',
        **case,
    )


test_bad, test_good = table(
    "FE001",
    bad={
        "empty": service(
            "<Authentication/>", lines=[2], says="<GoogleIDToken> or <GoogleAccessToken>", severity=2
        ),
        "no token": service(
            "<Authentication><HeaderName>A</HeaderName></Authentication>", says="which token"
        ),
        "two tokens": service(f"<Authentication>{ID}\n{ACCESS}</Authentication>", lines=[3]),
        "an unknown element": service(f"<Authentication>{ID}<Basic/></Authentication>", says="<Basic>"),
        "two of them": service(f"<Authentication>{ID}</Authentication>\n<Authentication/>", lines=[3]),
        "an access token for gRPC": external(f"<Authentication>{ACCESS}</Authentication>"),
        "in a target": at_target("<Authentication/>", lines=[4]),
        "on Edge": at_target(f"<Authentication>{ID}</Authentication>", profile="apigee", says="Edge"),
    },
    good={
        "an ID token": service(f"<Authentication>{ID}</Authentication>"),
        "an access token in a header of its own": at_target(
            f"<Authentication><HeaderName>A</HeaderName>{ACCESS}</Authentication>"
        ),
        "an ID token for gRPC": external(f"<Authentication>{ID}</Authentication>"),
        "none": at_target(""),
    },
)
