"""What commands print of what they read and deployed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TextIO

from apiproxy_runtime.bundle.finding import Finding, Findings
from apiproxy_runtime.bundle.testdata import describe
from apiproxy_runtime.cli.workload import Loaded
from apiproxy_runtime.control.host import Host
from apiproxy_runtime.program.program import ProxyProgram, SharedFlowProgram


def address_of(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def say(line: str, stream: TextIO | None = None) -> None:
    """Print a line at once and in one piece: several workers may write at the same moment."""
    print(f"{line}\n", end="", flush=True, file=stream)


def report(findings: tuple[Finding, ...] | Findings, stream: TextIO) -> None:
    """One line for each finding."""
    for finding in findings:
        say(f"{finding.severity}: {finding}", stream)


def announce_all(host: Host, loaded: Loaded) -> None:
    """What was found, and what is deployed in all environments."""
    for line in describe(loaded.environment, loaded.test_data):
        say(f"Found {line}")
    for name in host.organization.environments:
        where = "" if name == host.environment else f" in {name}"
        print_deployed(host.programs(name), host.shared_flows(name), where)


def print_deployed(
    proxies: Iterable[ProxyProgram], shared_flows: Iterable[SharedFlowProgram], where: str = ""
) -> None:
    for flow in shared_flows:
        say(f"Deployed shared flow {flow.name} ({len(flow.steps)} steps){where}")
    for program in proxies:
        for endpoint in program.endpoints:
            say(
                f"Deployed {program.bundle.name} revision {program.deployment.revision}: "
                f"{endpoint.base_path} ({endpoint.name}){where}"
            )
