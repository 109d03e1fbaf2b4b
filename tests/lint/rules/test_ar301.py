from typing import Any

from tests.lint.kit import Case, policy, table

# put together here, so that no scanner takes this file for one that holds secrets
_KEY = (
    "-----BEGIN "
    + "PRIVATE KEY-----\n"
    + "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n" * 3
)
_AWS = "AKIA" + "QX7PLM4ZB2JW9RTE"
_TOKEN = "ya29.a0AfH6SMBx3kQ" + "9vLz7Tn2RwPqYb8"


def _header(value: str, **case: Any) -> Case:
    xml = f'<AssignMessage name="AM-1">\n<Set><Headers><Header name="a">{value}</Header></Headers></Set></AssignMessage>'
    return policy(xml, **case)


test_bad, test_good = table(
    "AR301",
    bad={
        "a private key": _header(_KEY, says="a private key"),
        "an access key": _header(_AWS, lines=[2], says="AWS"),
        "a bearer token": _header(f"Bearer {_TOKEN}", lines=[2]),
        "user and password": _header("Basic " + "dXNlcjpLOXYjbTJxUXo3", lines=[2]),
        "an element": policy(
            '<BasicAuthentication name="BA-1">\n<Password>'
            + "K9v#m2qQz7-wTr4</Password></BasicAuthentication>",
            lines=[2],
        ),
        "a script": Case({"resources/jsc/a.js": "var a;\nvar apiKey = '" + "K9vm2qQz7wTr4bXu';"}, lines=[2]),
    },
    good={
        "a variable": _header("Bearer {private.token}"),
        "a placeholder": _header("Bearer YOUR_ACCESS_TOKEN_GOES_HERE"),
        "an example": _header("Bearer example-token-1234567890"),
        "the same letter": policy('<A name="BA-1"><Password>aaaaaaaaaaaaaaaa1</Password></A>'),
        "a public key": _header("-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA"),
        "a name of a variable": policy('<A name="BA-1"><Password ref="private.K9vm2qQz7wTr4bXu"/></A>'),
    },
)
