from tests.house import proxy, steps
from tests.lint.kit import Case, table


def _case(arrest: str = '<SpikeArrest name="SA-1"/>', **where: str) -> Case:
    files = {
        "policies/SA-1.xml": arrest,
        "policies/SC-1.xml": '<ServiceCallout name="SC-1"/>',
        "policies/AM-1.xml": '<AssignMessage name="AM-1"/>',
        "proxies/default.xml": proxy(**where),
    }
    return Case(files)


test_bad, test_good = table(
    "AR306",
    bad={"after a callout": _case(request=steps("SC-1", "SA-1"))},
    good={
        "first": _case(request=steps("SA-1", "SC-1")),
        "after something cheap": _case(request=steps("AM-1", "SA-1")),
        "with an identifier": _case(
            '<SpikeArrest name="SA-1"><Identifier ref="client"/></SpikeArrest>', request=steps("SC-1", "SA-1")
        ),
        "after a callout that not all make": _case(request=steps(SC_1='a = "b"') + steps("SA-1")),
    },
)
