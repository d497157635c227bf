"""Two who would take servers out of the same load balancer take turns, on every shell; no turn lasts for ever."""

from __future__ import annotations

import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.rollout import turn
from tests.rollout.shells import SHELLS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@pytest.fixture
def socket() -> Iterator[str]:
    """A name of a socket that nobody else uses; what lies around of it is removed."""
    name = f"/run/{uuid.uuid4().hex}"
    yield name
    for link in links(name):
        link.unlink(missing_ok=True)


def links(socket: str) -> list[Path]:
    base = Path(turn._name(socket))
    return list(base.parent.glob(f"{base.name}.*"))


def run(script: str, shell: Sequence[str] = ("/bin/sh",)) -> str:
    ran = subprocess.run([*shell, "-c", script], capture_output=True, text=True, check=True, timeout=30)  # fmt: skip
    return ran.stdout.strip()


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_one_has_the_turn_and_another_gets_it_when_it_is_given_back(
    socket: str, shell: str
) -> None:
    argv = SHELLS[shell]
    assert run(turn.take(socket, owner="ana1"), argv) == "taken"
    assert run(turn.take(socket, owner="ben2"), argv) == "held ana1"
    assert [link.name.rpartition(".")[2] for link in links(socket)] == ["ana1"]
    run(turn.give(socket, owner="ana1"), argv)
    assert run(turn.take(socket, owner="ben2"), argv) == "taken"


def test_a_turn_of_who_died_ends_by_itself(socket: str) -> None:
    for until in (time.time() - 1, time.time() + 9999, "x", ""):
        Path(f"{turn._name(socket)}.dead").symlink_to(f"v1:{until if isinstance(until, str) else int(until)}")  # fmt: skip
        assert run(turn.take(socket, owner="ben2")) == "taken"
        assert [link.name.rpartition(".")[2] for link in links(socket)] == ["ben2"]


def test_of_many_at_the_same_moment_never_two_have_it(socket: str) -> None:
    def take(number: int) -> str:
        return run(turn.take(socket, owner=f"run{number}"))

    with ThreadPoolExecutor(8) as pool:
        for _ in range(10):
            said = list(pool.map(take, range(8)))
            assert said.count("taken") <= 1
            for number in range(8):
                run(turn.give(socket, owner=f"run{number}"))


def test_who_goes_on_with_a_rollout_waits_for_no_dead_run_of_it(socket: str) -> None:
    for owner in ("abc", "abc~f00"):
        assert run(turn.take(socket, owner=owner)) == "taken"
    assert run(turn.take(socket, owner="abc~b42")) == "taken"
    assert run(turn.take(socket, owner="abcd")) == "held abc~b42"
