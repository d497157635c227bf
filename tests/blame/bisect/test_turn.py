"""Of several laptops that go on with one bisection at the same moment exactly one does; nobody while another may be at it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from opskit.blame.bisect.record import Writer
from opskit.blame.bisect.turn import LATELY, Turns
from opskit.changelog import this_machine
from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.local import LocalPlace
from opskit.config.model import ChangelogSettings
from opskit.errors import LockedError
from tests.changelog.bisect_session import STARTED
from tests.changelog.laptop import share
from tests.changelog.running import people, tell
from tests.changelog.writing import ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog

SETTINGS = ChangelogSettings(name="test")


@pytest.fixture
def team(tmp_path: Path) -> Iterator[list[Changelog]]:
    made = people(tmp_path, "cleo", "ana", "ben")
    yield made
    for each in made:
        each.close()


@pytest.fixture
def left(team: list[Changelog]) -> str:
    """A bisection that cleo began and left, which all know."""
    cleo, ana, ben = team
    writer = Writer(cleo, "shop", "production", "")
    name = writer.start({**STARTED, "quiet_ms": 60_000})
    tell(cleo, ana, ben)
    return name


def turns(changelog: Changelog, name: str) -> Turns:
    return Turns(changelog, SETTINGS, name)


def gone_on(changelog: Changelog, name: str) -> str:
    knows = turns(changelog, name).known()
    return Writer(changelog, "shop", "production", name).resume(ELSEWHERE, knows=knows)


def test_of_two_at_once_the_later_is_refused_whoever_hears_of_it_first(
    team: list[Changelog], left: str
) -> None:
    _, ana, ben = team
    first, later = gone_on(ana, left), gone_on(ben, left)
    turns(ana, left).demand_ours(first)
    tell(ana, ben)
    with pytest.raises(LockedError, match="is gone on with by ana@laptop on "):
        turns(ben, left).demand_ours(later)
    tell(ben, ana)
    turns(ana, left).demand_ours(first)


def test_what_the_upstream_has_first_is_first_whatever_clocks_say(
    team: list[Changelog], left: str, tmp_path: Path
) -> None:
    """Ben wrote earlier, and was heard of later: ana had looked by then, and was at it."""
    _, ana, ben = team
    (tmp_path / "shared").mkdir()
    FileLog(LocalPlace(tmp_path / "shared" / "log")).create()
    upstream = f"file://{tmp_path}/shared/log"
    share(ana.file, upstream)
    earlier, first = gone_on(ben, left), gone_on(ana, left)
    share(ana.file, upstream)
    turns(ana, left).demand_ours(first)
    share(ben.file, upstream)
    with pytest.raises(LockedError, match="is gone on with by ana"):
        turns(ben, left).demand_ours(earlier)
    share(ana.file, upstream)
    turns(ana, left).demand_ours(first)


def test_who_takes_it_over_knowing_who_is_at_it_has_it(team: list[Changelog], left: str) -> None:
    _, ana, ben = team
    first = gone_on(ana, left)
    tell(ana, ben)
    later = gone_on(ben, left)
    tell(ben, ana)
    turns(ben, left).demand_ours(later)
    with pytest.raises(LockedError, match="is gone on with by ben"):
        turns(ana, left).demand_ours(first)


def test_nobody_goes_on_while_another_laptop_may_be_at_it(
    team: list[Changelog], left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, ana, _ = team
    with pytest.raises(LockedError, match=r"cleo@laptop on \S+ was at bisection \w+ \d+ s ago") as told:  # fmt: skip
        turns(ana, left).demand_free()
    assert told.value.hint.endswith(f"opskit bisect --resume {left[:10]} --take-over")
    import time

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LATELY + 1)
    with pytest.raises(LockedError):
        turns(ana, left).demand_free()
    monkeypatch.setattr(time, "time", lambda: now + LATELY + 61)
    turns(ana, left).demand_free()


def test_one_that_runs_on_this_machine_is_known_to_and_one_that_died_here_too(
    team: list[Changelog], left: str
) -> None:
    cleo, *_ = team
    writer = Writer(cleo, "shop", "production", left)
    writer.resume(this_machine(), knows=turns(cleo, left).known())
    with pytest.raises(LockedError, match="goes on on this machine just now"):
        turns(cleo, left).demand_free()
    writer.resume({**this_machine(), "pid": os.getpid() + 1_000_000}, knows=turns(cleo, left).known())  # fmt: skip
    turns(cleo, left).demand_free()
