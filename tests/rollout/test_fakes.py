"""The fleet without hosts does what the real one does, in all that rollouts rely on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from opskit.errors import HostError, UnreachableError
from opskit.fleet.command import Command
from tests.fleet.opening import all_of
from tests.rollout.fakes import FakeFleet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hosts import Hosts


@pytest.fixture(params=["fake", "real"])
def fleet(request: pytest.FixtureRequest) -> Iterator[Any]:
    if request.param == "fake":
        made = FakeFleet("web01", "web02", "web03", "web04")
        made.remotes["web04"].reachable = False
        yield made
        return
    hosts: Hosts = request.getfixturevalue("hosts")
    hosts.stop("web04")
    with all_of(hosts) as real:
        yield real


def test_every_host_has_one_outcome_with_its_value(fleet: Any) -> None:
    outcomes = list(fleet.each(lambda remote: remote.name.upper(), ["web02", "web01", "web02"]))
    assert sorted((o.host, o.value, o.error) for o in outcomes) == [
        ("web01", "WEB01", None),
        ("web02", "WEB02", None),
    ]


def test_an_error_is_the_outcome_of_its_host_alone(fleet: Any) -> None:
    def work(remote: Any) -> str:
        if remote.name == "web01":
            raise HostError("web01", "no")
        if remote.name == "web02":
            raise KeyError("bug")
        return "fine"

    outcomes = {o.host: o for o in fleet.each(work, ["web01", "web02", "web03"])}
    assert (outcomes["web01"].error.what, outcomes["web01"].value) == ("no", None)
    assert isinstance(outcomes["web02"].error, HostError)
    assert outcomes["web02"].error.what == "KeyError: 'bug'"
    assert outcomes["web03"].value == "fine"


def test_a_command_ends_with_its_status_and_a_dead_host_is_unreachable(fleet: Any) -> None:
    outcomes = {o.host: o for o in fleet.run(Command("true"), ["web01", "web04"])}
    assert outcomes["web01"].value.exit == 0
    assert isinstance(outcomes["web04"].error, UnreachableError)


def test_a_cancelled_fleet_runs_nothing_until_it_is_resumed(fleet: Any) -> None:
    fleet.cancel()
    (refused,) = fleet.run(Command("true"), ["web01"])
    assert type(refused.error) is HostError
    fleet.resume()
    (done,) = fleet.run(Command("true"), ["web01"])
    assert done.value.ok
