"""Credentials that a client put into double quotes."""


def unquoted(value: str) -> str:
    """The value of an Authorization header without double quotes around all of it.

    Apigee takes `"Bearer x"` for `Bearer x`: so do the tests of its public samples, which run on the platform
    (auth-schemes and oauth-admin-api of apigee/devrel, oauth-client-credentials of GoogleCloudPlatform/apigee-samples).
    """
    if len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
