"""Windows of time in which nothing is changed, as opskit.toml has them: every week, every day, or once.

    "Fri 16:00 to Mon 08:00 Europe/Berlin"      every week
    "22:00 to 06:00 UTC"                        every day
    "2026-12-20 to 2027-01-02 Europe/Berlin"    once

A day without a time is meant as a whole. Where clocks change, a window begins when its clock first shows the beginning, or
jumps over it, and ends when it last shows the end: an hour that comes twice is wholly in it.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from opskit.config import checks
from opskit.config.lookup import did_you_mean
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = datetime(2024, 1, 1)  # noqa: DTZ001 - what a clock on the wall shows, in whatever zone
DAY, WEEK = timedelta(days=1), timedelta(days=7)
LIKE = '"Fri 16:00 to Mon 08:00 Europe/Berlin" or "2026-12-20 to 2027-01-02 Europe/Berlin"'

_DAY = r"(?:mon|tue|wed|thu|fri|sat|sun)(?:[a-z]*day)?|\d{4}-\d{2}-\d{2}"
_TIME = r"(?:[01]?\d|2[0-3]):[0-5]\d|24:00"
_POINT = rf"({_DAY})?(?: ?({_TIME}))?"
_WINDOW = rf"(?ai){_POINT} to {_POINT} ([A-Za-z][\w+/-]*)"


class Window(NamedTuple):
    """A window as it was written, and what it means: by the wall clock of `zone`, from `first` for `length`, and
    again `every` so often (None: never).
    """

    text: str
    zone: str
    first: datetime
    length: timedelta
    every: timedelta | None = None

    def end_of(self, at: datetime) -> datetime | None:
        """Give when the window ends that `at` (aware) is in, in UTC; None if it is in none."""
        zone = zone_of(self.zone)
        ends = [
            end
            for start in self._starts(at.astimezone(zone).replace(tzinfo=None))
            if _earliest(start, zone) <= at < (end := _latest(start + self.length, zone))
        ]
        return max(ends, default=None)

    def _starts(self, wall: datetime) -> Iterator[datetime]:
        """Give the beginnings that may matter at a time of the wall clock: a clock never jumps further than a day."""
        if self.every is None:
            yield self.first
            return
        around = (wall - self.first) // self.every
        for number in range(around - 2, around + 3):
            yield self.first + number * self.every


def window(value: Any) -> Window:
    """Check a window of time; raises ConfigError."""
    said = " ".join(checks.text(value).split())
    found = re.fullmatch(_WINDOW, said)
    if not found:
        checks.wrong(f"a window of time like {LIKE}", value)
    day, time, last_day, last_time, zone = found.groups()
    if not (day or time) or not (last_day or last_time):
        checks.wrong(f"a window of time like {LIKE}", value)
    _demand_zone(zone)
    start = _point(day, time or "00:00")
    end = _point(last_day or day, last_time or "24:00")
    every = None if _is_date(day) else WEEK if day else DAY
    if last_day and (bool(day) is not bool(last_day) or _is_date(day) is not _is_date(last_day)):
        raise ConfigError("a window begins and ends on a weekday, or on a date, or has times only")
    length = _length(start, end, every, has_day=bool(last_day))
    if length <= timedelta():
        raise ConfigError("the window ends before it begins, or at the same moment")
    return Window(said, zone, start, length, every)


def zone_of(name: str) -> ZoneInfo:
    """Give a time zone; it is loaded late, since most fleets name none."""
    from zoneinfo import ZoneInfo

    return ZoneInfo(name)


def _length(
    start: datetime, end: datetime, every: timedelta | None, *, has_day: bool
) -> timedelta:
    """Give how long a window is by the wall clock; an end that names no day is the next time that this is shown."""
    if every is None:
        return end - start
    return (end - start) % (every if has_day else DAY)


def _point(day: str | None, time: str) -> datetime:
    """Give what the wall clock shows; of a weekday, in the week of MONDAY."""
    hours, minutes = map(int, time.split(":"))
    if not day:
        begin = MONDAY
    elif _is_date(day):
        begin = datetime.combine(_date(day), datetime.min.time())
    else:
        begin = MONDAY + WEEKDAYS.index(day[:3].lower()) * DAY
    return begin + timedelta(hours=hours, minutes=minutes)


def _is_date(day: str | None) -> bool:
    return bool(day) and str(day)[0].isdigit()


def _date(day: str) -> date:
    try:
        found = date.fromisoformat(day)
    except ValueError:
        raise ConfigError(f"there is no day {day}") from None
    if not 2000 <= found.year < 9000:
        raise ConfigError(f"{day} is not meant, is it?")
    return found


def _demand_zone(name: str) -> None:
    from zoneinfo import available_timezones

    try:
        zone_of(name)
    except (KeyError, ValueError, OSError):
        known = available_timezones()
        hint = did_you_mean(name, known) if known else "install the system's package tzdata"
        raise ConfigError(f"there is no time zone {name!r}", hint=hint) from None


def _earliest(wall: datetime, zone: ZoneInfo) -> datetime:
    """Give the first moment at which the wall clock shows this or more."""
    return min(_moments(wall, zone))


def _latest(wall: datetime, zone: ZoneInfo) -> datetime:
    """Give the last moment at which the wall clock shows this, or jumps over it."""
    return max(_moments(wall, zone))


def _moments(wall: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Give when the wall clock shows this, twice; of what it jumps over, when it jumps."""
    first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if first.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return first, second
    before, after = second, first  # of a time that never is, the later reading comes first
    while after - before > timedelta(seconds=1):
        middle = before + (after - before) // 2
        if middle.astimezone(zone).replace(tzinfo=None) < wall:
            before = middle
        else:
            after = middle
    jump = after.replace(microsecond=0)
    return jump, jump
