from __future__ import annotations

import contextlib
import time
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opskit.changelog.when import UNITS, WEEKDAYS, fineness, parse_until, parse_when
from opskit.errors import TimeError

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=BERLIN)  # a Monday

zones = st.sampled_from(
    ["UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo"]
).map(ZoneInfo)
moments = st.builds(
    datetime.fromtimestamp, st.integers(7 * 10**8, 4 * 10**9), zones
)  # 1992 to 2096
clocks = st.times().map(lambda t: f"{t.hour}:{t.minute:02}")
past = st.one_of(
    clocks,
    st.sampled_from(["now", "today", "yesterday", *WEEKDAYS]),
    st.builds("{} {}".format, st.sampled_from(["yesterday", *WEEKDAYS]), clocks),
    st.builds(
        "{} {}".format,
        st.integers(0, 100_000),
        st.sampled_from([name for names in UNITS.values() for name in names]),
    ),
)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("now", "2026-11-23 14:00"),
        ("2h", "2026-11-23 12:00"),
        ("3d", "2026-11-20 14:00"),
        ("1w", "2026-11-16 14:00"),
        ("90 min ago", "2026-11-23 12:30"),
        ("1 hour ago", "2026-11-23 13:00"),
        ("14:00", "2026-11-23 14:00"),
        ("14:05", "2026-11-22 14:05"),
        ("9:00", "2026-11-23 09:00"),
        ("today", "2026-11-23 00:00"),
        ("today 23:00", "2026-11-23 23:00"),
        ("yesterday", "2026-11-22 00:00"),
        ("yesterday 14:00", "2026-11-22 14:00"),
        ("  Yesterday   14:00 ", "2026-11-22 14:00"),
        ("monday", "2026-11-23 00:00"),
        ("monday 9:00", "2026-11-23 09:00"),
        ("monday 15:00", "2026-11-16 15:00"),
        ("Tuesday 9:00", "2026-11-17 09:00"),
        ("2026-11-23", "2026-11-23 00:00"),
        ("2026-11-23 14:05", "2026-11-23 14:05"),
        ("2026-11-23T14:05:00", "2026-11-23 14:05"),
        ("2027-01-01", "2027-01-01 00:00"),
    ],
)
def test_times_are_read_as_people_mean_them(said: str, meant: str) -> None:
    assert f"{parse_when(said, NOW):%Y-%m-%d %H:%M}" == meant


def test_a_time_with_its_own_offset_is_that_time() -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert parse_when("2026-11-23T12:00Z", NOW) == noon
    assert parse_when("2026-11-23 14:00+02:00", NOW) == noon


@pytest.mark.parametrize(
    "said",
    ["", " ", "soon", "25:00", "9:60", "2h ago ago", "5 parsecs", "2026-13-01", "2026-02-30", "-2h",
     "2.5h", "1e3h", "999999999w", "monday monday", "yesterday 99:00", "14:5", "٣h", "9:00 monday",
     "0001-01-01 00:00 x", "h", "tomorrow"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_examples(said: str) -> None:
    with pytest.raises(TimeError, match="cannot read the time") as caught:
        parse_when(said, NOW)
    assert "yesterday 14:00" in caught.value.hint


@given(st.text(max_size=30) | st.from_regex(r"[0-9a-z:\- ]{0,20}"), moments)
def test_any_text_is_an_aware_time_or_a_time_error(said: str, now: datetime) -> None:
    with contextlib.suppress(TimeError):
        assert parse_when(said, now).utcoffset() is not None


@given(past, moments)
def test_a_past_phrase_never_gives_a_future_time(said: str, now: datetime) -> None:
    assert parse_when(said, now).astimezone(UTC) <= now.astimezone(UTC)


@given(clocks, moments)
def test_a_time_of_day_is_within_the_last_day(said: str, now: datetime) -> None:
    gone = now.astimezone(UTC) - parse_when(said, now).astimezone(UTC)
    assert gone <= timedelta(hours=25, days=1 if now.tzinfo == ZoneInfo("Pacific/Apia") else 0)


def test_spans_are_elapsed_time_and_days_are_wall_time_when_clocks_change() -> None:
    after = datetime(2026, 3, 29, 12, 0, tzinfo=BERLIN)  # at 2:00 the clock went to 3:00
    assert f"{parse_when('12h', after):%d %H:%M}" == "28 23:00"
    assert f"{parse_when('yesterday 12:00', after):%d %H:%M}" == "28 12:00"
    twice = datetime(2026, 10, 25, 2, 50, tzinfo=BERLIN, fold=1)  # 2:00 to 3:00 came twice
    assert parse_when("2:30", twice).fold == 1
    assert parse_when("2:30", twice.replace(fold=0)).fold == 0


def test_the_machines_own_zone_knows_summer_from_winter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        now = datetime(2026, 11, 23, 14, 0, tzinfo=timezone(timedelta(hours=1)))
        summer = parse_when("2026-07-01 14:00", now)
        assert summer.astimezone(UTC).hour == 12
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2h", "2026-11-23 16:00"),
        ("3 days", "2026-11-26 14:00"),
        ("18:00", "2026-11-23 18:00"),
        ("14:00", "2026-11-24 14:00"),
        ("9:00", "2026-11-24 09:00"),
        ("tomorrow", "2026-11-24 00:00"),
        ("tomorrow 9:00", "2026-11-24 09:00"),
        ("today 23:00", "2026-11-23 23:00"),
        ("monday", "2026-11-30 00:00"),
        ("monday 15:00", "2026-11-23 15:00"),
        ("Monday 9:00", "2026-11-30 09:00"),
        ("tuesday 8:00", "2026-11-24 08:00"),
        ("2026-12-01", "2026-12-01 00:00"),
        ("2026-12-01T08:00+01:00", "2026-12-01 08:00"),
    ],
)
def test_a_time_to_come_is_the_next_one(said: str, meant: str) -> None:
    assert parse_until(said, NOW).astimezone(BERLIN).isoformat(" ", "minutes")[:16] == meant


@pytest.mark.parametrize("said", ["", "soon", "2h ago", "now", "yesterday", "2026-11-23", "24:00"])
def test_what_is_no_time_to_come_is_told(said: str) -> None:
    with pytest.raises(TimeError) as caught:
        parse_until(said, NOW)
    assert "tomorrow" in caught.value.hint


@given(moments, st.one_of(clocks, st.sampled_from(WEEKDAYS), st.just("tomorrow")))
def test_a_time_to_come_is_to_come(now: datetime, said: str) -> None:
    assert parse_until(said, now).astimezone(UTC) > now.astimezone(UTC)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("14:02:03", 5), ("40s", 5), ("1m", 30), ("20 min ago", 30), ("14:02", 60), ("2h", 60), ("2026-11-26T14:02:03Z", 5)],
)  # fmt: skip
def test_a_time_may_be_off_by_what_it_leaves_out(said: str, seconds: float) -> None:
    assert fineness(said) == seconds
