"""What is not believed of an upstream's events, told in few lines however many events there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.event import Header

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_WRITERS = 3  # that are named for the same thing; more are counted


@dataclass(frozen=True, slots=True)
class Doubt:
    """An event that is not what it should be: `trick` as in UpstreamLiesError, whose and which it is, what is wrong.

    `what` goes on after "event 7 of writer ab12", and begins with its verb; `detail` is told of the first event only.
    """

    trick: str
    writer: bytes
    seq: int
    what: str
    detail: str = ""


def told(doubts: Iterable[Doubt]) -> list[tuple[str, str]]:
    """Give (trick, words): one line for each writer and thing, or for all writers if they are many."""
    things: dict[tuple[str, str], dict[bytes, list[Doubt]]] = {}
    for doubt in doubts:
        writers = things.setdefault((doubt.trick, doubt.what), {})
        writers.setdefault(doubt.writer, []).append(doubt)
    lines = []
    for (trick, what), writers in things.items():
        if len(writers) > MOST_WRITERS:
            every = [doubt for each in writers.values() for doubt in each]
            whose = f"{len(writers):,} writers"
            last = f"; the first is event {every[0].seq} of writer {_short(every[0])}"
            lines.append((trick, f"{len(every):,} events of {whose} {_of_many(what)}{last}"))
        else:
            lines += [(trick, _line(each)) for each in writers.values()]
    return lines


def event_named(digest: bytes, header: bytes) -> str:
    """Give in brackets what to look an event up by, and what it is; only its hash if its header cannot be read."""
    name = digest.hex()[:10]
    try:
        read = Header.decode(header)
    except ValueError:
        return f" ({name})"
    of = f" of {read.rollout}" if read.rollout else ""
    by = f" by {read.actor}" if read.actor else ""
    return f" ({name}: {read.kind}{of}{by})"


def _line(doubts: list[Doubt]) -> str:
    first = doubts[0]
    detail = f" ({first.detail})" if first.detail else ""
    if len(doubts) == 1:
        return f"event {first.seq} of writer {_short(first)} {first.what}{detail}"
    many = f"{len(doubts):,} events of writer {_short(first)} {_of_many(first.what)}"
    return f"{many}; the first is event {first.seq}{detail}"


def _of_many(what: str) -> str:
    verb, _, rest = what.partition(" ")
    return f"{ {'was': 'were', 'is': 'are'}.get(verb, verb) } {rest}"


def _short(doubt: Doubt) -> str:
    return doubt.writer.hex()[:12]
