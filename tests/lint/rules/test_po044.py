from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO044",
    bad={
        "no algorithm": policy(
            '<GenerateJWT name="JWT-1"><SecretKey><Value ref="private.k"/></SecretKey><OutputVariable>a</OutputVariable></GenerateJWT>',
            lines=[1],
            severity=2,
        ),
        "the wrong key": policy(
            '<GenerateJWT name="JWT-1"><Algorithm>RS256</Algorithm><SecretKey><Value ref="private.k"/></SecretKey><OutputVariable>a</OutputVariable></GenerateJWT>',
            says="RS256",
        ),
        "an unknown algorithm": policy(
            '<GenerateJWT name="JWT-1"><Algorithm>HS1</Algorithm><SecretKey><Value ref="private.k"/></SecretKey><OutputVariable>a</OutputVariable></GenerateJWT>',
            says="'HS1'",
        ),
        "an unknown part": policy(
            '<GenerateJWT name="JWT-1"><Algorithm>HS256</Algorithm><SecretKey><Value ref="private.k"/></SecretKey><Isuer/><OutputVariable>a</OutputVariable></GenerateJWT>',
            says="<Isuer>",
        ),
        "a part that stands twice, which apigeelint misses from the command line": policy(
            '<GenerateJWT name="JWT-1"><Algorithm>HS256</Algorithm><SecretKey><Value ref="private.k"/></SecretKey><Issuer>a</Issuer><Issuer>b</Issuer><OutputVariable>a</OutputVariable></GenerateJWT>',
            says="more than one",
        ),
    },
    good={
        "signed": policy(
            '<GenerateJWT name="JWT-1"><Algorithm>HS256</Algorithm><SecretKey><Value ref="private.k"/></SecretKey><OutputVariable>a</OutputVariable></GenerateJWT>'
        ),
        "encrypted": policy(
            '<GenerateJWT name="JWT-1"><Algorithms><Key>A128KW</Key><Content>A128GCM</Content></Algorithms><SecretKey><Value ref="private.k"/></SecretKey><OutputVariable>a</OutputVariable></GenerateJWT>'
        ),
    },
)
