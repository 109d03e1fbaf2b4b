from tests.lint.kit import policy, table

test_bad, test_good = table(
    "PO037",
    bad={
        "no default": policy(
            '<DataCapture name="DC-1"><Capture><DataCollector>dc_a</DataCollector><Collect ref="a"/></Capture></DataCapture>',
            lines=[1],
            severity=2,
        ),
        "no collector": policy(
            '<DataCapture name="DC-1"><Capture><Collect ref="a" default="0"/></Capture></DataCapture>',
            says="<DataCollector>",
        ),
        "an attribute": policy(
            '<DataCapture name="DC-1"><Capture><DataCollector name="a">dc_a</DataCollector><Collect ref="a" default="0"/></Capture></DataCapture>',
            says="name",
        ),
        "two": policy(
            '<DataCapture name="DC-1"><Capture><DataCollector>dc_a</DataCollector><DataCollector>dc_a</DataCollector><Collect ref="a" default="0"/></Capture></DataCapture>',
            says="2 <DataCollector>",
        ),
        "no response yet": policy(
            '<DataCapture name="DC-1"><Capture><DataCollector>dc_a</DataCollector><Collect default="0"><Source>response</Source><JSONPayload><JSONPath>$.a</JSONPath></JSONPayload></Collect></Capture></DataCapture>',
            says="no response",
        ),
    },
    good={
        "complete": policy(
            '<DataCapture name="DC-1"><Capture><DataCollector scope="environment">dc_a</DataCollector><Collect ref="a" default="0"/></Capture></DataCapture>'
        ),
        "not attached": policy(
            '<DataCapture name="DC-1"><Capture><DataCollector>dc_a</DataCollector><Collect ref="a"/></Capture></DataCapture>',
            attached=False,
        ),
    },
)
