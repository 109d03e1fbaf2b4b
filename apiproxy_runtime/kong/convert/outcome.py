"""What becomes of one policy on Kong: plugins, and what is lost on the way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct, field

from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import Placed
from apiproxy_runtime.bundle.model import Bundle, PolicySource
from apiproxy_runtime.bundle.testdata import TestData

#: exact: same observable behaviour for the usual configuration; partial: with differences to rehearse; manual: somebody
#: has to design or write something; drop: it has no meaning on Kong.
Verdict = Literal["exact", "partial", "manual", "drop"]
Phase = Literal["request", "response", "fault", "client"]
Edition = Literal["oss", "enterprise"]
#: Where callouts stand: for all requests, as the schemas of the two plugins have it, or on their routes.
Callouts = Literal["global", "route"]
#: A plugin's `config`, as Kong's declarative format has it.
Config = dict[str, Any]

WORSE: dict[Verdict, int] = {"drop": 0, "exact": 1, "partial": 2, "manual": 3}


class Plugin(Struct, frozen=True):
    """One plugin of Kong. `enterprise` says that only Kong Enterprise has it."""

    name: str
    config: Config
    enterprise: bool = False
    enabled: bool = True


class Outcome(Struct, frozen=True):
    """What a policy becomes where it is attached.

    lost         parts that the plugins do not do, each with a sentence for the TODO comment
    differences  what behaves differently although it was converted
    cases        what a rehearsal should send to see the differences
    variables    flow variables the policy would have set, as templates of Kong's request-transformer
    fails_closed whether leaving the condition away refuses more and not less
    """

    verdict: Verdict
    reason: str
    plugins: tuple[Plugin, ...] = ()
    lost: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    fails_closed: bool = False


class Landscape(Struct, frozen=True):
    """What stands around the bundle: environment, test data, shared flows by name, and how to convert.

    let_pass  whether routes that lost a step that keeps callers out stay open
    """

    environment: Environment
    test_data: TestData
    shared_flows: Mapping[str, Bundle]
    edition: Edition = "oss"
    callouts: Callouts = "global"
    vault_keys: bool = False
    let_pass: bool = False


class Attachment(Struct, frozen=True):
    """A policy in a flow. `variables` are flow variables that Kong can resolve there, as templates.

    answers  whether no target is called, so that the response is what the policies make of it
    """

    policy: PolicySource
    bundle: Bundle
    proxy: Bundle
    phase: Phase
    landscape: Landscape
    variables: Mapping[str, str]
    answers: bool = False


Converter = Callable[[Attachment], Outcome]


class Row(Struct, frozen=True):
    """One thing of the bundle and what became of it.

    kind         policy, endpoint, flow, condition, fault rule, route rule, target, shared flow, resource …
    place        where it stands
    kong         the entities it became, as `plugin key-auth`, `route orders-default-list`
    """

    kind: str
    name: str
    type: str
    place: Placed
    verdict: Verdict
    reason: str
    kong: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    differences: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    proxy: str = ""
