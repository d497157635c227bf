"""What two runs see of a real load balancer is old when they act on it: a turn that is over, a colleague meanwhile. One server is always left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.config.model import Ssh
from opskit.config.secret import Redactor
from opskit.fleet.fanout import Fleet
from opskit.fleet.inventory import Host, Inventory
from opskit.rollout import balancer as module
from opskit.rollout import haproxy
from opskit.rollout.balancer import USUAL, Balancer, Turns
from opskit.rollout.drain import Traffic
from opskit.rollout.facts import Teller
from opskit.rollout.seats import Drains, Seat, Socket
from opskit.rollout.stop import Stop
from tests.support.haproxy import Answers, HAProxy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hosts import Hosts

NAMES = ("web01", "web02")
SHORT = Turns(seconds=2, patience=60)


@pytest.fixture
def edge() -> Iterator[HAProxy]:
    with Answers() as answers, HAProxy(dict.fromkeys(NAMES, answers.port)) as edge:
        edge.wait_for(web01="UP", web02="UP")
        yield edge
        answers.shutdown()


@pytest.fixture
def fleet(hosts: Hosts) -> Iterator[Fleet]:
    machines = [hosts.host(name) for name in hosts.names]
    found = {
        m.name: Host(
            m.name, m.address, m.port, m.user, keys=(m.key,), known_hosts=(m.known_hosts,)
        )
        for m in machines
    }
    with Fleet(Inventory("production", found), Ssh(), redactor=Redactor()) as fleet:
        yield fleet


class Run:
    """One run; `said` is what it told."""

    def __init__(
        self, owner: str, fleet: Fleet, edge: HAProxy, *, must: bool = True, turns: Turns = SHORT
    ) -> None:
        self.said: list[object] = []
        seats = tuple(Seat(host, "web03", "shop", host) for host in NAMES)
        drains = Drains(seats, {"web03": Socket(str(edge.socket))}, 5.0, 5.0, must=must)
        self.traffic = Traffic(
            drains, fleet=fleet, tell=Teller(self.said.append), stop=Stop(), owner=owner, turns=turns
        )  # fmt: skip

    def admit(self, *hosts: str, meanwhile: object = None) -> tuple[str, ...]:
        """Take hosts out; `meanwhile` is called once, between the look and that."""
        done: list[object] = []

        def begin(_hosts: object, _seats: object) -> bool:
            if callable(meanwhile) and not done:
                done.append(meanwhile())
            return True

        return self.traffic.admit(hosts, begin)


def test_who_slept_through_the_turn_looks_again(fleet: Fleet, edge: HAProxy) -> None:
    ana, ben = Run("ana1", fleet, edge), Run("ben2", fleet, edge)
    assert ana.admit("web01", meanwhile=lambda: ben.admit("web02")) == ()
    assert edge.words() == {"web01": "UP", "web02": "DRAIN"}
    assert "web01 is the only server that is up" in ana.traffic.reason


def test_what_a_colleague_takes_out_meanwhile_leaves_a_backend_with_one(
    fleet: Fleet, edge: HAProxy
) -> None:
    ana = Run("ana1", fleet, edge)
    maint = "set server shop/web02 state maint"
    assert ana.admit("web01", meanwhile=lambda: edge.say(maint)) == ()
    assert edge.words() == {"web01": "UP", "web02": "MAINT"}
    assert "web01 is the only server that is up" in ana.traffic.reason


def test_nothing_is_taken_out_when_the_turn_is_over(
    fleet: Fleet, edge: HAProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept, clock = [0.0], module.now
    monkeypatch.setattr(module, "now", lambda: clock() + sum(slept))
    balancer = Balancer(fleet.remote("web03"), Socket(str(edge.socket)), ["shop"])
    tell = Teller(lambda _fact: None)
    with balancer.turn("ana1", Stop(), tell):
        assert balancer.put("shop", ["web01"], haproxy.DRAIN, in_turn=True)
        slept.append(USUAL.seconds / 2 + 1)
        assert not balancer.put("shop", ["web02"], haproxy.DRAIN, in_turn=True)
        assert balancer.renew("ana1", Stop(), tell)
        assert edge.words() == {"web01": "DRAIN", "web02": "UP"}


def test_a_rollback_that_does_not_get_its_turn_drains_all_the_same(
    fleet: Fleet, edge: HAProxy
) -> None:
    turns = Turns(patience=0.3)
    ana, ben = (
        Run("ana1", fleet, edge, turns=USUAL),
        Run("ben2", fleet, edge, must=False, turns=turns),
    )
    got: list[tuple[str, ...]] = []
    assert ana.admit("web01", meanwhile=lambda: got.append(ben.admit("web02"))) == ()
    assert got == [("web02",)]
    assert edge.words() == {"web01": "UP", "web02": "DRAIN"}
    assert "takes servers out without its turn" in str(ben.said)


def test_where_nobody_can_be_drained_a_rollback_changes_half_at_a_time(
    fleet: Fleet, edge: HAProxy
) -> None:
    edge.stop()
    ben = Run("ben2", fleet, edge, must=False)
    assert ben.admit("web01", "web02") == ("web01",)
