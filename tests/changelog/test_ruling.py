"""Verdicts: kept, taken in by every later opskit, the last one holds, and whoever hears of them in any order is told the same."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Filter, OtherEntry, VerdictEntry
from opskit.changelog.clock import moment
from opskit.changelog.ruling import holding
from tests.changelog.running import people, tell
from tests.changelog.test_any_order import chain_of, shuffled
from tests.changelog.verdict_session import ASKED, ONSET_MS
from tests.changelog.writing import start, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.packet import Packet

GOLDEN = Path(__file__).parent / "golden" / "v1.verdicts.jsonl"


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "changelog.db", actor="ann") as opened:
        yield opened


def give(changelog: Changelog, rollout: str, ruling: str = "guilty", **more: object) -> str:
    body = {"verdict": ruling, "why": "it is", **more}
    return changelog.append("verdict", body, rollout=rollout).hash.hex()


def test_verdicts_of_version_1_are_understood_for_ever(tmp_path: Path) -> None:
    with Changelog(tmp_path / "changelog.db") as session, GOLDEN.open() as lines:
        assert session.take_in(lines).refused == []
        assert session.verify() == []
        exported: list[str] = []
        session.export(exported.append)
        assert exported == GOLDEN.read_text().splitlines()
        (rollout,), (run,) = session.rollouts(), session.runs()
        first, last = rollout.verdicts
        assert (first.verdict, first.why, first.actor) == ("innocent", "it was the disk", "ana@laptop")  # fmt: skip
        assert (last.verdict, last.onset, last.incident) == ("guilty", moment(ONSET_MS), "INC-7")
        assert last.asked is not None
        assert last.asked.when == moment(ONSET_MS + 120_000)
        assert last.asked.at == moment(ONSET_MS + 60_000)
        assert last.asked.onsets == (("web01", moment(ONSET_MS)),)
        names = ("environment", "services", "ill", "well", "fleet", "symptom", "is_onset")
        told = {name: getattr(last.asked, name) for name in names}
        lists = {name: tuple(v) if isinstance(v, list) else v for name, v in ASKED.items()}
        assert told == {name: lists[name] for name in names}
        assert holding(rollout.verdicts) == last
        assert [(v.verdict, v.rollout) for v in run.verdicts] == [("innocent", run.id)]
        about = [entry.id for entry in session.entries(Filter(incident="INC-7"))]
        assert about == [last.id, run.id]


def test_the_last_verdict_holds_and_all_of_them_stay(changelog: Changelog) -> None:
    rollout = whole(changelog)
    for ruling in ("guilty", "innocent", "guilty"):
        give(changelog, rollout, ruling)
    record = changelog.rollout(rollout)
    assert [v.verdict for v in record.verdicts] == ["guilty", "innocent", "guilty"]
    assert holding(record.verdicts) == record.verdicts[-1]
    assert [v.id for v in changelog.verdicts()] == [v.id for v in reversed(record.verdicts)]
    assert record.outcome == "done"


def test_a_verdict_says_nothing_in_the_name_of_the_rollout(tmp_path: Path) -> None:
    ana, ben = people(tmp_path, "ana", "ben")
    with ana, ben:
        rollout = start(ana)
        tell(ana, ben)
        give(ben, rollout)
        record = ben.rollout(rollout)
        assert (record.actor, record.doubts, record.id) == ("ana@laptop", (), rollout)
        assert [v.actor for v in record.verdicts] == ["ben@laptop"]


def test_what_is_no_verdict_rules_nothing(changelog: Changelog) -> None:
    rollout = whole(changelog)
    give(changelog, rollout, "maybe", onset="yesterday", asked={"at": "noon"})
    give(changelog, "", "guilty")
    (odd,) = changelog.rollout(rollout).verdicts
    assert (odd.verdict, odd.onset, odd.asked) == ("", None, None)
    assert holding([odd]) is None
    assert isinstance(changelog.entries()[0], OtherEntry)


def test_a_redacted_verdict_rules_nothing_and_its_words_are_gone(changelog: Changelog) -> None:
    rollout = whole(changelog)
    give(changelog, rollout, "innocent")
    event = give(changelog, rollout, why="the password is hunter2zebra", incident="INC-7")
    changelog.redact(event, why="a secret")
    kept, gone = changelog.rollout(rollout).verdicts
    assert (gone.verdict, gone.why, gone.damage) == ("", "", "redacted")
    assert holding((kept, gone)) == kept
    assert changelog.entries(Filter(grep="hunter2zebra")) == ()
    assert changelog.entries(Filter(incident="INC-7")) == ()
    assert changelog.verify() == []


def test_verdicts_are_found_by_words_and_by_kind(changelog: Changelog) -> None:
    rollout = whole(changelog)
    event = give(changelog, rollout, why="the cache was cold")
    for wanted in (Filter(grep="cold"), Filter(action="verdict")):
        (found,) = changelog.entries(wanted)
        assert isinstance(found, VerdictEntry)
        assert (found.hash, found.rollout) == (event, rollout)


def history(folder: Path, dice: random.Random) -> list[list[Packet]]:
    """Let three people rule on each other's rollouts."""
    writers = people(folder, "ana", "ben", "eve")
    rollouts: list[str] = []
    for _ in range(24):
        writer = dice.choice(writers)
        if not rollouts or dice.random() < 0.25:
            rollouts.append(start(writer, machine={"host": "elsewhere"}))
        elif dice.random() < 0.3:
            tell(dice.choice(writers), writer)
        else:
            give(writer, dice.choice(rollouts), dice.choice(["guilty", "innocent"]))
    return [chain_of(writer) for writer in writers]


@pytest.mark.parametrize("seed", range(3))
def test_in_whatever_order_verdicts_come_everybody_is_told_the_same(
    tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    chains = history(tmp_path, dice)
    orders = [list(itertools.chain(*chains)), list(itertools.chain(*chains[::-1]))]
    orders += [shuffled(chains, dice) for _ in range(2)]
    told = []
    for number, packets in enumerate(orders):
        with Changelog(tmp_path / f"reader{number}" / "changelog.db") as reader:
            assert reader.take_in_packets(packets).refused == []
            records = reader.rollouts()
            told.append(
                ([(r.id, r.verdicts, holding(r.verdicts)) for r in records], reader.verdicts())
            )
    assert all(each == told[0] for each in told)
    assert any(verdicts for _, verdicts, _ in told[0][0])
