from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO030",
    bad={
        "none": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source></PopulateCache>',
            lines=[1],
            severity=1,
        ),
        "empty": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings></ExpirySettings></PopulateCache>',
            says="nothing",
        ),
        "deprecated": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><TimeoutInSec>9</TimeoutInSec></ExpirySettings></PopulateCache>',
            says="deprecated",
        ),
        "too long": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><TimeoutInSeconds>2592001</TimeoutInSeconds></ExpirySettings></PopulateCache>',
            says="30 days",
        ),
        "another form of date": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><ExpiryDate>2030-12-31</ExpiryDate></ExpirySettings></PopulateCache>',
            says="mm-dd-yyyy",
        ),
        "several kinds": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><TimeoutInSeconds>9</TimeoutInSeconds><TimeOfDay>10:00:00</TimeOfDay></ExpirySettings></PopulateCache>',
            says=" and ",
        ),
        "twice": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><TimeoutInSeconds>9</TimeoutInSeconds></ExpirySettings><ExpirySettings><TimeoutInSeconds>9</TimeoutInSeconds></ExpirySettings></PopulateCache>',
            says="more than one",
        ),
    },
    good={
        "seconds": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><TimeoutInSeconds>9</TimeoutInSeconds></ExpirySettings></PopulateCache>'
        ),
        "a date": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><ExpiryDate>12-31-2030</ExpiryDate></ExpirySettings></PopulateCache>'
        ),
        "a variable": policy(
            '<PopulateCache name="PC-1"><CacheKey><KeyFragment>a</KeyFragment></CacheKey><Source>b</Source><ExpirySettings><TimeoutInSeconds ref="a">9</TimeoutInSeconds></ExpirySettings></PopulateCache>'
        ),
    },
)
