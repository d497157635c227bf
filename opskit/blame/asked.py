"""The last questions to blame on this machine, so that a verdict can say which of them it answers.

Beside the changelog lies `asked.json`: the newest questions as `told` gives them, each with the ids of its suspects. What hosts told of changes that no rollout made is in it, as nobody could ask them again for what was then. It is a
convenience: where it is missing, too old or unreadable, a verdict is given without a question.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from typing import TYPE_CHECKING

from opskit.blame.model import DRIFT
from opskit.changelog.body import NOTHING, number, part, parts, texts
from opskit.changelog.ruling import CLOSE, asked_in, is_about, seen_in
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from opskit.blame.model import Candidate, Question
    from opskit.changelog import Asked
    from opskit.changelog.ruling import Seen

FILE = "asked.json"
MOST = 20
HELD_MS = 30 * 86_400_000
MOST_HOSTS = 2000
MOST_SYMPTOM = 2000  # characters
MOST_SEEN = 20
SHORTEST = 4
"""Characters of an id, behind the word with which all such ids begin, that name a change."""
MENDS = ("deploy", "rollback", "replace", "task", "runbook")
"""Kinds of changes that end a trouble, or begin another: a question asked after one is not about what was asked about before it."""
LARGEST = 4_000_000  # bytes of the file


def told(
    question: Question, when: datetime, candidates: Iterable[Candidate] = ()
) -> dict[str, object]:
    """Give a question that was asked at that time as the event of a verdict holds it, bounded, with those of its candidates that only hosts told of.

    Secrets must have been taken out of its symptom before.
    """
    return {
        "when": _ms(when),
        "at": _ms(question.at),
        "is_onset": question.is_onset,
        "by_check": question.by_check,
        "environment": question.environment,
        "services": list(question.services[:MOST_HOSTS]),
        "needed": list(question.needed[:MOST_HOSTS]),
        "needing": list(question.needing[:MOST_HOSTS]),
        "ill": list(question.ill[:MOST_HOSTS]),
        "well": list(question.well[:MOST_HOSTS]),
        "fleet": list(question.fleet[:MOST_HOSTS]),
        "onsets": _times(question.onsets),
        "symptom": question.symptom[:MOST_SYMPTOM],
        "seen": [_seen(each) for each in candidates if each.kind == DRIFT][:MOST_SEEN],
    }


def remember(
    folder: Path, question: Question, candidates: Sequence[Candidate], now: datetime
) -> None:
    """Keep a question and its candidates in the folder of the changelog; that it cannot be written is no trouble.

    Secrets must have been taken out of its symptom before.
    """
    names = [each.id for each in candidates[:MOST_HOSTS]]
    last = max((_ms(each.at) for each in candidates if each.kind in MENDS), default=0)
    new = {"suspects": names, "changed": last, "asked": told(question, now, candidates)}
    kept = [*_kept(folder), new][-MOST:]
    beside = folder / f".{FILE}.{secrets.token_hex(4)}"
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            json.dump({"questions": kept}, out)
        beside.replace(folder / FILE)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()


def recall(
    folder: Path, suspect: str, now: datetime, *, onset: datetime | None = None
) -> Mapping[str, object] | None:
    """Give the question that had this suspect and was about the trouble of that `onset`, as `told` gives one; None if there was none in the last 30 days.

    If nobody says the onset, it is the first trouble of which it was suspected: what it is blamed for later may be somebody else's. The newest question about the trouble is given:
    what was changed after the first one was asked makes others about another trouble. How likely it was thought is no matter, or answers would be graded by those that were right.
    """
    found: list[tuple[Asked, int, Mapping[str, object]]] = []
    for each in _kept(folder):
        said = part(each, "asked")
        fresh = _ms(now) - HELD_MS <= number(said, "when") <= _ms(now)
        asked = asked_in(said)
        if asked and fresh and suspect in texts(each, "suspects") and is_about(asked, onset):
            found.append((asked, number(each, "changed"), said))
    if not found:
        return None
    begun = [_began(asked) for asked, _, _ in found]
    first = begun.index(min(begun, key=lambda at: abs(at - onset)) if onset else min(begun))
    known = _ms(found[first][0].when)
    about = [
        said
        for (_, changed, said), began in zip(found[first:], begun[first:], strict=True)
        if changed <= known and (onset or began - begun[first] <= CLOSE)
    ]
    return about[-1] if about else found[first][2]


def seen_like(folder: Path, prefix: str) -> Seen | None:
    """Give what hosts told of a change whose id starts so when blame was asked on this machine, the newest; None if that is none. Raises UnknownNameError if it may be several."""
    if len(prefix) < len(DRIFT) + 1 + SHORTEST:
        return None  # it begins as all of them do
    kept = [seen for each in _kept(folder) for seen in parts(part(each, "asked"), "seen")]
    found = {seen.id: seen for seen in map(seen_in, kept) if seen and seen.id.startswith(prefix)}
    if len(found) > 1 and prefix not in found:
        which = ", ".join(found)
        raise UnknownNameError(f"several changes start with {prefix!r}", hint=f"one of: {which}")
    return found.get(prefix) or next(iter(found.values()), None)


def _seen(one: Candidate) -> Mapping[str, object]:
    names = {"id": one.id, "service": one.service, "environment": one.environment}
    said = {"actor": one.actor, "reason": one.reason[:MOST_SYMPTOM]}
    return {**names, "at": _ms(one.at), **said, "flips": _times(one.flips)}


def _times(given: Mapping[str, datetime]) -> Sequence[Mapping[str, object]]:
    return [{"host": host, "at": _ms(at)} for host, at in sorted(given.items())][:MOST_HOSTS]


def _began(asked: Asked) -> datetime:
    return min((asked.at, *(at for _, at in asked.onsets)))


def _kept(folder: Path) -> list[Mapping[str, object]]:
    try:
        with (folder / FILE).open("rb") as file:
            said = json.loads(file.read(LARGEST))
    except (OSError, ValueError, RecursionError):
        return []
    return parts(said if isinstance(said, dict) else NOTHING, "questions")


def _ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)
