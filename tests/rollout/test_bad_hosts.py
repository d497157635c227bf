"""A host dies, reboots, hangs, vanishes, is cut off or full at any step: the rest is right, its record is true, it can be mended."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from tests.changelog.faults import HEAVY
from tests.rollout.ordeals import POINTS, Ordeal
from tests.rollout.victims import Server
from tests.support.light import Light
from tests.support.trap import KINDS, trapped

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.hosts import Hosts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600 if HEAVY else 900)]
SEED = int(os.environ.get("OPSKIT_SEED", "0"))
RESET = ("probe", "probe 2", "lock", "stage", "switch", "mark", "unlock")
TRIES = 1  # points of each kind, when not all are tried


@pytest.mark.parametrize("kinds", [(kind,) for kind in KINDS] if HEAVY else [tuple(KINDS)])
def test_whatever_a_host_does_at_whatever_step(
    openssh_hosts: Hosts, tmp_path: Path, kinds: tuple[str, ...]
) -> None:
    seed = SEED or random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    points = [point for kind in kinds for point in points_of(kind, chance)]
    chance.shuffle(points)
    began, took = time.monotonic(), []
    name = chance.choice(["bad", "zzz"])  # the first whose lock is asked for, or the last
    with Server(tmp_path, tmp_path / "project") as server, trapped(openssh_hosts, name) as bad:
        light = Light.create(tmp_path / "project", openssh_hosts)
        ordeal = Ordeal(light, server, bad, first=chance.random() < 0.5)
        ordeal.begin()
        ordeal.deploy_next()
        for point in points:
            print(*point, flush=True)
            took.append(ordeal.undergo(*point))
    print(
        f"FIGURES {', '.join(kinds)}: {len(took)} points, all records true, {time.monotonic() - began:.0f} s; the longest "
        f"run {max(took):.1f} s"
    )


def points_of(kind: str, chance: random.Random) -> list[tuple[str, str, str, str]]:
    found = [point for point in POINTS if point[3] == kind]
    return found if HEAVY else chance.sample(found, TRIES)


def test_a_connection_that_is_reset_costs_nothing(openssh_hosts: Hosts, tmp_path: Path) -> None:
    """Only a restart may not be done twice; all else is, whether or not it had been done when the answer was lost."""
    with Server(tmp_path, tmp_path / "project") as server, trapped(openssh_hosts) as bad:
        ordeal = Ordeal(Light.create(tmp_path / "project", openssh_hosts), server, bad)
        ordeal.begin()
        for step in RESET if HEAVY else random.sample(RESET, 3):
            moments = ("before", "after")
            for moment in moments if HEAVY else (random.choice(moments),):
                ordeal.undergo("deploy", step, moment, "resets")
                assert ordeal.ended.code == 0, (step, moment, ordeal.ended.said)
