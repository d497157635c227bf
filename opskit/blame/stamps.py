"""The time that a line of a log begins with, in the formats that logs are commonly written in."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import tzinfo

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
LOOKED_AT = 500
"""Characters of a line in which a time is looked for."""
AHEAD = timedelta(days=1)
"""How far ahead of now a line without a year may be, by another clock, before it means the year before."""
TOLERANCE = timedelta(minutes=5)
"""How far ahead of now the times of a log may be, by another clock, before they are not believed."""
LEAPS = 8
"""Years after which every day of the calendar has come."""
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_CLOCK = r"(?P<hour>[0-2]\d):(?P<minute>[0-5]\d):(?P<second>[0-6]\d)(?:[.,](?P<part>\d{1,9}))?"
_ZONE = r"(?P<zone> ?(?:[+-]\d{2}:?\d{2}(?!\d)|Z\b|UTC\b|GMT\b))?"
_DAY = r"(?P<day>[ 0-3]?\d)"
_NAME = r"(?P<name>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_NUMBERS = r"(?P<month>[01]\d)"
_YEAR = r"(?P<year>(?:19|20)\d{2})"
FORMATS = tuple(
    re.compile(rf"(?<![\d.:/-]){written}", re.ASCII | re.IGNORECASE)
    for written in (
        # ISO 8601 and RFC 3339, as journald, Java and Python write it: 2026-11-26T14:02:03.5+01:00
        rf"{_YEAR}-{_NUMBERS}-(?P<day>[0-3]\d)[T ]{_CLOCK}{_ZONE}",
        # nginx's error log, Go: 2026/11/26 14:02:03
        rf"{_YEAR}/{_NUMBERS}/(?P<day>[0-3]\d)[ ]{_CLOCK}{_ZONE}",
        # access logs of Apache, nginx, HAProxy: 26/Nov/2026:14:02:03 +0100
        rf"(?P<day>[0-3]\d)/{_NAME}/{_YEAR}[: ]{_CLOCK}{_ZONE}",
        # HTTP and mail: 26 Nov 2026 14:02:03 GMT
        rf"{_DAY} {_NAME} {_YEAR} {_CLOCK}{_ZONE}",
        # Apache's error log, ctime: Nov 26 14:02:03.123456 2026
        rf"{_NAME} {_DAY} {_CLOCK} {_YEAR}",
        # syslog: Nov 26 14:02:03
        rf"{_NAME} {_DAY} {_CLOCK}",
    )
)
EPOCH = re.compile(
    r"""^[\[{( ]*(?:"(?:ts|time|timestamp|epoch|t)" ?: ?"?)?(?P<whole>1\d{9})(?:(?P<milli>\d{3})|[.](?P<part>\d{1,9}))?(?![\d.])""",
    re.ASCII,
)

LIKE = re.compile(
    rf"(?<![\d.:/-])(?:\d{{4}}[-/]\d\d[-/]\d\d|\d\d/{_NAME}/\d{{4}}|{_NAME.replace('name', 'other')} {_DAY}(?: \d{{4}})?)[T :]\d\d:\d\d:\d\d",
    re.ASCII | re.IGNORECASE,
)
"""What is written as a time, though there may be none such."""


def find(line: str, *, now: datetime, zone: tzinfo = UTC) -> datetime | None:
    """Give the time that a line of a log names first, None if there is none that can be read.

    A time without a zone is in `zone`; one without a year is the last one that was not after `now` (aware), but for a day.
    """
    text = line[:LOOKED_AT]
    if epoch := EPOCH.match(text):
        return _since_1970(epoch)
    matches = [match for written in FORMATS if (match := written.search(text))]
    for match in sorted(matches, key=lambda each: (each.start(), -len(each.group()))):
        if at := _read(match.groupdict(), now, zone):
            return at
    return None


def is_impossible(line: str, *, now: datetime) -> bool:
    """Tell whether a line of a log names a time that there is not, as 25:61:61, or none that can be meant, as of the year 9999."""
    return LIKE.search(line[:LOOKED_AT]) is not None and find(line, now=now) is None


def in_future(times: Iterable[datetime], now: datetime) -> str:
    """Say by how much the last of these times is in the future, and what of it; "" if it is none, or clocks may be the reason."""
    ahead = max(times, default=now) - now
    if ahead <= TOLERANCE:
        return ""
    hours, minutes = divmod(ahead // timedelta(minutes=1), 60)
    how = f"{hours} h {minutes} min" if hours else f"{minutes} min"
    return f"{how} in the future (another time zone, a wrong clock?) and are not weighed"


def zone_of(offset: str) -> tzinfo | None:
    """Give the time zone that is written as +HHMM, +HH:MM or Z; None if it is none."""
    said = offset.strip().upper()
    if said in ("Z", "UTC", "GMT"):
        return UTC
    match = re.fullmatch(r"(?a)([+-])(\d{2}):?(\d{2})", said)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        return None
    ahead = timedelta(hours=int(match[2]), minutes=int(match[3]))
    return timezone(ahead if match[1] == "+" else -ahead)


def _since_1970(match: re.Match[str]) -> datetime:
    fraction = match["milli"] or match["part"] or ""
    micro = int(fraction.ljust(6, "0")[:6]) if fraction else 0
    return datetime.fromtimestamp(int(match["whole"]), UTC) + timedelta(microseconds=micro)


def _read(said: dict[str, str | None], now: datetime, zone: tzinfo) -> datetime | None:
    """Read what a format found; None if there is no such time, as on the 30th of February."""
    given = {name: int(value) for name, value in said.items() if value and value.strip().isdigit()}
    name, where = said.get("name"), zone_of(said.get("zone") or "")
    month = MONTHS.index(name.lower()) + 1 if name else given["month"]
    years = [given["year"]] if "year" in given else range(now.year + 1, now.year - LEAPS, -1)
    for year in years:
        try:
            at = datetime(
                year, month, given["day"], given["hour"], given["minute"],
                min(given["second"], 59), int((said["part"] or "0").ljust(6, "0")[:6]), where or zone,
            )  # fmt: skip
        except ValueError:
            continue
        if "year" in given or at <= now + AHEAD:
            return at if at >= EARLIEST else None
    return None
