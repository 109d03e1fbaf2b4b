from tests.house import proxy, steps
from tests.lint.kit import Case, table

_QUOTA = '<Quota name="Q-1"><Identifier ref="{}"/></Quota>'


def _case(identifier: str = "verifyapikey.VA-1.client_id", **where: str) -> Case:
    files = {
        "policies/Q-1.xml": _QUOTA.format(identifier),
        "policies/VA-1.xml": '<VerifyAPIKey name="VA-1"/>',
        "proxies/default.xml": proxy(**where),
    }
    return Case(files, says="counts by what 'VA-1' finds out" if "VA-1" in identifier else "")


test_bad, test_good = table(
    "AR305",
    bad={
        "the wrong order": _case(request=steps("Q-1", "VA-1")),
        "before the flows": _case(
            request=steps("Q-1"), flows=f'<Flow name="f"><Request>{steps("VA-1")}</Request></Flow>'
        ),
    },
    good={
        "the right order": _case(request=steps("VA-1", "Q-1")),
        "after the PreFlow": _case(request=steps("VA-1"), post_request=steps("Q-1")),
        "by something else": _case("request.header.client", request=steps("Q-1", "VA-1")),
        "never": _case(request=steps("Q-1")),
    },
)
