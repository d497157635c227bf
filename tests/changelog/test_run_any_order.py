"""Three people work on each other's runs, or only say that they do: in whatever order that comes, everybody is told the same."""

from __future__ import annotations

import itertools
import os
import random
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog, Filter
from tests.changelog.running import approve, begin, drain, finish, people, resume, step, tell
from tests.changelog.test_any_order import chain_of, shuffled

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.packet import Packet

SEEDS = range(200) if os.environ.get("OPSKIT_HEAVY") else range(3)
DEEDS = ("begin", "begin", "resume", "resume", "finish", "finish", "drain", "clear", "approve", "tell", "redact")  # fmt: skip
OUTCOMES = ("done", "failed", "aborted", "suspended", "unfinished", "running")


def history(folder: Path, dice: random.Random) -> list[list[Packet]]:
    """Let three people do what comes to their minds; gives each one's chain."""
    writers = people(folder, "ana", "ben", "eve")
    runs: list[str] = []
    for _ in range(40):
        writer, deed = dice.choice(writers), dice.choice(DEEDS)
        if deed == "tell":
            tell(dice.choice(writers), writer)
        elif deed == "begin" or not runs:
            runs.append(begin(writer, mode=dice.choice(["run", "drill"])))
        else:
            do(writer, deed, dice.choice(runs), dice)
    return [chain_of(writer) for writer in writers]


def do(writer: Changelog, deed: str, run: str, dice: random.Random) -> None:
    if deed == "resume":
        resume(writer, run)
    elif deed == "finish":
        finish(writer, run, dice.choice(OUTCOMES[:4]), owes=dice.choice([0, 1]))
    elif deed == "drain":
        drain(writer, run, hosts=(dice.choice(["lb01", "lb02"]),))
    elif deed == "clear":
        step(writer, run, "drain", 2, "cleared", why="gone")
    elif deed == "approve":
        approve(writer, run, "drain", 2)
    elif found := [each for each in writer.runs() for each in each.events if not each.damage]:
        writer.redact(dice.choice(found).hash.hex(), why="a word in it")


def told(changelog: Changelog) -> Any:
    """Give all that people are told of runs, however they ask."""
    runs = changelog.runs()
    for outcome in OUTCOMES:
        asked = {run.id for run in changelog.runs(Filter(outcome=outcome))}
        assert asked == {run.id for run in runs if run.outcome == outcome}, outcome
    for host in ("lb01", "lb02"):
        asked = {run.id for run in changelog.runs(Filter(hosts=(host,)))}
        assert asked == {run.id for run in runs if host in run.hosts}
    brief = {
        entry.id: (entry.outcome, set(entry.hosts))
        for entry in changelog.entries(Filter(action="runbook"))
    }  # type: ignore[union-attr]
    assert brief == {run.id: (run.outcome, set(run.hosts)) for run in runs}
    owing = [run.id for run in changelog.runs(Filter(owes=True))]
    return runs, owing


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes_first_people_are_told_the_same_of_runs(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    chains = history(tmp_path, dice)
    orders = [list(itertools.chain(*chains)), list(itertools.chain(*chains[::-1]))]
    orders += [shuffled(chains, dice) for _ in range(2)]
    said = []
    for number, packets in enumerate(orders):
        with Changelog(tmp_path / f"reader{number}" / "changelog.db") as reader:
            for start in range(0, len(packets), 7):
                assert reader.take_in_packets(packets[start : start + 7]).refused == []
            assert reader.verify() == []
            said.append(told(reader))
    assert all(each == said[0] for each in said)
    assert said[0][0]
