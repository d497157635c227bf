"""Two engineers at the same moment on overlapping hosts: never both, never deadlocked, never a stolen lock that lives."""

from __future__ import annotations

import itertools
import json
import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.changelog.faults import HEAVY
from tests.rollout.test_locks import held, let_go
from tests.rollout.victims import Server
from tests.support.light import RESTART, finish
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rollout.victims import Ended
    from tests.support.light import Light

SEED = int(os.environ.get("OPSKIT_SEED", "0"))
TRIES = 200 if HEAVY else 10
OVERLAPPING = ("web[01-02]", "web[02-03]", "web[01-04]", "web[03-04],web01", "web02")
SAID = f'echo "$OPSKIT_ROLLOUT $(date +%s%N)" >>"$HOME/ran"; {RESTART}; echo "$OPSKIT_ROLLOUT $(date +%s%N)" >>"$HOME/ran"'


def spans(light: Light) -> dict[str, tuple[int, int, frozenset[str]]]:
    """Give, for each rollout that changed hosts, when it began and ended there, and the hosts."""
    found: dict[str, tuple[int, int, frozenset[str]]] = {}
    for name in light.hosts.names:
        file = light.hosts.folder(name) / "ran"
        for line in file.read_text().splitlines() if file.exists() else ():
            rollout, at = line.split()
            first, last, hosts = found.get(rollout, (int(at), int(at), frozenset()))
            found[rollout] = (min(first, int(at)), max(last, int(at)), hosts | {name})
        file.unlink(missing_ok=True)
    return found


def never_both(light: Light) -> None:
    ran = sorted(spans(light).values())
    for first, second in itertools.pairwise(ran):
        assert first[1] < second[0] or not first[2] & second[2], "two runs at once on one host"


@pytest.mark.slow
@pytest.mark.timeout(3600 if HEAVY else 300)
def test_two_at_the_same_moment_are_never_both_let_in(light: Light, tmp_path: Path) -> None:
    seed = SEED or random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    light.commit("v2")
    light.configure(restart=json.dumps(SAID))
    ends: dict[str, int] = {}
    began = time.monotonic()
    both = [Server(folder, light.folder) for folder in (tmp_path / "ana", tmp_path / "ben")]
    try:
        for _ in range(TRIES):
            for code in one_try(light, both, chance):
                ends[str(code)] = ends.get(str(code), 0) + 1
            never_both(light)
            assert light.locks() == []
    finally:
        for server in both:
            server.close()
    print(
        f"FIGURES together: {TRIES} tries, ends by exit code {dict(sorted(ends.items()))}, 0 both, 0 deadlocks, "
        f"0 stolen; {time.monotonic() - began:.0f} s"
    )
    assert ends.get("0", 0) >= TRIES / 2


def one_try(light: Light, both: list[Server], chance: random.Random) -> list[int]:
    """Let both begin at the same moment; gives how they ended."""
    waits = chance.random() < 0.3
    for server, actor in zip(both, ("ana", "ben"), strict=True):
        where = ("-H", chance.choice(OVERLAPPING))
        line = ("deploy", "shop", chance.choice(("v1", "v2")), *where)
        if waits and light.live() != light.on_all(""):
            line = ("restart", "shop", "-H", "web[01-04]", "--wait=60s")
        server.begin(*line, "-y", OPSKIT_ACTOR=actor, OPSKIT_STATE_DIR=str(light.folder / actor))
    ended: list[Ended] = [server.end() for server in both]
    for end in ended:
        assert end.code in (0, 1, 4, 5), end.said
        assert "the lock of this run is gone" not in end.said
        if end.code == 1:  # a host that has no release yet cannot be restarted
            assert "has no live release" in end.said, end.said
    return [end.code for end in ended]


def test_who_waits_says_for_whom_and_gets_his_turn(light: Light) -> None:
    first = held(light)
    light.configure()
    second = light.start("restart", "shop", "-y", "--wait", env={"OPSKIT_ACTOR": "ben"})
    said = ""
    assert second.stderr
    while "web01 is held by ana: deploy" not in said:
        said += second.stderr.readline()
    assert "waits, at most until" in said
    assert ": slow" in said, "the reason of who holds it"
    let_go(light)
    assert finish(first)[0] == 0
    code, out, _ = finish(second)
    assert code == 0, out
    assert light.live() == light.on_all("v2")
    assert len(light.restarts("web01")) == 3


@pytest.mark.parametrize("when", ["too long", "ctrl-c"])
def test_waiting_has_an_end(light: Light, when: str) -> None:
    first = held(light)
    light.configure()
    runs = len(light.log())
    how = "--wait=1s" if when == "too long" else "--wait=60s"
    second = light.start("rollback", "shop", "-y", how)
    if when == "ctrl-c":
        assert second.stderr
        until(lambda: "waits, at most until" in second.stderr.readline())  # type: ignore[union-attr]
        second.send_signal(2)
    code, _, complaint = finish(second)
    assert code == (4 if when == "too long" else 130)
    if when == "too long":
        assert "waited 1 s: web01 is held by ana: deploy" in complaint
    assert len(light.log()) == runs, "nothing was begun"
    let_go(light)
    assert finish(first)[0] == 0


def test_a_duration_that_is_none_is_told(light: Light) -> None:
    done = light.opskit("deploy", "--wait", "shop", expect=2)
    assert "SERVICE" in done.stderr
    done = light.opskit("deploy", "shop", "--wait=soon", expect=2)
    assert "--wait soon" in done.stderr
