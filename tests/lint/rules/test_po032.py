from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO032",
    bad={
        "no origins": policy('<CORS name="CORS-1"></CORS>', lines=[1], severity=1),
        "every page": policy('<CORS name="CORS-1"><AllowOrigins>*</AllowOrigins></CORS>', severity=1),
        "* and others": policy(
            '<CORS name="CORS-1"><AllowOrigins>*, https://a.example</AllowOrigins></CORS>', severity=2
        ),
        "a slash": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example/</AllowOrigins></CORS>',
            severity=2,
            says="slash",
        ),
        "whoever asks": policy(
            '<CORS name="CORS-1"><AllowOrigins>{request.header.origin}</AllowOrigins></CORS>', severity=1
        ),
        "not a boolean": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example</AllowOrigins><AllowCredentials>yes</AllowCredentials></CORS>',
            severity=2,
        ),
        "a blank in a header": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example</AllowOrigins><AllowHeaders>a b, c</AllowHeaders></CORS>',
            says="blank",
        ),
        "empty": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example</AllowOrigins><ExposeHeaders/></CORS>',
            says="empty",
        ),
        "* beside methods": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example</AllowOrigins><AllowMethods>GET, *</AllowMethods></CORS>',
            says="*",
        ),
        "twice": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example</AllowOrigins><AllowOrigins>https://a.example</AllowOrigins></CORS>',
            says="more than one",
        ),
    },
    good={
        "names": policy(
            '<CORS name="CORS-1"><AllowOrigins>https://a.example</AllowOrigins><AllowHeaders>a, b</AllowHeaders><AllowMethods>*</AllowMethods><AllowCredentials>true</AllowCredentials></CORS>'
        ),
    },
)
