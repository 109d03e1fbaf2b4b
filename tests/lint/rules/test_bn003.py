from typing import Any

from tests.house import proxy, steps
from tests.lint.kit import Case, table


def caches(lookup: str, populate: str, *, attached: tuple[str, ...] = ("LC-A", "PC-A"), **case: Any) -> Case:
    files = {
        "policies/LC-A.xml": f'<LookupCache name="LC-A">\n<CacheKey>{lookup}</CacheKey></LookupCache>',
        "policies/PC-A.xml": f'<PopulateCache name="PC-A"><CacheKey>{populate}</CacheKey></PopulateCache>',
        "proxies/default.xml": proxy(request=steps(*attached)),
    }
    return Case(files, **case)


LITERAL = "<Prefix>p</Prefix><KeyFragment>k</KeyFragment>"

test_bad, test_good = table(
    "BN003",
    bad={
        "another fragment": caches(LITERAL, LITERAL.replace("k<", "j<"), lines=[1], severity=2),
        "another prefix": caches(LITERAL, LITERAL.replace("p<", "q<")),
        "filled by a policy that is not attached": caches(LITERAL, LITERAL, attached=("LC-A",)),
        "apigeelint pays no heed to references: one fragment more": caches(
            '<KeyFragment ref="a"/><KeyFragment ref="b"/>', '<KeyFragment ref="a"/>'
        ),
        "apigeelint looks at the first literal only": caches(
            "<KeyFragment>a</KeyFragment><KeyFragment>b</KeyFragment>",
            "<KeyFragment>a</KeyFragment><KeyFragment>c</KeyFragment>",
        ),
    },
    good={
        "the same key": caches(LITERAL, LITERAL),
        "the same references, spaced differently": caches(
            '<KeyFragment ref="a"/><KeyFragment>b</KeyFragment>',
            '\n<KeyFragment ref="a" />\n<KeyFragment> b </KeyFragment>',
        ),
        "another variable may hold the same": caches('<KeyFragment ref="a"/>', '<KeyFragment ref="b"/>'),
        "apigeelint pays no heed to references: one beside a literal": caches(
            '<KeyFragment ref="a"/>', "<KeyFragment>b</KeyFragment>"
        ),
        "a lookup that is not attached": caches(LITERAL, "", attached=("PC-A",)),
    },
)
