"""Whether hosts are reached faster than anything can be packed for them is measured, not guessed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from opskit.errors import HostError
from opskit.fleet.command import Result
from opskit.rollout import link

if TYPE_CHECKING:
    from opskit.fleet.command import Command

MEGA = 1_000_000


@dataclass
class Slow:
    """A host that takes in so many bytes a second, on a clock of its own, and answers after `latency` seconds."""

    rate: float
    latency: float = 0.005
    exit: int = 0
    now: float = 0.0
    sent: list[int] = field(default_factory=list)

    def execute(self, command: Command) -> Result:
        assert isinstance(command.input, bytes)
        self.sent.append(len(command.input))
        self.now += self.latency + len(command.input) / self.rate
        return Result("web01", self.exit, b"", b"", 0.0)


def asked(host: Slow, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(link.time, "monotonic", lambda: host.now)
    return link.is_fast(host)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rate", "latency", "fast"),
    [
        (500 * MEGA, 0.005, True),  # this machine, ten gigabits
        (118 * MEGA, 0.005, True),  # a gigabit beside us
        (60 * MEGA, 0.005, False),  # half of it
        (500 * MEGA, 0.1, False),  # a wide link far away
        (1 * MEGA, 0.03, False),
    ],
)
def test_fast_is_what_takes_more_than_can_be_packed(
    monkeypatch: pytest.MonkeyPatch, rate: float, latency: float, fast: bool
) -> None:
    assert asked(Slow(rate, latency), monkeypatch) is fast


def test_on_a_slow_link_little_is_sent_to_find_that_out(monkeypatch: pytest.MonkeyPatch) -> None:
    host = Slow(0.1 * MEGA)
    assert not asked(host, monkeypatch)
    assert host.sent == [128 * 1024]


def test_a_host_that_fails_is_not_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not asked(Slow(500 * MEGA, exit=1), monkeypatch)

    class Gone:
        def execute(self, _command: Command) -> Result:
            raise HostError("web01", "gone")

    assert not link.is_fast(Gone())  # type: ignore[arg-type]
