"""Verdicts: what people found out about a rollout or a run, whether it was guilty of a trouble.

An event `verdict` names the rollout or the run in its header. Its body is

    {"verdict": "guilty" | "innocent", "why": TEXT, "onset": ms since 1970 or 0, "incident": ID, "during": run of a runbook,
     "asked": {"when": ms, "at": ms, "is_onset": bool, "by_check": bool, "environment", "services": [names], "needed": [names], "needing": [names], "ill": [hosts], "well": [hosts], "fleet": [hosts],
               "onsets": [{"host", "at": ms}], "symptom": TEXT,
               "seen": [{"id", "service", "environment", "at": ms, "actor", "reason", "flips": [{"host", "at": ms}]}]}}

What is judged is a rollout or a run, the event of a note, a freeze or a thaw by the beginning of its hash, or a change that no rollout made: blame gave that an id.
`asked` is the question to blame that it answers, `seen` what hosts themselves told of such changes, and `when` it was asked, so that the ranker can be graded later; it may be missing. Anybody may give a verdict,
as of a note, and nothing takes one away: the last one that counts is what holds. An event without a rollout is of no kind that we know.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.body import number, part, parts, text, texts
from opskit.changelog.clock import moment, placed
from opskit.changelog.event import VERDICT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from opskit.changelog.event import Event

GUILTY, INNOCENT = "guilty", "innocent"
WORDS = (GUILTY, INNOCENT)
CLOSE = timedelta(minutes=30)
"""How far two may be apart who say when the same trouble began."""
SAME_NIGHT = timedelta(hours=12)
"""How long after it began somebody still asks who broke it, without saying since when."""


class Seen(NamedTuple):
    """A change that no rollout made, as hosts told of it when blame was asked: `flips` are pairs of a host and a time."""

    id: str
    service: str
    environment: str
    at: datetime
    actor: str = ""
    reason: str = ""
    flips: tuple[tuple[str, datetime], ...] = ()


class Asked(NamedTuple):
    """What blame was asked, and when: other fields as of `blame.model.Question`, `onsets` as pairs of a host and a time."""

    when: datetime
    at: datetime
    is_onset: bool = False
    environment: str = ""
    services: tuple[str, ...] = ()
    ill: tuple[str, ...] = ()
    well: tuple[str, ...] = ()
    fleet: tuple[str, ...] = ()
    onsets: tuple[tuple[str, datetime], ...] = ()
    symptom: str = ""
    seen: tuple[Seen, ...] = ()
    by_check: bool = False
    needed: tuple[str, ...] = ()
    needing: tuple[str, ...] = ()


class VerdictEntry(NamedTuple):
    """What somebody found out about the rollout, the run, or whatever else has the id `rollout`: `verdict` is guilty or innocent, "" where the body is gone.

    `onset` is when the trouble began, `asked` the question that it answers, None for what nobody said. Standing, principal, doubt,
    during and incident as of a RolloutRecord.
    """

    id: str
    hash: str
    at: datetime
    actor: str
    verdict: str
    why: str
    rollout: str
    service: str = ""
    environment: str = ""
    onset: datetime | None = None
    asked: Asked | None = None
    damage: str = ""
    standing: str = ""
    principal: str = ""
    doubt: str = ""
    during: str = ""
    incident: str = ""


def is_verdict(event: Event) -> bool:
    """Tell whether an event is a verdict on a rollout or a run."""
    return event.header.kind == VERDICT and bool(event.header.rollout)


def verdict(event: Event) -> VerdictEntry:
    """Make the record of a verdict."""
    header, body = event.header, event.body
    ruled = text(body, "verdict")
    return VerdictEntry(
        id=event.id,
        hash=event.hash.hex(),
        at=moment(event.at_ms),
        actor=header.actor,
        verdict=ruled if ruled in WORDS else "",
        why=text(body, "why"),
        rollout=header.rollout,
        service=header.service,
        environment=header.environment,
        onset=moment(onset) if (onset := number(body, "onset")) > 0 else None,
        asked=asked_in(part(body, "asked")),
        damage=event.damage,
        during=text(body, "during"),
        incident=text(body, "incident"),
    )


def verdicts(events: Iterable[Event]) -> tuple[VerdictEntry, ...]:
    """Give the verdicts among the events of a rollout or a run, the last one last: a clock that runs ahead does not rule for ever."""
    return tuple(verdict(event) for event in sorted(filter(is_verdict, events), key=_place))


def holding(given: Iterable[VerdictEntry]) -> VerdictEntry | None:
    """Give the verdict that holds among those on one rollout, the last one last: neither revoked, nor without words; None for none.

    What it leaves unsaid of the trouble, the incident, the onset, the question, is as the one before it said, unless that was about another incident.
    """
    held: VerdictEntry | None = None
    for each in given:
        if each.verdict and each.standing != "revoked":
            held = _kept(each, held)
    return held


def _kept(new: VerdictEntry, old: VerdictEntry | None) -> VerdictEntry:
    if old is None or (new.incident and old.incident and new.incident != old.incident):
        return new
    return new._replace(
        onset=new.onset or old.onset,
        incident=new.incident or old.incident,
        asked=new.asked or old.asked,
    )


def is_about(asked: Asked, onset: datetime | None) -> bool:
    """Tell whether a question was about the trouble that began at an onset: asked for that time, or not long after it; of one that nobody knows, every question is."""
    if onset is None:
        return True
    if asked.is_onset or asked.onsets:
        return abs(min((asked.at, *(at for _, at in asked.onsets))) - onset) <= CLOSE
    return onset - CLOSE <= asked.at <= onset + SAME_NIGHT


def asked_in(body: Mapping[str, object]) -> Asked | None:
    """Give the question that a body holds as `asked`; None for none."""
    if (at := number(body, "at")) <= 0:
        return None
    return Asked(
        when=moment(max(number(body, "when"), at)),
        at=moment(at),
        is_onset=body.get("is_onset") is True,
        by_check=body.get("by_check") is True,
        environment=text(body, "environment"),
        services=texts(body, "services"),
        needed=texts(body, "needed"),
        needing=texts(body, "needing"),
        ill=texts(body, "ill"),
        well=texts(body, "well"),
        fleet=texts(body, "fleet"),
        onsets=_times(body, "onsets"),
        symptom=text(body, "symptom"),
        seen=tuple(filter(None, map(seen_in, parts(body, "seen")))),
    )


def seen_in(body: Mapping[str, object]) -> Seen | None:
    """Give a change that hosts told of as a body holds it in `seen`; None for none."""
    name, at = text(body, "id"), number(body, "at")
    if not name or at <= 0:
        return None
    return Seen(
        id=name,
        service=text(body, "service"),
        environment=text(body, "environment"),
        at=moment(at),
        actor=text(body, "actor"),
        reason=text(body, "reason"),
        flips=_times(body, "flips"),
    )


def _times(body: Mapping[str, object], name: str) -> tuple[tuple[str, datetime], ...]:
    return tuple((text(e, "host"), moment(number(e, "at"))) for e in parts(body, name))


def _place(event: Event) -> tuple[int, bytes]:
    return placed(event.header.hlc, event.header.seq, event.received_ms), event.hash
