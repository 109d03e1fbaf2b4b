"""What differs of its own accord: learnt by running the old side twice, and known of by name.

The second run of the old side has another seed, so that whatever depends on ids or randomness shows. A value that
differs between the two runs of the old side may differ between old and new too, as long as it keeps its shape.
"""

from __future__ import annotations

from apiproxy_runtime.rehearsal.difference import Difference

#: Headers that carry a time or an id of one transaction.
VOLATILE = frozenset(
    (
        "date",
        "age",
        "traceparent",
        "tracestate",
        "x-amzn-trace-id",
        "x-b3-parentspanid",
        "x-b3-spanid",
        "x-b3-traceid",
        "x-cloud-trace-context",
        "x-kong-proxy-latency",
        "x-kong-request-id",
        "x-kong-response-latency",
        "x-kong-upstream-latency",
        "x-request-id",
        "x-response-time",
    )
)
#: What is told of the connection a request came over, or is added on the wire.
_OF_THE_CONNECTION = frozenset(
    (
        ("answer", "header.date"),
        ("upstream", "header.host"),
        ("upstream", "header.x-forwarded-for"),
        ("upstream", "header.x-forwarded-host"),
        ("upstream", "header.x-forwarded-port"),
        ("upstream", "header.x-forwarded-proto"),
    )
)
#: Kinds that a learnt place covers: something is there on both sides.
_VALUES = frozenset(("header-value", "value", "content", "effect-value", "url"))


class Noise:
    """The places where the old side differs from itself.

    elsewhere  one of the sides did not run here (it was recorded, or is called over the network): what tells of the
               connection, and the Date that the wire adds, cannot be the same
    """

    def __init__(self, elsewhere: bool = False) -> None:
        self.elsewhere = elsewhere
        self.places: dict[tuple[str, str, str], int] = {}

    def learn(self, differences: list[Difference]) -> None:
        """Take in what differed between two runs of the old side in one case."""
        for difference in differences:
            if difference.kind in _VALUES:
                key = (difference.face, difference.about, difference.place)
                self.places[key] = self.places.get(key, 0) + 1

    def covers(self, difference: Difference) -> str:
        """The rule that makes a difference noise; empty when it is none."""
        kind = difference.kind
        another_host = difference.path == "header.host" and kind == "header-value"
        if self.elsewhere and not another_host and (difference.face, difference.path) in _OF_THE_CONNECTION:
            return "noise:connection"
        if kind == "layout":
            return "noise:layout"
        if kind not in _VALUES:
            return ""
        if difference.path.startswith("header.") and difference.path[7:] in VOLATILE:
            return "noise:volatile-header"
        if (difference.face, difference.about, difference.place) in self.places and alike(
            difference.before, difference.after
        ):
            return "noise:learnt"
        return ""


def alike(one: str, other: str) -> bool:
    """Whether two values have one shape: both numbers, or texts of about the same length and the same signs."""
    if one.isdigit() != other.isdigit() or not one or not other:
        return False
    shorter, longer = sorted((len(one), len(other)))
    if longer > 8 and shorter * 5 < longer * 4:
        return False
    signs = [{c for c in text if not c.isalnum()} for text in (one, other)]
    return signs[0] == signs[1] or len(signs[0] ^ signs[1]) <= 2
