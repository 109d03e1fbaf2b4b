from typing import Any

from tests.house import proxy, target
from tests.lint.kit import Case, table

SCRIPT = '<Javascript name="JS-A" timeLimit="200"><ResourceURL>jsc://{}</ResourceURL>{}</Javascript>'
SHARED = {"sharedflows/default.xml": '<SharedFlow name="default"/>'}


def resource(path: str, policy: str = "", text: str = "", **case: Any) -> Case:
    files = {f"resources/{path}": text}
    return Case({**files, **({"policies/A.xml": policy} if policy else {})}, **case)


test_bad, test_good = table(
    "BN013",
    bad={
        "no policy at all": resource("jsc/a.js", lines=[1], says="jsc://a.js", severity=1),
        "another is named": resource("jsc/a.js", SCRIPT.format("b.js", "")),
        "in a folder, but named without": resource("jsc/lib/a.js", SCRIPT.format("a.js", "")),
        "a library without JavaCallout": resource("java/a.jar"),
        "a stylesheet": resource("xsl/a.xsl"),
        "a schema": resource("graphql/a.graphql"),
        "for Node.js, on Edge": resource("node/a.js", profile="apigee"),
        "apigeelint passes over shared flows": Case(
            {**SHARED, "resources/jsc/a.js": ""}, kind="sharedflowbundle", lines=[1]
        ),
    },
    good={
        "named": resource("jsc/a.js", SCRIPT.format("a.js", "")),
        "included": resource(
            "jsc/lib/b.js", SCRIPT.format("a.js", "<IncludeURL>jsc://lib/b.js</IncludeURL>")
        ),
        "a library of a JavaCallout": resource("java/b.jar", '<JavaCallout name="A"/>'),
        "a property set": resource("properties/a.properties"),
        "read by an AssignMessage": resource(
            "jsc/a.json",
            '<AssignMessage name="A"><AssignVariable><ResourceURL>jsc://a.json</ResourceURL></AssignVariable></AssignMessage>',
        ),
        "a stylesheet of a stylesheet": Case(
            {
                "policies/A.xml": '<XSL name="A"><ResourceURL>xsl://a.xsl</ResourceURL></XSL>',
                "resources/xsl/a.xsl": '<xsl:include href="b.xsl"/>',
                "resources/xsl/b.xsl": "",
            }
        ),
        "a schema of a service": Case(
            {
                "policies/A.xml": '<MessageValidation name="A"><ResourceURL>wsdl://a.wsdl</ResourceURL></MessageValidation>',
                "resources/wsdl/a.wsdl": '<xsd:import schemaLocation="../xsd/b.xsd"/>',
                "resources/xsd/b.xsd": "",
            }
        ),
        "what a script target runs, on Edge": Case(
            {
                "resources/node/a.js": "",
                "targets/default.xml": """<TargetEndpoint name="default"><ScriptTarget>
<ResourceURL>node://a.js</ResourceURL></ScriptTarget></TargetEndpoint>""",
            },
            profile="apigee",
        ),
        "of a type that is not known": Case({"resources/other/a.txt": "", "targets/default.xml": target()}),
        "for Node.js, where there is none": resource("node/a.js"),
        "nothing there": Case({"proxies/default.xml": proxy()}),
    },
)
