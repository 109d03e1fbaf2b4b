from tests.house import proxy
from tests.lint.kit import Case, table

SHARED = {"sharedflows/default.xml": '<SharedFlow name="default"/>'}

test_bad, test_good = table(
    "BN001",
    bad={
        "an unknown folder": Case(
            {"resources/js/a.js": "", "resources/js/b.js": ""}, lines=[1], says="resources/js/"
        ),
        "an unknown suffix": Case(
            {"resources/jsc/a.cjs": ""}, lines=[1], says=".js, .jsc, .json", severity=2
        ),
        "a file in resources itself": Case({"resources/a.js": ""}, says="folder of its type"),
        "a file at the top": Case({"notes.txt": ""}),
        "a folder below a type without folders": Case({"resources/xsl/deep/a.xsl": ""}),
        "targets in a shared flow": Case(
            {**SHARED, "targets/default.xml": "<TargetEndpoint/>"}, kind="sharedflowbundle", says="targets/"
        ),
        "no shared flow": Case(
            {"policies/A.xml": '<Quota name="A"/>'}, kind="sharedflowbundle", says="missing"
        ),
        "apigeelint goes no further after the first: each folder is looked into": Case(
            {"policies/a.txt": "", "resources/jsc/b.txt": "", "manifests/c.txt": ""}, lines=[1, 1, 1]
        ),
    },
    good={
        "every type": Case(
            {
                f"resources/{file}": "<x/>"
                for file in [
                    "jsc/a.js",
                    "jsc/lib/b.jsc",
                    "java/a.jar",
                    "py/a.py",
                    "xsl/a.xslt",
                    "wsdl/a.wsdl",
                    "xsd/a.xsd",
                    "oas/a.yml",
                    "properties/a.properties",
                    "graphql/a.graphql",
                    "hosted/any/thing.txt",
                    "openapi/a.json",
                ]
            }
        ),
        "a page about it": Case({"README.md": "# API"}),
        "what desktops and editors leave": Case({"policies/.DS_Store": "", "policies/a.xml~": ""}),
        "modules of node": Case({"resources/node/node_modules/a/b.ts": "", "resources/node/a.js": ""}),
        "integrations": Case(
            {"integration-endpoints/a.xml": "<IntegrationEndpoint/>", "proxies/a.xml": proxy()}
        ),
        "a shared flow": Case(SHARED, kind="sharedflowbundle"),
    },
)
