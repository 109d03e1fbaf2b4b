"""Quota: counts messages over minutes to months and refuses those above the limit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from apiproxy_policies.traffic.quota_counter import (
    EXCEEDED,
    Counters,
    Reference,
    Report,
    compile_identifier,
    compile_weight,
    counter_key,
    whose,
)
from apiproxy_policies.traffic.quota_terms import (
    Allow,
    AsynchronousConfiguration,
    Class,
    FindTerms,
    KnownPeriod,
    Period,
    Terms,
    UseQuotaConfigInAPIProduct,
    compile_limit,
    compile_period,
    policy_terms,
    product_terms,
)
from apiproxy_policies.traffic.quota_window import TIME_UNIT, UNITS, start_time
from apiproxy_runtime.policy.api import (
    BOOLEAN,
    INTEGER,
    Answer,
    Count,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    Value,
    attribute,
    child,
    fault_table,
    nested,
    then,
)

#: More than any limit: counting it is always refused, and the refusal is counted.
_BEYOND = 2**52


Weight = Callable[[MessageContext], int]
FindPart = Callable[[MessageContext], str]


class Quota(Policy):
    """Count messages over an interval and refuse those above the limit.

    Limits count for each identifier, and each class of `<Class>`, of one proxy and policy (or `<SharedName>`). They are
    shared by all workers and machines, at once and exactly. With `<UseQuotaConfigInAPIProduct>` the limit is the
    product's and counts for each app, product and operation (REST resource organizations.apiproducts: quotas are
    "per app"); without one there, and without `<DefaultConfig>`, nothing is limited.

    `<EnforceOnly>` refuses when the counter has reached the limit, and counts nothing.
    """

    tag = "Quota"
    family = "traffic"
    prefix = "ratelimit"
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/quota-policy"
    faults = fault_table(
        "policies.ratelimit",
        (
            "QuotaViolation",
            429,
            "Rate limit quota violation. Quota limit  exceeded. Identifier : {identifier}",
            "the limit is reached",
        ),
        (
            "FailedToResolveQuotaIntervalReference",
            500,
            "Failed to resolve quota interval reference {reference} in quota policy {1}",
            "there is no <Interval>, or its variable does not resolve and it has no text",
        ),
        (
            "FailedToResolveQuotaIntervalTimeUnitReference",
            500,
            "Failed to resolve quota time unit reference {reference} in quota policy {1}",
            "there is no <TimeUnit>, or its variable does not resolve and it has no text",
        ),
        (
            "InvalidMessageWeight",
            500,
            "Invalid message weight value {value}",
            "the variable of <MessageWeight> holds no integer",
        ),
    )
    deploy_errors = {
        "InvalidQuotaInterval": "Invalid quota interval {interval} in quota policy {policy}.",
        "InvalidQuotaTimeUnit": "Invalid quota interval time unit {unit} in quota policy {policy} in Revision {rev} of application {proxy}, in organization {org}.",
        "InvalidQuotaType": "No enum constant com.apigee.quota.types.QuotaType.{type}.",
        "InvalidStartTime": "Invalid Starttime:{value}; Start Time should be of the format yyyy-MM-dd HH:mm:ss.",
        "StartTimeNotSupported": "Starttime is not supported for quotatype {type}. Starttime is supported only for calendar based type.",
        "InvalidTimeUnitForDistributedQuota": "The time unit second is not supported for a distributed quota in quota policy {policy}.",
        "InvalidSynchronizeIntervalForAsyncConfiguration": "SyncIntervalInSeconds should be a value greater than zero.",
        "InvalidAsynchronizeConfigurationForSynchronousQuota": "AsynchronousConfiguration is not valid for synchronous quota.",
    }
    variables = {
        "ratelimit.{policy}.allowed.count": "the limit",
        "ratelimit.{policy}.used.count": "messages counted in the window",
        "ratelimit.{policy}.available.count": "messages left",
        "ratelimit.{policy}.exceed.count": "1 when this message was above the limit, else 0",
        "ratelimit.{policy}.total.exceed.count": "messages refused in the window",
        "ratelimit.{policy}.expiry.time": "end of the window, milliseconds UTC; rollingwindow: when the oldest "
        "message leaves it",
        "ratelimit.{policy}.identifier": "whose messages are counted, `_default` without identifier",
        "ratelimit.{policy}.class": "the class; class.allowed.count, class.used.count, class.available.count, "
        "class.exceed.count and class.total.exceed.count are the counts of the class",
        "ratelimit.{policy}.failed": "true when the limit was reached or the policy failed otherwise",
    }
    example = """
<Quota name="Q-PerApp" type="calendar">
  <Identifier ref="client_id"/>
  <Allow count="100" countRef="verifyapikey.VAK-Key.apiproduct.developer.quota.limit"/>
  <Interval>1</Interval>
  <TimeUnit>hour</TimeUnit>
  <StartTime>2025-01-01 00:00:00</StartTime>
  <Distributed>true</Distributed>
  <Synchronous>true</Synchronous>
</Quota>"""

    events = (EXCEEDED,)

    #: the fault of a message above the limit
    violation: ClassVar[str] = "QuotaViolation"
    #: what `allowed.count` says where messages are only counted; None: the limit
    reported_limit: ClassVar[int | None] = None
    #: where products keep the limit
    product_quota: ClassVar[str] = "apiproduct.developer.quota"

    type: str | None = attribute("type", doc="calendar, flexi or rollingwindow; none: the clock's units")
    allow: Allow | None = nested("Allow", Allow, doc="how many messages; 2000 by default")
    classes: Class | None = nested("Class", Class, doc="limits by class; stands in <Allow> as well")
    interval: Value[int] | None = child(
        "Interval",
        INTEGER,
        ref=True,
        doc="how many units of time; required",
        error="InvalidQuotaInterval",
        message=deploy_errors["InvalidQuotaInterval"].replace("{interval}", "{value}"),
    )
    time_unit: Value[str] | None = child(
        "TimeUnit", TIME_UNIT, ref=True, doc="minute, hour, day, week or month; required"
    )
    start_time: str | None = child("StartTime", doc="calendar: yyyy-MM-dd HH:mm:ss, UTC")
    identifier: Reference | None = nested("Identifier", Reference, doc="whose messages are counted together")
    message_weight: Reference | None = nested("MessageWeight", Reference, doc="for how many a message counts")
    distributed: bool = child("Distributed", BOOLEAN, default=False, doc="no effect: quotas are distributed")
    synchronous: bool = child("Synchronous", BOOLEAN, default=False, doc="no effect: quotas are synchronous")
    asynchronous_configuration: AsynchronousConfiguration | None = nested(
        "AsynchronousConfiguration", AsynchronousConfiguration, doc="no effect: quotas are synchronous"
    )
    precise: bool = child("PreciseAtSecondsLevel", BOOLEAN, default=False, doc="no effect: counts are exact")
    product: UseQuotaConfigInAPIProduct | None = nested(
        "UseQuotaConfigInAPIProduct",
        UseQuotaConfigInAPIProduct,
        doc="takes the limit from the API product",
    )
    shared_name: str | None = child("SharedName", doc="policies of one name count on the same counters")
    count_only: bool = child("CountOnly", BOOLEAN, default=False, doc="true: counts and never refuses")
    enforce_only: bool = child("EnforceOnly", BOOLEAN, default=False, doc="true: refuses and never counts")

    @property
    def kind(self) -> str | None:
        """The type; None for the clock's units."""
        return None if self.type in (None, "", "default") else self.type

    def check(self, site: Site) -> None:
        if self.kind not in (None, "calendar", "flexi", "rollingwindow"):
            cure = "Write calendar, flexi or rollingwindow, or no type."
            site.error(self.node, "InvalidQuotaType", cure, type=self.type)
        self._check_window(site)
        self._check_asynchronous(site)
        if self.product is not None:
            self._check_product(site, self.product)
        if self.allow is not None and self.allow.text is not None and self.allow.text.text:
            site.warning(
                self.allow.node,
                "IgnoredAllow",
                f"the text of <Allow> ({self.allow.text.text}) does not limit anything",
                f'Write <Allow count="{self.allow.text.text}"/>.',
            )
        if (self.count_only or self.enforce_only) and not self.shared_name:
            site.warning(
                self.node,
                "SharedNameMissing",
                "<CountOnly> and <EnforceOnly> do nothing useful without <SharedName>",
                "Give the policy that counts and the one that enforces one <SharedName>.",
            )
        if self.count_only and self.enforce_only:
            site.warning(
                self.node,
                "CountOnlyAndEnforceOnly",
                "a policy that is both <CountOnly> and <EnforceOnly> does neither",
                "Keep one of the two.",
            )

    def _check_window(self, site: Site) -> None:
        if self.start_time:
            try:
                start_time(self.start_time)
            except ValueError:
                cure = "Write it like 2025-01-31 14:30:00."
                site.error(self.place("StartTime"), "InvalidStartTime", cure, value=self.start_time)
            if self.kind != "calendar":
                self._refuse_start_time(site)
        if self.product is None and (self.interval is None or self.time_unit is None):
            site.warning(
                self.node,
                "MissingInterval",
                "<Interval> and <TimeUnit> are both needed, every message fails without them",
                "Write <Interval>1</Interval><TimeUnit>hour</TimeUnit>.",
            )
        if self.interval is not None and self.interval.literal is not None and self.interval.literal < 1:
            cure = "Write an integer from 1."
            site.error(self.interval.node, "InvalidQuotaInterval", cure, interval=self.interval.text)
        unit = self.time_unit
        if unit is None or unit.literal is None:
            return
        if unit.literal not in UNITS:
            site.error(
                unit.node,
                "InvalidQuotaTimeUnit",
                "Write minute, hour, day, week or month.",
                unit=unit.text,
                rev=site.deployment.revision,
                proxy=site.deployment.proxy,
                org=site.deployment.organization,
            )
        elif unit.literal == "second" and self.distributed:
            site.error(unit.node, "InvalidTimeUnitForDistributedQuota", "Write minute or a longer unit.")

    def _refuse_start_time(self, site: Site) -> None:
        """The reference page refuses it for every other type, but published bundles with flexi are deployed."""
        cure = 'Remove <StartTime>, or write type="calendar".'
        if self.kind == "flexi":
            message = self.deploy_errors["StartTimeNotSupported"].replace("{type}", "flexi")
            site.warning(self.place("StartTime"), "StartTimeNotSupported", message, cure)
        else:
            site.error(self.place("StartTime"), "StartTimeNotSupported", cure, type=self.kind or "default")

    def _check_asynchronous(self, site: Site) -> None:
        settings = self.asynchronous_configuration
        if settings is None:
            return
        if self.synchronous:
            site.error(
                settings.node,
                "InvalidAsynchronizeConfigurationForSynchronousQuota",
                "Remove <AsynchronousConfiguration>, or write <Synchronous>false</Synchronous>.",
            )
        if settings.interval is not None and settings.interval < 1:
            site.error(
                settings.node, "InvalidSynchronizeIntervalForAsyncConfiguration", "Write an integer from 1."
            )

    def _check_product(self, site: Site, product: UseQuotaConfigInAPIProduct) -> None:
        source = site.bundle.policies.get(product.step_name)
        if not product.step_name or (
            source is not None and source.element not in ("VerifyAPIKey", "OAuthV2")
        ):
            site.warning(
                product.node,
                "InvalidStepName",
                f'stepName "{product.step_name}" names no policy that finds a product',
                "Name the VerifyAPIKey or OAuthV2 policy that runs before.",
            )

    # ---- compiling

    def counters(self, site: Site) -> Counters:
        """Where the policy counts."""
        start = start_time(self.start_time) if self.start_time else None
        return Counters(site, self.name, self.shared_name, self.kind, start)

    def terms(self, site: Site) -> FindTerms:
        """Limit, class and window of a message. The function raises the faults of Interval and TimeUnit."""
        classes = self.classes or (self.allow.classes if self.allow is not None else None)
        if self.product is not None:
            return product_terms(self.product, self.product_quota, site, self._period)
        return policy_terms(
            compile_limit(self.allow, classes, site), self._period(self.interval, self.time_unit, site)
        )

    def _period(
        self, interval: Value[int] | None, unit: Value[str] | None, site: Site
    ) -> Period | KnownPeriod:
        return compile_period(
            interval,
            unit,
            site,
            lambda reference: self.fault("FailedToResolveQuotaIntervalReference", reference=reference),
            lambda reference: self.fault(
                "FailedToResolveQuotaIntervalTimeUnitReference", reference=reference
            ),
        )

    def weight(self, site: Site) -> Weight | None:
        """For how many a message counts; None where it is always one."""
        return compile_weight(
            self.message_weight, site, lambda value: self.fault("InvalidMessageWeight", value=value)
        )

    def part(self, site: Site) -> FindPart | None:
        """What sets counters apart beside identifier, class and product; None where nothing does."""
        return None

    def compile(self, site: Site) -> StepFunction:
        find_terms, counters = self.terms(site), self.counters(site)
        identifier_of, weight_of, part_of = (
            compile_identifier(self.identifier, site),
            self.weight(site),
            self.part(site),
        )
        report, violation, reported = Report(self.name, site), self.violation, self.reported_limit
        count_only, enforce_only = self.count_only, self.enforce_only and not self.count_only
        exceeded, tell, policy, kind = site.emitter(EXCEEDED), whose(self.identifier), self.name, self.tag

        def settle(count: Count, ctx: MessageContext, terms: Terms, identifier: str) -> None:
            limit, class_name = terms.limit, terms.class_name
            report(
                ctx, count, reported if count_only and reported is not None else limit, identifier, class_name
            )
            if not count.allowed:
                if exceeded:
                    counts = {"limit": limit, "used": count.used, "expires": count.expires}
                    about = {"policy": policy, "policy_type": kind, "class": class_name}
                    exceeded({**tell(ctx, identifier), **about, **counts})
                raise self.fault(violation, identifier=identifier)

        def enforce(
            count: Count, ctx: MessageContext, terms: Terms, identifier: str, key: str
        ) -> Answer[None]:
            if count.used < terms.limit:
                settle(count, ctx, terms, identifier)
                return None
            refused = counters.add(ctx, key, _BEYOND, terms.limit, terms.interval, terms.unit)
            return then(refused, settle, ctx, terms, identifier)

        def quota(ctx: MessageContext) -> Awaitable[object] | None:
            terms = find_terms(ctx)
            if terms is None:
                return None
            limit, class_name, interval, unit, extra = terms
            identifier = identifier_of(ctx)
            if part_of is not None:
                extra = f"{extra}\0{part_of(ctx)}"
            key = (
                identifier if class_name is None and not extra else counter_key(identifier, class_name, extra)
            )
            if enforce_only:
                looked = counters.add(ctx, key, 0, None, interval, unit)
                return then(looked, enforce, ctx, terms, identifier, key)
            weight = 1 if weight_of is None else weight_of(ctx)
            counted = counters.add(ctx, key, weight, None if count_only else limit, interval, unit)
            if isinstance(counted, Count):  # at once, as most stores answer
                settle(counted, ctx, terms, identifier)
                return None
            return then(counted, settle, ctx, terms, identifier)

        return quota
