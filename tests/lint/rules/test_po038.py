from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO038",
    bad={
        "both": policy(
            '<KeyValueMapOperations name="KVM-1" mapIdentifier="a"><MapName>b</MapName><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>',
            lines=[1],
            severity=1,
        ),
        "none": policy(
            '<KeyValueMapOperations name="KVM-1"><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>',
            says="no map",
        ),
        "empty": policy(
            '<KeyValueMapOperations name="KVM-1"><MapName/><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>',
            says="empty",
        ),
        "on Edge": policy(
            '<KeyValueMapOperations name="KVM-1"><MapName>a</MapName><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>',
            profile="apigee",
        ),
    },
    good={
        "an identifier": policy(
            '<KeyValueMapOperations name="KVM-1" mapIdentifier="a"><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>'
        ),
        "a name": policy(
            '<KeyValueMapOperations name="KVM-1"><MapName>a</MapName><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>'
        ),
        "a variable": policy(
            '<KeyValueMapOperations name="KVM-1"><MapName ref="a"/><Get assignTo="private.a"><Key><Parameter>b</Parameter></Key></Get></KeyValueMapOperations>'
        ),
    },
)
