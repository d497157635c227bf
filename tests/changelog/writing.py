"""Rollouts as the engine writes them, for tests that read them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.changelog import this_machine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog import Changelog, Event

ELSEWHERE = {"host": "another-laptop", "pid": 1, "boot": "another-boot"}


def release(number: int) -> dict[str, object]:
    return {"release": f"r{number}", "revision": f"{number}" * 12, "label": f"v{number}"}


def start(
    changelog: Changelog,
    *,
    hosts: tuple[str, ...] = ("web01", "web02"),
    before: int = 1,
    to: int = 2,
    why: str = "",
    service: str = "shop",
    environment: str = "production",
    action: str = "deploy",
    machine: Mapping[str, object] | None = None,
    rollout: str = "",
    **more: object,
) -> str:
    """Write the start of a rollout from one release to another; give its id."""
    name = rollout or changelog.new_rollout_id()
    body = {
        "why": why,
        "to": release(to),
        "hosts": [{"name": host, "batch": 1, "from": release(before)} for host in hosts],
        "machine": this_machine() if machine is None else machine,
        **more,
    }
    put(changelog, "rollout.started", body, name, service, environment, action)
    return name


def results(
    changelog: Changelog,
    rollout: str,
    outcomes: Mapping[str, str],
    *,
    before: int = 1,
    to: int = 2,
    service: str = "shop",
    environment: str = "production",
    action: str = "deploy",
) -> Event:
    """Write how hosts came out; those not done run the old release."""
    told = [
        {
            "host": host,
            "outcome": outcome,
            "from": f"r{before}",
            "to": f"r{to}",
            "live": f"r{to if outcome == 'done' else before}",
            "ms": 1500,
            "at": time.time_ns() // 1_000_000,
            "steps": [{"step": "stage", "ms": 300}, {"step": "restart", "ms": 1200}],
            "error": "" if outcome == "done" else "the health check failed",
            "output": "" if outcome == "done" else "GET /health\n502 Bad Gateway",
        }
        for host, outcome in outcomes.items()
    ]
    return put(
        changelog, "rollout.hosts", {"results": told}, rollout, service, environment, action
    )


def finish(
    changelog: Changelog,
    rollout: str,
    outcome: str = "done",
    *,
    reason: str = "",
    service: str = "shop",
    environment: str = "production",
    action: str = "deploy",
) -> Event:
    """Write the end of a rollout."""
    body = {"outcome": outcome, "reason": reason, "ms": 4200}
    return put(changelog, "rollout.finished", body, rollout, service, environment, action)


def put(
    changelog: Changelog,
    kind: str,
    body: Mapping[str, object],
    rollout: str,
    service: str = "shop",
    environment: str = "production",
    action: str = "deploy",
) -> Event:
    """Write one event of a rollout."""
    return changelog.append(
        kind, body, rollout=rollout, service=service, environment=environment, action=action
    )


def whole(changelog: Changelog, outcome: str = "done", **wanted: object) -> str:
    """Write a rollout from start to end; give its id."""
    keys = ("service", "environment", "action")
    shared = {key: wanted[key] for key in keys if key in wanted}
    versions = {key: wanted[key] for key in ("before", "to") if key in wanted}
    rollout = start(changelog, **wanted)  # type: ignore[arg-type]
    hosts = wanted.get("hosts", ("web01", "web02"))
    each = "done" if outcome == "done" else "failed"
    results(changelog, rollout, dict.fromkeys(hosts, each), **versions, **shared)  # type: ignore[arg-type,call-overload]
    finish(changelog, rollout, outcome, **shared)  # type: ignore[arg-type]
    return rollout


def of_folder(
    changelog: Changelog,
    *,
    old: str = "1",
    new: str = "2",
    outcome: str = "done",
    hosts: tuple[str, ...] = ("web01.example.com", "web02.example.com"),
    why: str = "a friendlier greeting",
) -> str:
    """Write a rollout of a folder: its label is always the same; without `old` the first. Give its id."""
    before, after = (
        {"release": f"r{n}", "revision": n * 64, "label": "site"} if n else None
        for n in (old, new)
    )
    told = [{"name": host, "batch": 1, **({"from": before} if before else {})} for host in hosts]
    body = {"why": why, "to": after, "hosts": told, "machine": ELSEWHERE}
    put(changelog, "rollout.started", body, name := changelog.new_rollout_id(), "site")
    finish(changelog, name, outcome, service="site")
    return name
