from tests.lint.kit import Case, policy, table

test_bad, test_good = table(
    "PO035",
    bad={
        "no time unit": policy(
            '<Quota name="Q-1"><Interval>1</Interval><Allow count="9"/></Quota>',
            lines=[1],
            severity=2,
            says="<TimeUnit>",
        ),
        "an unknown part": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><Timeunit/></Quota>',
            says="<Timeunit>",
        ),
        "not a boolean": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><Distributed>yes</Distributed></Quota>',
            says="true or false",
        ),
        "counts for nobody": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><CountOnly>true</CountOnly></Quota>',
            says="<SharedName>",
        ),
        "not on Edge": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><SharedName>a</SharedName></Quota>',
            profile="apigee",
            says="<SharedName>",
        ),
        "a weight with text": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><MessageWeight>3</MessageWeight></Quota>',
            says="ref",
        ),
        "no policy finds the product": policy(
            '<Quota name="Q-1"><UseQuotaConfigInAPIProduct stepName="VA-None"/></Quota>', says="'VA-None'"
        ),
        "nothing is synchronized": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><AsynchronousConfiguration/></Quota>',
            says="nothing",
        ),
        "no number": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/><AsynchronousConfiguration><SyncMessageCount>x</SyncMessageCount></AsynchronousConfiguration></Quota>',
            says="'x'",
        ),
    },
    good={
        "complete": policy(
            '<Quota name="Q-1"><Interval>1</Interval><TimeUnit>hour</TimeUnit><Allow count="9"/></Quota>'
        ),
        "from the product of a token, which apigeelint stumbles over": Case(
            {
                "policies/Q-1.xml": '<Quota name="Q-1"><UseQuotaConfigInAPIProduct stepName="OA-1"/></Quota>',
                "policies/OA-1.xml": '<OAuthV2 name="OA-1"><Operation>VerifyAccessToken</Operation></OAuthV2>',
            }
        ),
    },
)
