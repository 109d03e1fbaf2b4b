from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO027",
    bad={
        "no secret": policy(
            '<HMAC name="HMAC-1"><Algorithm>SHA-256</Algorithm><Message>a</Message><Output>b</Output></HMAC>',
            lines=[1],
            severity=2,
        ),
        "a public variable": policy(
            '<HMAC name="HMAC-1"><SecretKey ref="key"/><Algorithm>SHA-256</Algorithm><Message>a</Message><Output>b</Output></HMAC>',
            says="'key'",
        ),
        "no ref": policy(
            '<HMAC name="HMAC-1"><SecretKey>x</SecretKey><Algorithm>SHA-256</Algorithm><Message>a</Message><Output>b</Output></HMAC>',
            says="no variable",
        ),
        "no algorithm": policy(
            '<HMAC name="HMAC-1"><SecretKey ref="private.k"/><Message>a</Message><Output>b</Output></HMAC>',
            says="<Algorithm>",
        ),
        "blanks": policy(
            '<HMAC name="HMAC-1"><SecretKey ref="private.k"/><Algorithm> SHA-256</Algorithm><Message>a</Message><Output>b</Output></HMAC>',
            says="blanks",
        ),
    },
    good={
        "a private variable": policy(
            '<HMAC name="HMAC-1"><SecretKey ref="private.k"/><Algorithm>SHA-256</Algorithm><Message>a</Message><Output>b</Output></HMAC>'
        ),
    },
)
