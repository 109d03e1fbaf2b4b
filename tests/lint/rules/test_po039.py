from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO039",
    bad={
        "no log": policy(
            '<MessageLogging name="ML-1"><CloudLogging><Message>a</Message></CloudLogging></MessageLogging>',
            lines=[1],
            severity=2,
        ),
        "an unknown part": policy(
            '<MessageLogging name="ML-1"><CloudLogging><LogName>projects/p/logs/l</LogName><Message>a</Message><Colour/></CloudLogging></MessageLogging>',
            says="Colour",
        ),
        "a label without value": policy(
            '<MessageLogging name="ML-1"><CloudLogging><LogName>projects/p/logs/l</LogName><Message>a</Message><Labels><Label><Key>a</Key></Label></Labels></CloudLogging></MessageLogging>',
            says="<Value>",
        ),
        "another resource": policy(
            '<MessageLogging name="ML-1"><CloudLogging><LogName>projects/p/logs/l</LogName><Message>a</Message><ResourceType>api</ResourceType></CloudLogging></MessageLogging>',
            severity=1,
        ),
        "two": policy(
            '<MessageLogging name="ML-1"><CloudLogging><LogName>projects/p/logs/l</LogName><Message>a</Message></CloudLogging><CloudLogging><LogName>projects/p/logs/l</LogName><Message>a</Message></CloudLogging></MessageLogging>',
            says="more than one",
        ),
    },
    good={
        "complete": policy(
            '<MessageLogging name="ML-1"><CloudLogging><LogName>projects/p/logs/l</LogName><Message>a</Message><Labels><Label><Key>a</Key><Value>b</Value></Label></Labels><ResourceType>global</ResourceType></CloudLogging></MessageLogging>'
        ),
        "syslog": policy(
            '<MessageLogging name="ML-1"><Syslog><Message>a</Message><Host>h</Host></Syslog></MessageLogging>'
        ),
    },
)
