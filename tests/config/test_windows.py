"""Windows of time: how they are written, and that they hold where clocks change."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opskit.config.reading import parse
from opskit.config.windows import window
from opskit.errors import ConfigError

MINUTE = timedelta(minutes=1)
ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",  # changes by half an hour
    "Antarctica/Troll",  # by two
    "Africa/Casablanca",
    "Asia/Kolkata",
    "America/St_Johns",
    "UTC",
)
CHANGES = {
    "Europe/Berlin": ("2026-03-29", "2026-10-25"),
    "America/New_York": ("2026-03-08", "2026-11-01"),
    "Australia/Lord_Howe": ("2026-04-05", "2026-10-04"),
    "Antarctica/Troll": ("2026-03-29", "2026-10-25"),
    "Africa/Casablanca": ("2026-02-15", "2026-03-22"),
    "America/St_Johns": ("2026-03-08", "2026-11-01"),
}


def is_in(text: str, at: str) -> bool:
    return window(text).end_of(datetime.fromisoformat(at)) is not None


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("Fri 16:00 to Mon 08:00 Europe/Berlin", "2026-11-27T16:00+01:00", "2026-11-27T15:59+01:00"),
        ("Fri 16:00 to Mon 08:00 Europe/Berlin", "2026-11-30T07:59+01:00", "2026-11-30T08:00+01:00"),
        ("friday 16:00 to MONDAY 8:00 Europe/Berlin", "2026-11-29T12:00+01:00", "2026-12-02T12:00+01:00"),
        ("2026-12-20 to 2027-01-02 Europe/Berlin", "2027-01-02T23:59+01:00", "2027-01-03T00:00+01:00"),
        ("2026-12-20 to 2027-01-02 Europe/Berlin", "2026-12-20T00:00+01:00", "2026-12-19T23:59+01:00"),
        ("2026-12-20 18:00 to 2026-12-24 UTC", "2026-12-24T23:59+00:00", "2026-12-20T17:59+00:00"),
        ("22:00 to 06:00 Asia/Tokyo", "2026-11-27T14:00+00:00", "2026-11-27T21:00+00:00"),
        ("Sat to Sun UTC", "2026-11-29T23:59+00:00", "2026-11-30T00:00+00:00"),
        ("Fri 12:00 to 24:00 UTC", "2026-11-27T23:59+00:00", "2026-11-28T00:00+00:00"),
        ("Fri to Fri UTC", "2026-11-27T00:00+00:00", "2026-11-28T00:00+00:00"),
        ("Fri 22:00 to 06:00 UTC", "2026-11-28T05:59+00:00", "2026-11-28T06:00+00:00"),
    ],
)  # fmt: skip
def test_a_window_holds_from_its_beginning_until_its_end(
    text: str, inside: str, outside: str
) -> None:
    assert is_in(text, inside)
    assert not is_in(text, outside)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Fri 16:00 to Mon 08:00", "expected a window of time like"),
        ("Fri 16:00 - Mon 08:00 Europe/Berlin", "expected a window of time like"),
        ("to Europe/Berlin", "expected a window of time like"),
        ("Fri 25:00 to Mon 08:00 Europe/Berlin", "expected a window of time like"),
        ("Fri 16:00 to 2026-12-01 Europe/Berlin", "on a weekday, or on a date"),
        ("10:00 to Mon 12:00 Europe/Berlin", "on a weekday, or on a date"),
        ("Fri 16:00 to Fri 16:00 Europe/Berlin", "at the same moment"),
        ("2026-12-20 to 2026-12-01 Europe/Berlin", "ends before it begins"),
        ("2026-02-30 to 2026-12-01 Europe/Berlin", "there is no day 2026-02-30"),
        ("0001-01-01 to 2026-12-01 UTC", "is not meant"),
        ("Fri 16:00 to Mon 08:00 Europe/Berln", "no time zone 'Europe/Berln'"),
        ("Fri 16:00 to Mon 08:00 Europe", "no time zone 'Europe'"),
    ],
)
def test_a_window_that_cannot_be_read_is_told(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        window(text)


def test_a_mistake_is_told_with_its_place_and_what_was_perhaps_meant() -> None:
    toml = '[environments.production]\nhosts = ["a"]\nfreeze = ["Fri 16:00 to Mon 08:00 Europe/Berln"]\n'
    with pytest.raises(ConfigError) as caught:
        parse(toml, Path("/fleet/opskit.toml"))
    assert "opskit.toml:3" in caught.value.what
    assert "Europe/Berlin" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        # the clock jumps from 02:00 to 03:00 at 01:00 UTC
        ("Sun 02:30 to Sun 04:00 Europe/Berlin", "2026-03-29T01:00+00:00", "2026-03-29T02:00+00:00"),
        ("Sun 01:00 to Sun 02:30 Europe/Berlin", "2026-03-29T00:00+00:00", "2026-03-29T01:00+00:00"),
        # the clock goes back from 03:00 to 02:00 at 01:00 UTC: 02:30 is there twice
        ("Sun 02:30 to Sun 04:00 Europe/Berlin", "2026-10-25T00:30+00:00", "2026-10-25T03:00+00:00"),
        ("Sun 01:00 to Sun 02:30 Europe/Berlin", "2026-10-24T23:00+00:00", "2026-10-25T01:30+00:00"),
    ],
)  # fmt: skip
def test_where_clocks_change_a_window_has_no_hole_and_ends_for_good(
    text: str, begin: str, end: str
) -> None:
    first, last = datetime.fromisoformat(begin), datetime.fromisoformat(end)
    found = window(text)
    assert found.end_of(first) == last
    assert found.end_of(last - MINUTE) == last
    assert found.end_of(first - MINUTE) is None
    assert found.end_of(last) is None


def test_a_window_that_is_jumped_over_is_not_there() -> None:
    assert not is_in("Sun 02:10 to Sun 02:50 Europe/Berlin", "2026-03-29T01:00+00:00")
    assert not is_in("Sun 02:10 to Sun 02:50 Europe/Berlin", "2026-03-29T00:59+00:00")


@functools.cache
def minutes_around(zone: str, day: str) -> list[tuple[datetime, datetime]]:
    """Give minute by minute of some days what the time was, and what a clock showed."""
    first = datetime.fromisoformat(f"{day}T00:00+00:00") - timedelta(days=5)
    minutes = [first + n * MINUTE for n in range(10 * 24 * 60)]
    return [(m, m.astimezone(ZoneInfo(zone)).replace(tzinfo=None, fold=0)) for m in minutes]


def walked(zone: str, day: str, start: datetime, end: datetime) -> set[datetime]:
    """Give the minutes in which a clock has shown the start or more, and will show the end again, or less than that."""
    walk = minutes_around(zone, day)
    begun = next((n for n, (_, wall) in enumerate(walk) if wall >= start), len(walk))
    ended = next((n for n in reversed(range(len(walk))) if walk[n][1] < end), -1)
    again = next((n for n in reversed(range(len(walk))) if walk[n][1] == end), 0)
    ended = max(ended, again - 1)
    return {minute for minute, _ in walk[begun : ended + 1]}


@st.composite
def occurrences(draw: st.DrawFn) -> tuple[str, str, str, datetime, timedelta]:
    """Give kind, zone, the day of a change of clocks there, the wall time of a beginning near it, and a length."""
    zone = draw(st.sampled_from(ZONES))
    day = draw(st.sampled_from(CHANGES.get(zone, ("2026-07-01",))))
    start = datetime.fromisoformat(day) + draw(st.integers(-36 * 60, 36 * 60)) * MINUTE
    kind = draw(st.sampled_from(("once", "week", "day")))
    longest = {"once": 2880, "week": 2880, "day": 1439}[kind]
    return kind, zone, day, start, draw(st.integers(1, longest)) * MINUTE


@given(occurrences())
@settings(max_examples=30, deadline=None)
@example(
    (
        "week",
        "Europe/Berlin",
        "2026-10-25",
        datetime.fromisoformat("2026-10-25T02:30"),
        20 * MINUTE,
    )
)
@example(
    (
        "day",
        "Europe/Berlin",
        "2026-03-29",
        datetime.fromisoformat("2026-03-28T23:00"),
        210 * MINUTE,
    )
)
@example(
    (
        "once",
        "Australia/Lord_Howe",
        "2026-04-05",
        datetime.fromisoformat("2026-04-05"),
        90 * MINUTE,
    )
)
def test_a_window_is_what_a_walk_through_the_minutes_finds(
    drawn: tuple[str, str, str, datetime, timedelta],
) -> None:
    kind, zone, day, start, length = drawn
    written = {"once": "%Y-%m-%d %H:%M", "week": "%a %H:%M", "day": "%H:%M"}[kind]
    found = window(f"{start:{written}} to {start + length:{written}} {zone}")
    shifts = [timedelta(days=n) for n in (range(-5, 6) if kind == "day" else (0,))]
    expected = {m for by in shifts for m in walked(zone, day, start + by, start + by + length)}
    looked = [m for m, _ in minutes_around(zone, day)[4 * 1440 : 7 * 1440]]
    assert [m for m in looked if found.end_of(m)] == [m for m in looked if m in expected]
