"""What is told of the hosts of a rollout: what became of those without a result, where each went, what it runs since."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Release
from tests.changelog.writing import ELSEWHERE, finish, put, release, results, start

if TYPE_CHECKING:
    from opskit.changelog import Changelog

HOSTS = ("web01", "web02", "web03")


def outcomes(changelog: Changelog, name: str) -> dict[str, str]:
    return {host.name: host.outcome for host in changelog.rollout(name).hosts}


def begin(changelog: Changelog, name: str, *hosts: str) -> None:
    put(changelog, "rollout.hosts", {"results": [], "begun": list(hosts)}, name)


def test_who_was_touched_when_a_rollout_died_is_unknown_and_the_others_were_not_reached(
    changelog: Changelog,
) -> None:
    name = start(changelog, hosts=HOSTS, machine=ELSEWHERE, begun=[])
    assert outcomes(changelog, name) == dict.fromkeys(HOSTS, "not reached")
    begin(changelog, name, "web01")
    results(changelog, name, {"web01": "done"})
    begin(changelog, name, "web02")
    expected = {"web01": "done", "web02": "unknown", "web03": "not reached"}
    assert outcomes(changelog, name) == expected
    put(changelog, "rollout.abandoned", {}, name)
    assert outcomes(changelog, name) == expected


def test_while_a_rollout_lives_the_hosts_of_its_batch_are_running(changelog: Changelog) -> None:
    name = start(changelog, hosts=HOSTS, begun=[])
    begin(changelog, name, "web01", "web02")
    results(changelog, name, {"web01": "done"})
    assert outcomes(changelog, name) == {
        "web01": "done", "web02": "running", "web03": "not reached",
    }  # fmt: skip
    finish(changelog, name, "failed", reason="it broke")
    assert outcomes(changelog, name)["web02"] == "unknown"


def test_an_older_opskit_did_not_tell_so_nobody_knows(changelog: Changelog) -> None:
    name = start(changelog, hosts=HOSTS, machine=ELSEWHERE)
    results(changelog, name, {"web01": "done"})
    assert outcomes(changelog, name) == {"web01": "done", "web02": "unknown", "web03": "unknown"}
    finish(changelog, name, "partial")
    assert outcomes(changelog, name)["web02"] == "not reached"


@pytest.mark.parametrize("action", ["exec", "task"])
def test_a_command_is_on_all_hosts_from_the_beginning(changelog: Changelog, action: str) -> None:
    name = start(changelog, hosts=HOSTS, machine=ELSEWHERE, action=action, begun=[])
    assert outcomes(changelog, name) == dict.fromkeys(HOSTS, "unknown")


@pytest.mark.parametrize("begun", [7, "web01", [7], {"web01": 1}, ["nobody"]])
def test_whatever_stands_there_a_record_comes_out(changelog: Changelog, begun: object) -> None:
    name = start(changelog, hosts=HOSTS, machine=ELSEWHERE, begun=begun)
    put(changelog, "rollout.hosts", {"results": [], "begun": begun}, name)
    assert outcomes(changelog, name) == dict.fromkeys(HOSTS, "not reached")


def test_a_host_that_was_skipped_has_no_time(changelog: Changelog) -> None:
    name = start(changelog, begun=[])
    told = {"host": "web01", "outcome": "skipped", "at": 0}
    put(changelog, "rollout.hosts", {"results": [told]}, name)
    assert changelog.rollout(name).hosts[0].at is None


def back(changelog: Changelog, *, told: bool) -> str:
    """Roll web01 back from 3 to 1 and web02 from 3 to 2, with or without words for where each goes."""
    hosts = [
        {"name": host, "batch": 1, "from": release(3), **({"to": release(goal)} if told else {})}
        for host, goal in (("web01", 1), ("web02", 2))
    ]
    name = changelog.new_rollout_id()
    body = {"why": "", "to": None, "hosts": hosts, "machine": ELSEWHERE, "begun": []}
    put(changelog, "rollout.started", body, name, "shop", "production", "rollback")
    for host, goal in (("web01", 1), ("web02", 2)):
        results(changelog, name, {host: "done"}, before=3, to=goal, action="rollback")
    finish(changelog, name, action="rollback")
    return name


@pytest.mark.parametrize("told", [True, False])
def test_hosts_that_go_back_to_different_releases_are_told_with_their_names(
    changelog: Changelog, *, told: bool
) -> None:
    for number in (1, 2, 3):
        name = start(changelog, before=number - 1, to=number)
        results(changelog, name, {"web01": "done", "web02": "done"}, before=number - 1, to=number)
        finish(changelog, name)
    name = back(changelog, told=told)
    record = changelog.rollout(name)
    names = [Release(f"r{n}", f"{n}" * 12, f"v{n}") for n in (1, 2)]
    assert record.to is None
    assert record.after == tuple(names)
    assert [host.goal for host in record.hosts] == names
    live = changelog.live("shop", "production")
    assert [live[host].title for host in ("web01", "web02")] == [each.title for each in names]


def test_who_made_it_live_is_the_rollback_also_where_what_was_between_is_not_known(
    changelog: Changelog,
) -> None:
    first = start(changelog, before=0, to=1)
    results(changelog, first, {"web01": "done"}, before=0, to=1)
    finish(changelog, first)
    second = start(changelog, before=2, to=1, action="rollback")  # of a rollout that is not here
    results(changelog, second, {"web01": "done"}, before=2, to=1, action="rollback")
    finish(changelog, second, action="rollback")
    assert changelog.live("shop", "production")["web01"].rollout == second
    third = start(changelog, before=1, to=1, action="restart")
    results(changelog, third, {"web01": "done"}, before=1, to=1, action="restart")
    assert changelog.live("shop", "production")["web01"].rollout == second
