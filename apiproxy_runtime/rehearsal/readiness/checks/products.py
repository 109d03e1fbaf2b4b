"""X034: products, developers and apps that lie in the repository."""

from collections.abc import Iterator

from apiproxy_runtime.rehearsal.readiness import limits
from apiproxy_runtime.rehearsal.readiness.finding import Check, Hit
from apiproxy_runtime.rehearsal.readiness.subject import Subject


def _find(subject: Subject) -> Iterator[Hit]:
    for product in subject.test_data.products:
        if product.proxies and subject.bundle.name not in product.proxies:
            continue
        if len(product.api_resources) > limits.PRODUCT_PATHS:
            yield Hit(
                product.place,
                f"the product {product.name} has {len(product.api_resources)} paths; {limits.PRODUCT_PATHS} are kept",
                severity="limit",
            )
        operations = sum(len(config.operations) for config in product.operation_group or ())
        if operations > limits.PRODUCT_OPERATIONS:
            message = f"the product {product.name} has {operations} operations; {limits.PRODUCT_OPERATIONS} are allowed"
            yield Hit(product.place, message, severity="limit")
    if not any(True for _ in subject.policies("VerifyAPIKey", "OAuthV2")):
        return
    for app in subject.test_data.apps:
        if not app.api_products and not any(key.api_products for key in app.credentials):
            yield Hit(app.place, f"the app {app.name} has no product: its keys are refused")
    for developer in subject.test_data.developers:
        if developer.email != developer.email.lower():
            yield Hit(
                developer.place,
                f"{developer.email} is not in small letters",
                fix="Write it in small letters.",
            )


CHECK = Check(
    "X034",
    "changes",
    "products, developers and apps",
    "the import changes or refuses them (402739748)",
    "Give every app a product, and split large products.",
    _find,
    limits.DOCS,
)
