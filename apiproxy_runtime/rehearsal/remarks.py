"""What a kong.yml says of itself: the TODO comments that `apiproxy convert` leaves, as the reason of a difference."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_SAID = re.compile(r"# TODO \S+: (?P<text>.+)")
_FAULT_RULE = re.compile(r"the fault rule .+? runs (?P<policies>.+?): ")
_CAUSE = re.compile(r"(?P<step>[^()]+?)(?: \(.*:(?P<line>\d+)\))?")
_AGAIN = "as above"


@dataclass(frozen=True, slots=True)
class Remarks:
    """The comments by the policy they are about, and by the line of the plugin they stand above."""

    of_policy: dict[str, str] = field(default_factory=dict)
    above: dict[int, str] = field(default_factory=dict)

    def reason(self, cause_before: str, cause_after: str) -> str:
        """Why the step of the old side has no equal, or what the plugin of the new side stands for; empty for unknown."""
        step = _CAUSE.fullmatch(cause_before)
        if step is not None and step["step"] in self.of_policy:
            return self.of_policy[step["step"]]
        plugin = _CAUSE.fullmatch(cause_after)
        if plugin is None or plugin["line"] is None:
            return ""
        return self.above.get(int(plugin["line"]), "")


def remarks_in(text: str) -> Remarks:
    """Read the comments of a kong.yml, whoever wrote it; one without comments has no remarks."""
    remarks = Remarks()
    last = ""
    for number, line in enumerate(text.splitlines(), 1):
        written = line.strip()
        if not written.startswith("#"):
            if last:
                remarks.above[number] = last
            last = ""
            continue
        said = _SAID.match(written)
        if said is None:
            continue
        policy, _, about = said["text"].partition(": ")
        rule = _FAULT_RULE.match(said["text"])
        if rule is not None:
            for name in rule["policies"].split(", "):
                remarks.of_policy.setdefault(name, said["text"])
        elif " " not in policy and about != _AGAIN:
            remarks.of_policy.setdefault(policy, about)
        if about != _AGAIN:
            last = about if " " not in policy and about else said["text"]
        else:
            last = remarks.of_policy.get(policy, policy)
    return remarks
