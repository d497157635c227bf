"""Who took a host out of a load balancer is found however long ago that was, and whatever else was rolled out since."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING, Any

from opskit.changelog.drains import Seats
from opskit.changelog.sql import statement
from tests.changelog.writing import finish, put, start

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog import Changelog

ONE, TWO = ("web01", "lb01", "shop", "web01"), ("web02", "lb01", "shop", "web02")
MANY = 120


def body(*seats: tuple[str, ...], key: str = "drains") -> dict[str, Any]:
    return {key: [dict(zip(("host", "at", "backend", "server"), s, strict=True)) for s in seats]}


def drained(changelog: Changelog, *seats: tuple[str, ...], **names: str) -> str:
    """Write a rollout that takes these seats out."""
    rollout = start(changelog, hosts=tuple(seat[0] for seat in seats), **names)
    put(changelog, "rollout.hosts", {"results": [], **body(*seats)}, rollout, **names)
    finish(changelog, rollout, "failed", **names)
    return rollout


def found(changelog: Changelog, *seats: tuple[str, str, str, str]) -> dict[str, str]:
    wanted = Seats("shop", "production", ("reboot",), seats or (ONE, TWO))
    return {seat[0]: r.id for seat, r in changelog.last_drained(wanted).items()}


def test_it_is_found_behind_many_others(changelog: Changelog) -> None:
    old = drained(changelog, ONE, TWO)
    for _ in range(MANY):
        last = drained(changelog, TWO)
        finish(changelog, start(changelog, hosts=("web01",)))
    assert found(changelog) == {"web01": old, "web02": last}
    assert changelog.last_drained(Seats("shop", "production", (), [ONE]))[ONE].outcome == "failed"
    assert found(changelog, ("web01", "lb02", "shop", "web01")) == {}


def test_other_services_and_environments_do_not_count_and_reboots_do(changelog: Changelog) -> None:
    drained(changelog, ONE, service="api")
    drained(changelog, ONE, environment="staging")
    assert found(changelog) == {}
    reboot = drained(changelog, ONE, service="", action="reboot")
    assert found(changelog) == {"web01": reboot}


def test_a_result_that_leaves_a_host_out_says_it_too(changelog: Changelog) -> None:
    rollout = start(changelog)
    result = {"host": "web01", "outcome": "failed", **body(ONE, key="drained")}
    put(changelog, "rollout.hosts", {"results": [result]}, rollout)
    assert found(changelog) == {"web01": rollout}
    assert changelog.verify() == []


def test_what_is_redacted_is_forgotten_and_what_is_odd_is_left_out(changelog: Changelog) -> None:
    old, new = drained(changelog, ONE), drained(changelog, ONE)
    (event,) = (e for e in changelog.rollout(new).events if e.header.kind == "rollout.hosts")
    changelog.redact(event.hash.hex(), why="a secret")
    assert found(changelog) == {"web01": old}
    odd = start(changelog)
    put(changelog, "rollout.hosts", {"drains": [{"host": "web01"}, 7], "results": {}}, odd)
    assert found(changelog) == {"web01": old}
    assert changelog.verify() == []


def test_only_what_was_taken_out_of_that_seat_is_looked_at(changelog: Changelog, file: Path) -> None:  # fmt: skip
    drained(changelog, ONE)
    values = dict(zip(("host", "at", "backend", "server"), ONE, strict=True))
    values |= {"service": "shop", "environment": "production", "whole": "[]"}
    with contextlib.closing(sqlite3.connect(file)) as database:
        plan = database.execute(
            f"EXPLAIN QUERY PLAN {statement('last_drained')}", values
        ).fetchall()
    said = [row[3] for row in plan]
    assert any("SEARCH drained USING PRIMARY KEY (host=? AND at=? AND backend=? AND server=?)" in line for line in said)  # fmt: skip
    assert not any(line.startswith(("SCAN entry", "SCAN drained", "SCAN e ")) for line in said), (
        said
    )
