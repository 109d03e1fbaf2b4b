import tempfile
import time
from pathlib import Path

from tests.house import proxy
from tests.lint.kit import Case, condition, problems_of, table

FAULT = """<FaultRules><FaultRule name="f"><Step><Name>AM-1</Name>
<Condition>a = "x" and a = "y"</Condition></Step></FaultRule></FaultRules>"""
UNREADABLE = """<Step><Name>AM-1</Name><Condition>a contains "x"</Condition></Step>
<Step><Name>AM-1</Name><Condition>a = "x" and a = "y"</Condition></Step>"""
POLICY = {"policies/AM-1.xml": '<AssignMessage name="AM-1"/>'}

test_bad, test_good = table(
    "CC006",
    bad={
        "two values at once": condition('a = "x" and a = "y"', severity=2, says="never be true"),
        "a value and not that value": condition('a = "x" and a != "x"'),
        "an empty range": condition("a > 10 and a < 5"),
        "two prefixes": condition('proxy.pathsuffix =| "/a" and proxy.pathsuffix =| "/b"'),
        "the constant false": condition("false", says='enabled="false"'),
        "apigeelint misses the case of header names": condition(
            'request.header.Accept = "x" and request.header.accept = "y"'
        ),
        "apigeelint tells it twice: once for a step in a fault rule": Case(
            {**POLICY, "proxies/default.xml": proxy(extra=FAULT)}, lines=[7]
        ),
        "apigeelint goes silent after a condition that it cannot read": Case(
            {**POLICY, "proxies/default.xml": proxy(request=UNREADABLE)}, lines=[3]
        ),
    },
    good={
        "either of two values": condition('a = "x" or a = "y"'),
        "a range": condition("a > 5 and a < 10"),
        "two variables": condition('a = "x" and b = "y"'),
        "a case that is ignored": condition('a := "X" and a = "x"'),
    },
)


def test_apigeelint_takes_exponential_time_here_thirty_headers_take_milliseconds() -> None:
    text = " or ".join(f'request.header.h{number} = "a"' for number in range(30))
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        assert problems_of("CC006", condition(text), Path(folder)) == []
        assert time.process_time() - start < 0.5
