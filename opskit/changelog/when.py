"""Points in time as people write them: `2h`, `yesterday 14:00`, `monday 9:00`, `2026-11-23`."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from itertools import product
from typing import TYPE_CHECKING

from opskit.errors import TimeError

if TYPE_CHECKING:
    from collections.abc import Iterable

UNITS = {
    "seconds": ("s", "sec", "secs", "second", "seconds"),
    "minutes": ("m", "min", "mins", "minute", "minutes"),
    "hours": ("h", "hour", "hours"),
    "days": ("d", "day", "days"),
    "weeks": ("w", "week", "weeks"),
}
SECOND, MINUTE = UNITS["seconds"], UNITS["minutes"]
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
HINT = "write it like 2h, 3d, 14:05, yesterday 14:00, monday 9:00, 2026-11-23 or 2026-11-23 14:05"
HINT_UNTIL = "write it like 2h, 3d, 18:00, tomorrow 9:00, monday 8:00 or 2026-12-01 8:00"

_SPAN = r"([0-9]{1,9}) ?([a-z]+)( ago)?"
_CLOCK = r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"


def parse_when(text: str, now: datetime) -> datetime:
    """Give the point in time that `text` names, seen from `now` (aware) and in its time zone.

    A span (`2h`, `90 min ago`) counts back from now. A time of day or a weekday means the latest
    one that has passed; a day without a time of day means its midnight. `today` and a date are
    taken as they are written, also when they are still to come, and so is ISO 8601 with an offset
    of its own. Raises TimeError.
    """
    said = " ".join(text.lower().split())
    try:
        found = _span(said, now) or _day_and_time(said, now) or _iso(said)
    except (OverflowError, ValueError):
        found = None
    if found is None:
        raise TimeError(f"cannot read the time {text[:60]!r}", hint=HINT)
    return found


def fineness(text: str) -> float:
    """Give by how many seconds a point in time that `parse_when` reads may be off: a few where seconds are named, else as it was rounded, a minute at most."""
    said = " ".join(text.lower().split())
    if span := re.fullmatch(_SPAN, said):
        return next(
            (off for unit, off in ((SECOND, 5.0), (MINUTE, 30.0)) if span[2] in unit), 60.0
        )
    return 5.0 if re.search(r"[0-9]:[0-9]{2}:[0-9]{2}", said) else 60.0


def parse_until(text: str, now: datetime) -> datetime:
    """Give the point in time to come that `text` names: `2h`, `18:00`, `tomorrow 9:00`, `monday`, `2026-12-01 8:00`.

    A span counts from now; a time of day or a weekday means the next one. Raises TimeError, also for what has passed.
    """
    said = " ".join(text.lower().split())
    try:
        found = _span_ahead(said, now) or _next_day_and_time(said, now) or _iso(said)
    except (OverflowError, ValueError):
        found = None
    if found is None:
        raise TimeError(f"cannot read the time {text[:60]!r}", hint=HINT_UNTIL)
    if found.astimezone(UTC) <= now.astimezone(UTC):
        raise TimeError(f"{text[:60]!r} has passed", hint=HINT_UNTIL)
    return found


def _span_ahead(said: str, now: datetime) -> datetime | None:
    back = None if said.endswith(" ago") or said == "now" else _span(said, now)
    here = now.astimezone(UTC)
    return back and (here + (here - back.astimezone(UTC))).astimezone(now.tzinfo)


def _next_day_and_time(said: str, now: datetime) -> datetime | None:
    """Read `[day] [time of day]`, to come; at least one of the two."""
    before, _, last = said.rpartition(" ")
    day, clock = (before, _clock(last)) if re.fullmatch(_CLOCK, last) else (said, time())
    ahead = {"": (0, 1), "tomorrow": (1,)}.get(day)
    if day in WEEKDAYS:
        first = (WEEKDAYS.index(day) - now.weekday()) % 7
        ahead = (first, first + 7)
    if ahead is None or not said:
        return _day_and_time(said, now) if said else None
    days = [now.date() + timedelta(days=n) for n in ahead]
    found = [_local(day, clock.replace(fold=fold), now) for day, fold in product(days, (0, 1))]
    return next((then for then in found if then.astimezone(UTC) > now.astimezone(UTC)), None)


def _span(said: str, now: datetime) -> datetime | None:
    """Go back by elapsed time, which is not the same as wall time when the clocks change."""
    match = re.fullmatch(_SPAN, said)
    if said == "now":
        return now
    unit = next((unit for unit, names in UNITS.items() if match and match[2] in names), "")
    if match is None or not unit:
        return None
    then = now.astimezone(UTC) - timedelta(**{unit: int(match[1])})
    return then.astimezone(now.tzinfo)


def _day_and_time(said: str, now: datetime) -> datetime | None:
    """Read `[day] [time of day]`; at least one of the two."""
    spaced = said.replace("t", " ", 1) if re.match(_DATE, said) else said
    before, _, last = spaced.rpartition(" ")
    day, clock = (before, _clock(last)) if re.fullmatch(_CLOCK, last) else (said, time())
    if not day and said:
        return _latest((now.date(), now.date() - timedelta(days=1)), clock, now)
    if day in WEEKDAYS:
        back = (now.weekday() - WEEKDAYS.index(day)) % 7
        return _latest((now.date() - timedelta(days=n) for n in (back, back + 7)), clock, now)
    if day in ("today", "yesterday"):
        return _local(now.date() - timedelta(days=day == "yesterday"), clock, now)
    return _local(date.fromisoformat(day), clock, now) if re.fullmatch(_DATE, day) else None


def _iso(said: str) -> datetime | None:
    found = datetime.fromisoformat(said.upper())
    return found if found.tzinfo else None


def _clock(said: str) -> time:
    return time.fromisoformat(said.zfill(5 if said.count(":") == 1 else 8))


def _latest(days: Iterable[date], clock: time, now: datetime) -> datetime | None:
    """Give the latest of these times that has passed; where clocks go back an hour exists twice."""
    found = [_local(day, clock.replace(fold=fold), now) for day, fold in product(days, (1, 0))]
    return next((then for then in found if then.astimezone(UTC) <= now.astimezone(UTC)), None)


def _local(day: date, clock: time, now: datetime) -> datetime:
    """Give a day's time in the zone of `now`: by this machine's rules for that day, if it is its zone."""
    naive = datetime.combine(day, clock)
    here = isinstance(now.tzinfo, timezone) and now.utcoffset() == now.astimezone().utcoffset()
    return naive.astimezone() if here else naive.replace(tzinfo=now.tzinfo)
