from tests.lint.kit import policy, table

test_bad, test_good = table(
    "DC002",
    bad={
        element: policy(f'<{element} name="A"/>', lines=[1], severity=1)
        for element in ("OAuthV1", "GetOAuthV1Info", "DeleteOAuthV1Info")
    },
    good={element: policy(f'<{element} name="A"/>') for element in ("OAuthV2", "GetOAuthV2Info")},
)
