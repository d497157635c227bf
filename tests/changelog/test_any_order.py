"""Events come in any order between writers: what the changelog says of them is the same."""

from __future__ import annotations

import itertools
import random
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog, Filter
from tests.changelog.writing import put, results, start

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog.packet import Packet

NAMES = ("ana", "ben", "cleo")
SEEDS = range(6)


def history(folder: Path, seed: int) -> list[list[Packet]]:
    """Let three people roll out, abandon and forge each other's rollouts, and write notes; gives each one's chain."""
    dice = random.Random(seed)
    writers = [Changelog(folder / name / "changelog.db", actor=name) for name in NAMES]
    rollouts: list[str] = []
    for number in range(30):
        writer = dice.choice(writers)
        kind = dice.choice(
            ["rollout", "rollout", "half", "abandon", "note", "recovered", "forged"]
        )
        if kind in ("rollout", "half"):
            rollouts.append(roll_out(writer, dice, number % 4 + 1, whole=kind == "rollout"))
        elif rollouts:
            about = dice.choice(rollouts)
            if kind == "abandon":
                tell(writers, writer)
            say(writer, dice, kind, about, number)
    return [chain_of(writer) for writer in writers]


def roll_out(writer: Changelog, dice: random.Random, to: int, *, whole: bool) -> str:
    rollout = start(writer, to=to, machine={"host": "elsewhere"})
    outcomes = {
        host: dice.choice(["done", "done", "reverted", "skipped"]) for host in ("web01", "web02")
    }
    if whole:
        results(writer, rollout, outcomes, to=to)
        outcome = dice.choice(["done", "partial"])
        put(writer, "rollout.finished", {"outcome": outcome}, rollout)
    return rollout


def say(writer: Changelog, dice: random.Random, kind: str, about: str, number: int) -> None:
    """Let somebody write about a rollout, or into it."""
    if kind == "forged":
        start(writer, to=9, machine={"host": "elsewhere"}, rollout=about, service="billing")
        results(writer, about, {"web01": "done"}, to=9)
        put(writer, "rollout.finished", {"outcome": "done"}, about)
    elif kind == "recovered":
        hosts = [{"name": "web03", "to": "r1", "at": 1000 * number}]
        name = f"lost{number:06d}" if dice.random() < 0.5 else about
        body = {"at": 1000 * number, "actor": "gone", "hosts": hosts}
        put(writer, "rollout.recovered", body, name)
    elif kind == "abandon":
        put(writer, "rollout.abandoned", {"by": "x"}, about)
    else:
        put(writer, "note", {"text": f"note {number}", "hosts": ["web01"]}, about)


def chain_of(writer: Changelog) -> list[Packet]:
    exchange = writer.exchange()
    try:
        return exchange.unsent("none")[0]
    finally:
        exchange.close()
        writer.close()


def tell(writers: list[Changelog], who: Changelog) -> None:
    """Let one of them know all that the others wrote."""
    for writer in writers:
        lines: list[str] = []
        writer.export(lines.append)
        who.take_in(lines)


def shuffled(chains: list[list[Packet]], dice: random.Random) -> list[Packet]:
    """Give all events, each writer's in order, the writers mixed by chance."""
    left = [list(chain) for chain in chains if chain]
    mixed = []
    while left:
        chain = dice.choice(left)
        mixed.append(chain.pop(0))
        left = [each for each in left if each]
    return mixed


def told(changelog: Changelog) -> Any:
    """Give all that people are told, but for what only the database's own numbers would say."""
    entries = [
        (
            e.id,
            e.at,
            e.actor,
            getattr(e, "outcome", ""),
            getattr(e, "hosts", ()),
            getattr(e, "doubts", ()),
            getattr(e, "reason", ""),
        )
        for e in changelog.entries()
    ]
    filters = [
        [e.id for e in changelog.entries(wanted)]
        for wanted in (
            Filter(hosts=("web01",)), Filter(outcome="done"), Filter(outcome="abandoned"), Filter(outcome="recovered"),
            Filter(actor="ana"), Filter(grep="note"), Filter(action="note"), Filter(limit=5),
        )
    ]  # fmt: skip
    return entries, filters, changelog.live("shop", "production")


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_comes_first_people_are_told_the_same(tmp_path: Path, seed: int) -> None:
    chains = history(tmp_path, seed)
    dice = random.Random(seed)
    orders = [list(itertools.chain(*chains)), list(itertools.chain(*chains[::-1]))]
    orders += [shuffled(chains, dice) for _ in range(4)]
    said = []
    for number, packets in enumerate(orders):
        with Changelog(tmp_path / f"reader{number}" / "changelog.db") as reader:
            for start_ in range(0, len(packets), 7):
                taken = reader.take_in_packets(packets[start_ : start_ + 7])
                assert taken.refused == []
            assert reader.verify() == []
            said.append(told(reader))
    assert all(each == said[0] for each in said)
    assert said[0][0]
