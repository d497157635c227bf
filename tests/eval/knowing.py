"""What an engineer knows of a simulated trouble, with all that is wrong in it: clocks, checks, graphs, logs, words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opskit.blame.model import Candidate, Question, TextEvidence
from tests.eval.fleets import DAY, HOUR, MINUTE

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping, Sequence

    from tests.eval.fleets import Change, Fleet
    from tests.eval.troubles import Trouble

MIDNIGHT = datetime(2026, 3, 2, tzinfo=UTC)
LEVELS = {"a time": 10, "a service": 20, "hosts": 30, "onsets": 25, "a host or two": 15}
"""How often somebody knows how much; with each of them, one time of two, also what the symptom says."""
APART = 2.3
"""By so many standard deviations the words of a guilty commit fit better: then the words alone put it first of 40 in about half of all
cases, as BM25 over real histories does (0.50 to 0.58, issue 6)."""
VAGUE = 0.25
"""So often a symptom says nothing of its cause."""
SPEAKS = ("deploy", "rollback", "task", "exec", "runbook", "note")


@dataclass(frozen=True)
class Known:
    """What reaches blame."""

    level: str
    question: Question
    candidates: tuple[Candidate, ...]
    texts: Mapping[str, TextEvidence]


def moment(seconds: float) -> datetime:
    return MIDNIGHT + timedelta(seconds=seconds)


def known(dice: random.Random, there: Fleet, done: Sequence[Change], found: Trouble) -> Known:
    """Let somebody ask, knowing more or less, and with what is wrong in it."""
    level = dice.choices(list(LEVELS), list(LEVELS.values()))[0]
    question = _question(dice, there, found, level)
    told = [change for change in done if change.at <= found.asked]
    candidates = tuple(_candidates(dice, there, told, question))
    texts = _texts(dice, candidates, found) if question.symptom else {}
    return Known(level, question, candidates, texts)


def _question(dice: random.Random, there: Fleet, found: Trouble, level: str) -> Question:
    symptom = "what the log says" if dice.random() < 0.5 else ""
    named = level in ("a service", "hosts", "onsets") or (
        level == "a host or two" and dice.random() < 0.5
    )
    services = (found.service,) if named else ()
    home = there.service(found.service).hosts if named else there.hosts
    at, is_onset = _when(dice, found, level)
    ill: tuple[str, ...] = ()
    well: tuple[str, ...] = ()
    if level in ("hosts", "onsets"):
        ill, well = _checked(dice, home, found)
    elif level == "a host or two":
        ill = tuple(dice.sample(sorted(found.onsets), min(len(found.onsets), dice.choice([1, 2]))))
    return Question(
        at=moment(at),
        is_onset=is_onset,
        environment="production",
        services=services,
        ill=ill,
        well=well,
        fleet=home,
        onsets=_logged(dice, ill, found) if level == "onsets" else {},
        onset_from="logs" if level == "onsets" else "",
        symptom=symptom,
    )


def _when(dice: random.Random, found: Trouble, level: str) -> tuple[float, bool]:
    """Give the time that is told: now, or an onset that is told too late, or one time of twenty wrong by up to an hour."""
    if level == "onsets" or dice.random() < 0.5:
        return found.asked, False
    wrong = dice.uniform(-HOUR, HOUR) if dice.random() < 0.05 else 0.0
    late = dice.expovariate(1 / (3 * MINUTE))
    return min(found.begin + late + wrong, found.asked), True


def _checked(
    dice: random.Random, home: Sequence[str], found: Trouble
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Check every host: one of twenty ill ones answers well, one of a hundred well ones does not, some are not reached."""
    ill: list[str] = []
    well: list[str] = []
    for host in home:
        if dice.random() < 0.03:
            continue
        shows = dice.random() < (0.95 if host in found.onsets else 0.01)
        (ill if shows else well).append(host)
    return tuple(ill), tuple(well)


def _logged(dice: random.Random, ill: Sequence[str], found: Trouble) -> Mapping[str, datetime]:
    """Give what logs say of the first time: some are missing, late, by a clock that is off, or of something else long before."""
    slow = dice.choice([0.0, 0.0, MINUTE, 3 * MINUTE])
    said: dict[str, datetime] = {}
    for host in ill:
        if dice.random() < 0.1:
            continue
        at = found.onsets.get(host, found.asked) + _skew(dice)
        at += dice.expovariate(1 / slow) if slow else 0
        if dice.random() < 0.03:
            at = found.asked - dice.uniform(0, DAY)
        said[host] = moment(min(at, found.asked))
    return said


def _skew(dice: random.Random) -> float:
    """Give how far a clock is off: mostly not by a second, one of ten by half a minute, one of fifty by up to ten minutes."""
    kind = dice.random()
    if kind < 0.02:
        return dice.uniform(-10, 10) * MINUTE
    return dice.gauss(0, 15) if kind < 0.12 else dice.gauss(0, 0.5)


def _candidates(
    dice: random.Random, there: Fleet, told: Sequence[Change], question: Question
) -> list[Candidate]:
    """Give all that may be about the ill service: its own changes, what it needs, and what else is on its hosts."""
    far = there.distances(question.services[0]) if question.services else {}
    made: list[Candidate] = []
    for change in told:
        distance = far.get(change.service, -1) if far else 0
        if distance >= 0 or not set(question.fleet).isdisjoint(change.flips):
            made.append(_candidate(dice, change, distance))
    dice.shuffle(made)
    return made


def _candidate(dice: random.Random, change: Change, distance: int) -> Candidate:
    """Write a change down by the clock of the laptop that it was done from."""
    skew = _skew(dice)
    return Candidate(
        id=change.id,
        kind=change.kind,
        at=moment(change.at + skew),
        service=change.service,
        environment="production",
        outcome=change.outcome,
        flips={h: moment(at + skew + dice.uniform(0, 2)) for h, at in change.flips.items()},
        retreats={h: moment(at + skew) for h, at in change.retreats.items()},
        distance=distance,
        overrides=("freeze",) if change.overridden else (),
        events=(f"{change.id:>04}".replace(" ", "0") * 8,),
    )


def _texts(
    dice: random.Random, candidates: Sequence[Candidate], found: Trouble
) -> Mapping[str, TextEvidence]:
    """Compare words, as well as that goes: of some there is no text, and the comparer is a little too sure or not sure enough."""
    mood = dice.uniform(0.6, 1.4)
    points = dice.random() >= VAGUE
    texts: dict[str, TextEvidence] = {}
    for candidate in candidates:
        if candidate.kind not in SPEAKS or dice.random() < 0.1:
            continue
        guilty = found.culprit is not None and candidate.id == found.culprit.id and points
        apart = APART if candidate.kind in ("deploy", "rollback") else APART / 2
        fits = dice.gauss(apart if guilty else 0, 1)
        ratio = VAGUE + (1 - VAGUE) * math.exp(apart * fits - apart**2 / 2)
        texts[candidate.id] = TextEvidence(bits=mood * math.log2(ratio))
    return texts
