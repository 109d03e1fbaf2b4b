from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO041",
    bad={
        "deprecated": policy(
            '<KeyValueMapOperations name="KVM-1" mapIdentifier="a"><ExclusiveCache>false</ExclusiveCache><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>',
            lines=[1],
            severity=1,
            fixed={
                "policies/KVM-1.xml": '<KeyValueMapOperations name="KVM-1" mapIdentifier="a"><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>'
            },
        ),
        "two scopes": policy(
            '<KeyValueMapOperations name="KVM-1" mapIdentifier="a"><Scope>environment</Scope><Scope>apiproxy</Scope><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>',
            says="<Scope>",
        ),
    },
    good={
        "neither": policy(
            '<KeyValueMapOperations name="KVM-1" mapIdentifier="a"><Scope>environment</Scope><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>'
        ),
    },
)
