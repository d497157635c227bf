"""A bisection in the changelog: kept for ever, the same for everybody in whatever order it comes, and whoever was revoked says nothing."""

from __future__ import annotations

import itertools
import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.blame.bisect.record import Writer, demand_open, recorded
from opskit.blame.bisect.turn import Turns
from opskit.changelog import Changelog, Filter, Release, this_machine
from opskit.config.model import ChangelogSettings
from opskit.errors import LockedError, RefusedError, UnknownNameError
from tests.changelog import bisect_session
from tests.changelog.bisect_session import BAD, GOOD, MIDDLE, STARTED
from tests.changelog.running import people
from tests.changelog.test_any_order import chain_of, shuffled
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from opskit.blame.bisect.record import Bisection

GOLDEN = Path(bisect_session.__file__).parent / "golden" / "v1.bisect.jsonl"
SETTINGS = ChangelogSettings(name="test")


def the_one(changelog: Changelog) -> Bisection:
    (event,) = changelog.entries(Filter(action="bisect.started"))
    return recorded(changelog, event.id, SETTINGS)


def test_a_bisection_of_version_1_is_understood_for_ever(tmp_path: Path) -> None:
    with Changelog(tmp_path / "changelog.db") as session, GOLDEN.open() as lines:
        assert session.take_in(lines).refused == []
        assert session.verify() == []
        exported: list[str] = []
        session.export(exported.append)
        assert exported == GOLDEN.read_text().splitlines()
        one = the_one(session)
        assert (one.service, one.environment, one.host) == ("shop", "production", "web01")
        assert (one.good, one.bad, one.check) == (GOOD, BAD, STARTED["check"])
        assert (one.first_parent, one.was) == (True, Release("r1", "1" * 40, "v1"))
        assert [(t.sha, t.word, t.exit, t.reason) for t in one.tests] == [
            (GOOD, "good", 0, ""), (BAD, "bad", 1, ""), (MIDDLE, "skip", -1, "it does not build"),
        ]  # fmt: skip
        assert (one.outcome, one.suspects) == ("unclear", (BAD, MIDDLE))
        assert (len(one.drains), len(one.brings), len(one.rollouts)) == (1, 2, 5)
        assert [e.id for e in session.entries(Filter(incident="INC-7"))] == [one.id]


@pytest.mark.parametrize("seed", range(2))
def test_in_whatever_order_its_events_come_everybody_is_told_the_same(
    tmp_path: Path, seed: int
) -> None:
    ana, ben = people(tmp_path, "ana", "ben")
    bisect_session.play(ana, ben)
    chains = [chain_of(ana), chain_of(ben)]
    dice = random.Random(seed)
    orders = [list(itertools.chain(*chains[::-1])), shuffled(chains, dice), shuffled(chains, dice)]
    told = []
    for number, packets in enumerate(orders):
        with Changelog(tmp_path / f"reader{number}" / "changelog.db") as reader:
            for packet in packets:
                assert reader.take_in_packets([packet]).refused == []
            assert reader.verify() == []
            told.append(the_one(reader))
    assert all(each == told[0] for each in told)
    assert len(told[0].tests) == 3


def test_only_what_is_not_over_and_does_not_run_is_gone_on_with(tmp_path: Path) -> None:
    with Changelog(tmp_path / "changelog.db", actor="ann") as changelog:

        def ask(*, only_back: bool = False, take_over: bool = False) -> None:
            one = the_one(changelog)
            demand_open(one, Turns(changelog, SETTINGS, one.hash), only_back=only_back, take_over=take_over)  # fmt: skip

        writer = Writer(changelog, "shop", "production", "")
        writer.start({**STARTED, "machine": this_machine()})
        with pytest.raises(LockedError, match="goes on on this machine just now"):
            ask()
        ask(take_over=True)
        writer.finish("stopped")
        ask()
        knows = Turns(changelog, SETTINGS, writer.hash).known()
        writer.resume({**this_machine(), "pid": os.getpid() + 1_000_000}, knows=knows)
        ask()
        writer.finish("found", (BAD,))
        with pytest.raises(RefusedError, match="is over: found"):
            ask()
        ask(only_back=True)


def test_what_is_no_bisection_is_told_as_such(tmp_path: Path) -> None:
    with Changelog(tmp_path / "changelog.db", actor="ann") as changelog:
        event = changelog.rollout(whole(changelog)).events[0]
        with pytest.raises(UnknownNameError, match="is no bisection"):
            recorded(changelog, event.id, SETTINGS)
