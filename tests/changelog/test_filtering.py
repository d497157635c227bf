"""What is found is the same whatever decides where to look: one wish of few entries, another, or none."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.changelog import Changelog, Entry, Filter, NoteEntry, RolloutRecord, filtering, store
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SERVICES, PLACES, HOSTS = (
    ("shop", "db", "mail"),
    ("production", "staging"),
    ("web01", "web02", "db1"),
)
ACTORS, OUTCOMES = ("ann@laptop", "Ben@desk"), ("done", "failed", "partial")
WORDS = ("cart", "price", "zebra")


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Changelog]:
    """A changelog of 60 rollouts and notes, a minute between two; one clock is a year fast for a while."""
    file: Path = tmp_path_factory.mktemp("filtering") / "acme" / "changelog.db"
    dice = random.Random(5)
    with pytest.MonkeyPatch.context() as patch:
        for number in range(60):
            fast = timedelta(days=365) if number in (20, 21) else timedelta()
            then = int((NOON + timedelta(minutes=number) + fast).timestamp() * 10**9)
            patch.setattr(store.time, "time_ns", lambda then=then: then)
            with Changelog(file, actor=dice.choice(ACTORS)) as changelog:
                write(changelog, dice)
    with Changelog(file) as changelog:
        yield changelog


def write(changelog: Changelog, dice: random.Random) -> None:
    about: dict[str, Any] = {"service": dice.choice(SERVICES), "environment": dice.choice(PLACES)}
    hosts = tuple(dice.sample(HOSTS, dice.randrange(1, 3)))
    word = dice.choice(WORDS)
    if dice.random() < 0.3:
        changelog.append("note", {"text": f"about the {word}", "hosts": list(hosts)}, **about)
        return
    action = dice.choice(("deploy", "restart"))
    whole(changelog, dice.choice(OUTCOMES), why=f"for the {word}", hosts=hosts, action=action, **about)  # fmt: skip


def wanted_of(entry: Entry, wish: Filter) -> bool:
    """Tell in plain words whether an entry is wanted."""
    assert isinstance(entry, (RolloutRecord, NoteEntry))
    is_note = isinstance(entry, NoteEntry)
    hosts = entry.hosts if is_note else tuple(host.name for host in entry.hosts)
    said = entry.text if is_note else entry.why
    return (
        wish.service in ("", entry.service)
        and wish.environment in ("", entry.environment)
        and (not wish.hosts or bool(set(wish.hosts) & set(hosts)))
        and wish.actor.casefold() in entry.actor.casefold()
        and wish.action in ("", "note" if is_note else entry.action)
        and (not wish.outcome or (not is_note and wish.outcome == entry.outcome))
        and (wish.since is None or entry.at >= wish.since)
        and (wish.until is None or entry.at < wish.until)
        and (not wish.grep or wish.grep in said)
    )


def maybe(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", "", *values, "nothing"])


moments = st.none() | st.integers(-10, 70).map(lambda minutes: NOON + timedelta(minutes=minutes))
wishes = st.builds(
    Filter,
    service=maybe(*SERVICES),
    environment=maybe(*PLACES),
    hosts=st.lists(st.sampled_from([*HOSTS, "none"]), max_size=3, unique=True).map(tuple),
    actor=maybe("ann", "BEN", "n@"),
    action=maybe("deploy", "restart", "note"),
    outcome=maybe(*OUTCOMES),
    since=moments,
    until=moments,
    limit=st.sampled_from([0, 1, 5]),
    grep=maybe(*WORDS),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    wish=wishes,
    few=st.sampled_from([0, 1, 5, 20, 10_000]),
    newest=st.sampled_from([(2, 4), (10, 30), (40, 50), (50, 1000)]),
    strays=st.sampled_from([0, 1, 3, 50]),
)
def test_the_same_is_found_wherever_it_is_looked_for(
    written: Changelog, wish: Filter, few: int, newest: tuple[int, int], strays: int
) -> None:
    expected = [entry.id for entry in written.entries() if wanted_of(entry, wish)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(filtering, "FEW", few)
        patch.setattr(filtering, "NEWEST", newest)
        patch.setattr(filtering, "STRAYS", strays)
        found = [entry.id for entry in written.entries(wish)]
    assert found == expected[: wish.limit or None]


def test_an_end_of_time_is_no_number_too_large(written: Changelog) -> None:
    everything = [entry.id for entry in written.entries()]
    until = datetime(9999, 12, 31, tzinfo=UTC)
    assert [entry.id for entry in written.entries(Filter(until=until))] == everything
