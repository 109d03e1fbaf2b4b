from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO042",
    bad={
        "no rate": policy('<SpikeArrest name="SA-1"></SpikeArrest>', lines=[1], severity=2),
        "an unknown part": policy(
            '<SpikeArrest name="SA-1"><Rate>3ps</Rate><Rates/></SpikeArrest>', says="<Rates>"
        ),
        "two rates": policy(
            '<SpikeArrest name="SA-1"><Rate>3ps</Rate><Rate>4ps</Rate></SpikeArrest>', says="more than one"
        ),
        "not a boolean": policy(
            '<SpikeArrest name="SA-1"><Rate>3ps</Rate><UseEffectiveCount>yes</UseEffectiveCount></SpikeArrest>',
            says="true or false",
        ),
    },
    good={
        "a rate": policy('<SpikeArrest name="SA-1"><Rate>3ps</Rate></SpikeArrest>'),
        "IgnoreUnresolvedVariables, which apigeelint allows and refuses": policy(
            '<SpikeArrest name="SA-1"><Rate>3ps</Rate><IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></SpikeArrest>'
        ),
        "a prompt": policy(
            '<PromptTokenLimit name="PTL-1"><Rate>9pm</Rate><UserPromptSource>{a}</UserPromptSource></PromptTokenLimit>'
        ),
    },
)
