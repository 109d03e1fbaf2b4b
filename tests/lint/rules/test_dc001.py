from tests.lint.kit import policy, table

test_bad, test_good = table(
    "DC001",
    bad={"ConcurrentRateLimit": policy('<!-- -->\n<ConcurrentRateLimit name="A"/>', lines=[2], severity=1)},
    good={"SpikeArrest": policy('<SpikeArrest name="A"/>')},
)
