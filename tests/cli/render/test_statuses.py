"""What hosts run, against what the changelog says."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import pytest

from opskit.changelog import LiveRecord, RolloutRecord
from opskit.cli.render import statuses
from opskit.rollout.probe import HeldLock, Release
from opskit.rollout.status import HostStatus, ServiceStatus
from tests.cli.render.samples import NASTY, NEW, OLD

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SAID = LiveRecord("web01", "r2", "b" * 40, "v2", "abcdefghjk", AT)
LOCK = HeldLock("zzzzzzzzzz", "ana", 1000, 1900, "deploy")
WELL = HostStatus("web01", "ok", NEW, SAID)
DRIFTED = HostStatus("web02", "drifted", OLD, SAID, (LOCK,), "the changelog says v2")
LOST = HostStatus("web03", "unreachable", None, None, note="no route")
EMPTY = HostStatus("web04", "empty", None, None, note="nothing deployed")
UNFINISHED = RolloutRecord(
    id="yyyyyyyyyy", at=AT, actor="ben", action="deploy", service="shop", environment="production",
    outcome="unfinished",
)  # fmt: skip


def service(*hosts: HostStatus, unfinished: tuple[RolloutRecord, ...] = ()) -> ServiceStatus:
    return ServiceStatus("shop", "production", hosts, unfinished)


def test_hosts_are_a_table_and_locks_and_open_rollouts_follow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = [service(WELL, DRIFTED, LOST, unfinished=(UNFINISHED,))]
    assert statuses.show(shown, as_json=False) == 1
    since, until = (time.strftime("%H:%M:%S", time.localtime(at)) for at in (1000, 1900))
    assert capsys.readouterr().out == (
        "shop in production\n"
        "HOST   STATE        RUNS           CHANGELOG SAYS  BY\n"
        "web01  ok           v2 (bbbbbbbb)  v2 (bbbbbbbb)   abcdefghjk\n"
        "web02  drifted      v1 (aaaaaaaa)  v2 (bbbbbbbb)   abcdefghjk  the changelog says v2\n"
        "web03  unreachable  -              -               -           no route\n"
        f"web02 is held by ana: deploy zzzzzzzzzz since {since}, at most until {until}\n"
        "deploy yyyyyyyyyy by ben is unfinished: opskit resume yyyyyyyyyy\n"
    )


@pytest.mark.parametrize(
    ("services", "code"),
    [
        ([], 0),
        ([service()], 0),
        ([service(WELL)], 0),
        ([service(WELL, EMPTY)], 0),
        ([service(DRIFTED)], 1),
        ([service(LOST)], 1),
        ([service(HostStatus("h", "unrecorded", NEW, None))], 1),
        ([service(WELL, unfinished=(UNFINISHED,))], 1),
        ([service(WELL), service(LOST)], 1),
    ],
)
@pytest.mark.parametrize("as_json", [True, False])
def test_0_means_that_all_is_well(services: list[ServiceStatus], code: int, as_json: bool) -> None:
    assert statuses.show(services, as_json=as_json) == code


def test_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    statuses.show([service(DRIFTED, unfinished=(UNFINISHED,))], as_json=True)
    (shown,) = json.loads(capsys.readouterr().out)["data"]["services"]
    assert (shown["service"], shown["environment"], shown["well"]) == ("shop", "production", False)
    (host,) = shown["hosts"]
    assert (host["host"], host["verdict"], host["live"]["id"]) == ("web02", "drifted", "r1")
    assert (host["recorded"]["release"], host["locks"][0]["actor"]) == ("r2", "ana")
    assert shown["unfinished"] == [
        {
            "rollout": "yyyyyyyyyy", "action": "deploy", "actor": "ben", "outcome": "unfinished",
            "at": AT.isoformat(),
        }
    ]  # fmt: skip


def test_no_services_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    statuses.show([], as_json=False)
    assert capsys.readouterr().out == "no services: describe one in opskit.toml\n"


def test_a_lock_far_in_the_future_and_nasty_words_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lock = HeldLock(NASTY, NASTY, 0, 10**15 - 1, NASTY)
    host = HostStatus("web01", "ok", Release(NASTY, NASTY, NASTY), None, (lock,), NASTY)
    statuses.show([service(host)], as_json=False)
    out = capsys.readouterr().out
    assert not {"\x1b", "\r"} & set(out)
    assert len(out.splitlines()) == 4
