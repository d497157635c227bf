"""Plans and reports as rollouts make them, and a terminal to show them on."""

from __future__ import annotations

import io

from opskit.rollout.git import Commit
from opskit.rollout.plan import Plan, Target
from opskit.rollout.probe import Release
from opskit.rollout.report import HostResult, Report, StepTime

OLD, NEW = Release("r1", "a" * 40, "v1"), Release("r2", "b" * 40, "v2")
NASTY = "evil\x1b[2J\rline"


class Screen(io.StringIO):
    """A terminal that shows UTF-8."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def plan(**changes: object) -> Plan:
    """Give the plan of a deploy to web01 to web03 and to db01, which does not answer."""
    targets = (
        Target("web01", OLD, NEW),
        Target("web02", OLD, NEW),
        Target("web03", None, NEW),
        Target("db01", OLD, NEW, problem="no route", hint="is it up?", outcome="unreachable"),
    )
    given: dict[str, object] = {
        "rollout": "abcdefghjk", "action": "deploy", "environment": "production", "service": "shop",
        "targets": targets, "batches": (("web01",), ("web02", "web03")), "why": "because",
        "after": NEW, "gated": True, "commits": (Commit("c" * 40, "Subject", "Ana"),),
        "notes": ("the tree was dirty",), "commands": (("switch", "set -eu\nln -s"), ("check", "GET /")),
    }  # fmt: skip
    return Plan(**(given | changes))  # type: ignore[arg-type]


def done(host: str = "web01") -> HostResult:
    steps = (StepTime("switch", 10), StepTime("restart", 1200))
    return HostResult(host, "done", "r1", "r2", "r2", ms=1300, steps=steps)


def reverted(host: str = "web02") -> HostResult:
    output = "\n".join(f"line {n}" for n in range(30)) + f"\n{NASTY}"
    return HostResult(
        host, "reverted", "r1", "r2", "r1", error="not healthy", hint="look at it", output=output
    )


def report(*hosts: HostResult, outcome: str = "partial", **changes: object) -> Report:
    given: dict[str, object] = {
        "rollout": "abcdefghjk", "action": "deploy", "service": "shop", "environment": "production",
        "outcome": outcome, "reason": "web02: not healthy", "seconds": 75.0, "hosts": hosts,
    }  # fmt: skip
    return Report(**(given | changes))  # type: ignore[arg-type]
