"""Times in lines of logs: the formats that programs write, and whatever else stands there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opskit.blame.stamps import MONTHS, find, zone_of

NOW = datetime(2026, 11, 26, 15, 0, tzinfo=UTC)
AT = datetime(2026, 11, 26, 14, 2, 3, tzinfo=UTC)
HALF = AT.replace(microsecond=500_000)
BERLIN = timezone(timedelta(hours=1))

times = st.datetimes(
    datetime.fromisoformat("2001-10-01"), datetime.fromisoformat("2026-11-25")
).map(lambda at: at.replace(microsecond=0))
zones = st.integers(-12 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-11-26T14:02:03Z error", AT),
        ("2026-11-26 14:02:03,500 ERROR cart: boom", HALF),
        ("2026-11-26T15:02:03.500000+01:00 web01 shop[7]: boom", HALF),
        ("2026-11-26T15:02:03+0100 boom", AT),
        ('{"level":"error","time":"2026-11-26T14:02:03Z","msg":"boom"}', AT),
        ('{"ts":1795701723.5,"msg":"boom"}', HALF),
        ("1795701723 boom", AT),
        ("1795701723500 boom", HALF),
        ("[1795701723.500000] boom", HALF),
        ("2026/11/26 14:02:03 [error] 7#7: *1 upstream timed out", AT),
        ('10.0.0.1 - - [26/Nov/2026:15:02:03 +0100] "GET / HTTP/1.1" 500 7', AT),
        ("[Thu Nov 26 14:02:03.500000 2026] [core:error] boom", HALF),
        ("Thu, 26 Nov 2026 14:02:03 GMT boom", AT),
        ("Nov 26 14:02:03 web01 shop[7]: boom", AT),
        ("Nov 26 15:02:03 2026 boom", AT + timedelta(hours=1)),
        ("<3>Nov  6 14:02:03 web01 boom", AT - timedelta(days=20)),
    ],
)
def test_the_time_of_a_line_is_read_in_all_common_formats(line: str, at: datetime) -> None:
    assert find(line, now=NOW) == at


@pytest.mark.parametrize(
    "line",
    ["", "boom", "GET /2026/11/26/tea", "10.2026-11-26", "2026-02-30 10:00:00", "2026-11-26 29:00:00", "12345678901234567", "192.168.100.200 boom"],
)  # fmt: skip
def test_what_is_no_time_gives_none(line: str) -> None:
    assert find(line, now=NOW) is None


def test_a_line_without_a_year_is_of_the_last_one_that_has_been() -> None:
    assert find("Dec 31 23:59:59 boom", now=NOW) == datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)
    new_year = datetime(2027, 1, 1, 0, 5, tzinfo=UTC)
    assert find("Dec 31 23:59:59 boom", now=new_year) == datetime(
        2026, 12, 31, 23, 59, 59, tzinfo=UTC
    )
    assert find("Feb 29 10:00:00 boom", now=NOW) == datetime(2024, 2, 29, 10, tzinfo=UTC)


@given(times, zones)
def test_each_format_gives_back_the_time_that_was_written(at: datetime, zone: timezone) -> None:
    month = MONTHS[at.month - 1].title()
    offset = at.replace(tzinfo=zone).strftime("%z")
    there = at.replace(tzinfo=zone)
    written = [
        f"{at:%Y-%m-%dT%H:%M:%S}{offset}",
        f"{at:%Y/%m/%d %H:%M:%S} {offset}",
        f"[{at.day:02}/{month}/{at:%Y:%H:%M:%S} {offset}]",
        f"{at.day} {month} {at:%Y %H:%M:%S} {offset}",
    ]
    assert {find(f"{words} boom", now=NOW) for words in written} == {there}
    assert find(f"{int(there.timestamp())} boom", now=NOW) == there
    assert find(f"{at:%Y-%m-%d %H:%M:%S} boom", now=NOW, zone=zone) == there


@given(times)
def test_a_line_of_syslog_from_the_last_year_is_read_as_it_was(at: datetime) -> None:
    near = NOW - timedelta(seconds=at.timestamp() % (364 * 86400))
    near = near.replace(microsecond=0)
    if (near.month, near.day) == (2, 29):
        return
    line = f"{MONTHS[near.month - 1].title()} {near.day:2} {near:%H:%M:%S} web01 boom"
    assert find(line, now=NOW) == near


@given(st.text(max_size=300), st.sampled_from([UTC, BERLIN]))
@example("9999-12-31 23:59:59", UTC)
@example("Jan  0 00:00:00", UTC)
@example("Feb 29 00:00:00 1900", UTC)
@example("٢٠٢٦-11-26 14:02:03", UTC)
def test_no_line_raises(line: str, zone: timezone) -> None:
    found = find(line, now=NOW, zone=zone)
    assert found is None or found.tzinfo is not None


@pytest.mark.parametrize(
    ("said", "hours"), [("+0100", 1), ("+01:00", 1), ("-0530", -5.5), ("Z", 0)]
)
def test_offsets_are_read(said: str, hours: float) -> None:
    zone = zone_of(said)
    assert zone is not None
    assert zone.utcoffset(None) == timedelta(hours=hours)


@pytest.mark.parametrize("said", ["", "+9900", "+0160", "CET", "0100", "+100"])
def test_what_is_no_offset_gives_none(said: str) -> None:
    assert zone_of(said) is None
