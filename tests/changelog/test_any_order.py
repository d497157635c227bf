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
    """Let three people roll out, abandon each other's rollouts and write notes; gives each one's chain."""
    dice = random.Random(seed)
    writers = [Changelog(folder / name / "changelog.db", actor=name) for name in NAMES]
    rollouts: list[str] = []
    for number in range(25):
        writer = dice.choice(writers)
        kind = dice.choice(["rollout", "rollout", "half", "abandon", "note", "recovered"])
        if kind in ("rollout", "half"):
            rollout = start(writer, to=number % 4 + 1, machine={"host": "elsewhere"})
            rollouts.append(rollout)
            outcomes = {
                host: dice.choice(["done", "done", "reverted", "skipped"])
                for host in ("web01", "web02")
            }
            if kind == "rollout":
                results(writer, rollout, outcomes, to=number % 4 + 1)
                put(
                    writer,
                    "rollout.finished",
                    {"outcome": dice.choice(["done", "partial"])},
                    rollout,
                )
        elif rollouts:
            about = dice.choice(rollouts)
            body: dict[str, Any] = {"text": f"note {number}", "hosts": ["web01"], "by": "x"}
            if kind == "recovered":
                body = {
                    "at": 1000 * number,
                    "actor": "gone",
                    "hosts": [{"name": "web03", "to": "r1"}],
                }
                about = f"lost{number:06d}" if dice.random() < 0.5 else about
            names = {"abandon": "rollout.abandoned", "recovered": "rollout.recovered"}
            put(writer, names.get(kind, "note"), body, about)
    chains = []
    for writer in writers:
        exchange = writer.exchange()
        chains.append(exchange.unsent("none")[0])
        exchange.close()
        writer.close()
    return chains


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
