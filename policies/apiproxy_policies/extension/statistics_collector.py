"""StatisticsCollector: values for Edge's analytics."""

from __future__ import annotations

import re

from apiproxy_runtime.policy.api import (
    PAYLOAD,
    Element,
    MessageContext,
    Policy,
    Site,
    StepFunction,
    attribute,
    fault_table,
    many,
    nested,
    text,
    text_of,
)

TYPES = ("string", "integer", "float", "long", "double", "boolean")
#: Names of analytics' own dimensions; a statistic of such a name would hide it.
RESERVED = frozenset(
    (
        "organization",
        "environment",
        "apiproxy",
        "apiproxy_revision",
        "developer",
        "developer_app",
        "developer_email",
        "api_product",
        "client_id",
        "client_ip",
        "client_host",
        "request_uri",
        "request_path",
        "request_verb",
        "request_size",
        "response_size",
        "response_status_code",
        "target",
        "target_url",
        "target_host",
        "gateway_flow_id",
        "useragent",
        "access_token",
        "proxy",
        "proxy_basepath",
        "proxy_pathsuffix",
    )
)
LONGEST = 1000


class Statistic(Element):
    """One value: the variable `ref`, or the text where it is not set."""

    name: str = attribute("name", required=True, default="")
    ref: str = attribute("ref", default="", doc="variable to record")
    type: str = attribute("type", default="", doc="string, integer, float, long, double or boolean")
    default: str = text(PAYLOAD, default="")


class Statistics(Element):
    items: tuple[Statistic, ...] = many("Statistic", Statistic)


class StatisticsCollector(Policy):
    """Send variables to analytics as custom dimensions and metrics (Edge; DataCapture replaces it on X).

    The values end in this runtime's analytics records. Of several collectors in one transaction the last one counts.
    Values are cut at 1000 characters.
    """

    tag = "StatisticsCollector"
    family = "extension"
    prefix = "statisticscollector"
    profiles = ("apigee",)
    docs = "https://docs.apigee.com/api-platform/reference/policies/statistics-collector-policy"
    faults = fault_table("steps.statisticscollector")
    deploy_errors = {
        "UnsupportedDatatype": (
            "StatisticsCollection {type}: Datatype Revision:{rev};APIProxy:{proxy};Organization:{org};Environment:{env}"
            " is unsupported . Context {2}."
        ),
        "InvalidName": "StatisticsCollection: Name: {name} conflicts with system defined variables. Context policy: {policy}.",
        "DatatypeMissing": (
            "StatisticsCollection {ref}: Datatype of Revision:{rev};APIProxy:{proxy};Organization:{org};Environment:{env}"
            " is missing . Context {2}."
        ),
    }
    example = """
<StatisticsCollector name="Stats-Orders">
  <Statistics><Statistic name="orderid" ref="order.id" type="string">none</Statistic></Statistics>
</StatisticsCollector>"""

    statistics: Statistics | None = nested("Statistics", Statistics)

    def check(self, site: Site) -> None:
        at = site.deployment
        place = {"rev": at.revision, "proxy": at.proxy, "org": at.organization, "env": at.environment}
        for item in self.statistics.items if self.statistics else ():
            if not item.type:
                site.error(
                    item.node,
                    "DatatypeMissing",
                    f'Add type="…": one of {", ".join(TYPES)}.',
                    ref=item.ref,
                    **place,
                )
            elif item.type.lower() not in TYPES:
                site.error(
                    item.node,
                    "UnsupportedDatatype",
                    f"Write one of {', '.join(TYPES)}.",
                    type=item.type,
                    **place,
                )
            if item.name.lower() in RESERVED:
                site.error(item.node, "InvalidName", "Choose another name.", name=item.name)
            elif re.search(r"[\s\-_.]", item.name):
                site.warning(
                    item.node,
                    "InvalidName",
                    f'The name "{item.name}" holds blanks or punctuation, which analytics does not keep',
                    "Use letters and digits.",
                )

    def compile(self, site: Site) -> StepFunction:
        items = [
            (item.name, site.getter(item.ref) if item.ref else None, item.node.text.strip())
            for item in (self.statistics.items if self.statistics else ())
        ]

        def collect(ctx: MessageContext) -> None:
            collected = {}
            for name, get, default in items:
                value = text_of(get(ctx)) if get is not None else ""
                value = value or default
                if value:
                    collected[name] = value[:LONGEST]
            ctx.analytics = {**ctx.analytics, "statistics": collected}

        return collect
