"""The times of receipt of a whole log, compared with what was said before, with each other, and with what was signed."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.changelog import timing
from opskit.changelog.event import Header

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.packet import Arrival

FILE_MS = 600_000  # that the times of a file may differ from reading to reading: its stamps are anybody's
MOST_REMARKS = 5
LAST_S = 253_402_300_799


class Schedule:
    """Takes note of place after place. `gapless` is the upstream's: a database tells its times exactly."""

    def __init__(self, *, gapless: bool) -> None:
        self._gapless = gapless
        self._places, self._written = array("q"), array("q")
        self._received, self._known = array("q"), array("q")
        self._writers: list[bytes] = []
        self._names: dict[bytes, bytes] = {}
        self._times: timing.Times | None = None

    def note(self, arrival: Arrival, known_ms: int) -> None:
        """Add a place, and when it came as far as that is known here (0: nobody knows)."""
        self._places.append(arrival.receipt.pos)
        self._received.append(arrival.receipt.received_ms)
        self._known.append(known_ms)
        self._written.append(_written(arrival))
        self._writers.append(self._names.setdefault(arrival.writer, arrival.writer))

    def altered(self) -> Iterator[tuple[int, str]]:
        """Give places whose time is another than the one that is known here, and in words what it says."""
        if self._is_pushed_again():
            return
        for number in self._changed():
            now, before = _time(self._received[number]), _time(self._known[number])
            what = f"altered: it says now that it received it at {now}, and said {before} before"
            again = "once it is right again, opskit changelog sync --again takes it"
            yield self._places[number], f"{what} ({again})"

    def impossible(self) -> Iterator[tuple[int, str]]:
        """Give places whose time cannot be, and why."""
        for number in sorted(self._found().impossible):
            said = _time(self._received[number])
            signed = _time(self._written[number])
            yield (
                self._places[number],
                f"altered: it says that it received it at {said}, which is out of the order of its places; its writer signed {signed}",
            )

    def remarks(self) -> list[str]:
        """Give what is strange, and most likely a clock that was wrong."""
        found = [
            f"the time falls to {_time(self._received[number])} at place {self._places[number]}: its clock was set back then"
            " (and nothing is to be done), or times were altered"
            for number in self._found().set_back[:MOST_REMARKS]
        ]
        runs = timing.early(self._received, self._written, self._writers)
        found += [
            f"it says that it received places {self._places[first]} to {self._places[last]} before several writers wrote"
            " them, as they signed: its clock was slow then, or times were altered"
            for first, last in runs[:MOST_REMARKS]
        ]
        if self._is_pushed_again():
            first = self._places[self._changed()[0]]
            found.append(
                f"it received the places from {first} on a second time: it was set back, and all was pushed again as it was"
                " (then nothing is to be done; opskit changelog sync --again takes the new times), or times were altered"
            )
        pairs = zip(self._received, self._known, strict=True)
        if (unknown := sum(said > 0 and not known for said, known in pairs)) and self._gapless:
            found.append(
                f"the times of {unknown:,} places were not believed when they came; if they are right now:"
                " opskit changelog sync --again"
            )
        return found

    def _changed(self) -> list[int]:
        most = 1 if self._gapless else FILE_MS
        return [
            number
            for number, (said, known) in enumerate(zip(self._received, self._known, strict=True))
            if said and known and abs(said - known) > most
        ]

    def _is_pushed_again(self) -> bool:
        """Tell whether all that is known from some place on came later than before, in its order.

        That is what a log looks like that was set back while this laptop was away, if those who wrote pushed all as it was.
        """
        changed = self._changed()
        if not changed or self._found().impossible:
            return False
        known = [n for n in range(changed[0], len(self._known)) if self._known[n]]
        return known == changed and all(self._received[n] > self._known[n] for n in changed)

    def _found(self) -> timing.Times:
        if self._times is None:
            self._times = timing.look(self._received, lambda number: self._written[number])
        return self._times


def _written(arrival: Arrival) -> int:
    try:
        at_ms = Header.decode(arrival.packet.header).at_ms if arrival.packet else 0
    except ValueError:
        return 0
    return min(max(at_ms, 0), LAST_S * 1000)


def _time(ms: int) -> str:
    return f"{datetime.fromtimestamp(min(max(ms // 1000, 0), LAST_S), UTC):%Y-%m-%d %H:%M:%S} UTC"
