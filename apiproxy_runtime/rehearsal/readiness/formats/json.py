"""readiness.json: one object for each bundle, and a summary of all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

from apiproxy_runtime import __version__
from apiproxy_runtime.rehearsal.readiness.assessment import Assessment
from apiproxy_runtime.world import World


def as_json(assessments: Sequence[Assessment], world: World) -> str:
    """A list under `proxies` whatever their number; times are UTC."""
    generated = datetime.fromtimestamp(world.now(), UTC).isoformat(timespec="seconds")
    statuses = [assessment.status for assessment in assessments]
    document = {
        "tool": "apiproxy readiness",
        "version": __version__,
        "generatedAt": generated,
        "target": assessments[0].to if assessments else None,
        "summary": {
            "bundles": len(assessments),
            **{status: statuses.count(status) for status in ("ready", "review", "blocked")},
        },
        "proxies": [_one(assessment) for assessment in assessments],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _one(assessment: Assessment) -> dict[str, object]:
    bundle, needs = assessment.bundle, assessment.dependencies
    verdicts = assessment.verdicts()
    return {
        "target": assessment.to,
        "source": {
            "proxy": bundle.name,
            "kind": bundle.kind,
            "revision": bundle.revision,
            "path": assessment.place,
            "sha256": assessment.sha256,
        },
        "summary": {
            "status": assessment.status,
            "blockers": assessment.count("blocks"),
            "changes": assessment.count("changes"),
            "limits": assessment.count("limit"),
            "info": assessment.count("information"),
            "coverage": {"policies": sum(verdicts.values()), **verdicts, "percent": assessment.percent},
        },
        "findings": [
            {
                "id": item.id,
                "severity": item.severity,
                "policy": item.policy,
                "policyType": item.policy_type,
                "file": item.file,
                "line": item.line,
                "message": item.message,
                "why": item.why,
                "fix": item.fix,
                "docs": item.docs,
                "autofix": item.autofix,
            }
            for item in assessment.findings
        ],
        "policies": [
            {
                "name": policy.name,
                "type": policy.type,
                "file": policy.place.file,
                "line": policy.place.line,
                "attachedIn": list(policy.attached),
                "verdict": policy.verdict,
                "reason": policy.reason,
                "target": list(policy.becomes),
                "lost": list(policy.lost),
                "differences": list(policy.differences),
                "rehearsalCases": list(policy.cases),
            }
            for policy in assessment.policies
        ],
        "dependencies": {
            "sharedFlows": list(needs.shared_flows),
            "targetServers": list(needs.target_servers),
            "kvms": list(needs.kvms),
            "caches": list(needs.caches),
            "keystores": list(needs.keystores),
            "products": list(needs.products),
            "proxies": list(needs.proxies),
        },
        "unknown": list(assessment.unknown),
        "complexity": {
            "score": assessment.effort.score,
            "level": assessment.effort.level,
            "drivers": [
                {"name": driver.name, "count": driver.count, "points": driver.total}
                for driver in assessment.effort.drivers
            ],
        },
    }
