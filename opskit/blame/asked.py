"""The last questions to blame on this machine, so that a verdict can say which of them it answers.

Beside the changelog lies `asked.json`: the newest questions as `told` gives them, each with the ids of its suspects. It is a
convenience: where it is missing, too old or unreadable, a verdict is given without a question.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from typing import TYPE_CHECKING

from opskit.changelog.body import NOTHING, number, part, parts, texts
from opskit.changelog.ruling import CLOSE, asked_in, is_about

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from pathlib import Path

    from opskit.blame.model import Question
    from opskit.changelog import Asked

FILE = "asked.json"
MOST = 20
HELD_MS = 30 * 86_400_000
MOST_HOSTS = 2000
MOST_SYMPTOM = 2000  # characters
LARGEST = 4_000_000  # bytes of the file


def told(question: Question, when: datetime) -> dict[str, object]:
    """Give a question that was asked at that time as the event of a verdict holds it, bounded; secrets must have been taken out of its symptom before."""
    onsets = [{"host": host, "at": _ms(at)} for host, at in sorted(question.onsets.items())]
    return {
        "when": _ms(when),
        "at": _ms(question.at),
        "is_onset": question.is_onset,
        "environment": question.environment,
        "services": list(question.services[:MOST_HOSTS]),
        "ill": list(question.ill[:MOST_HOSTS]),
        "well": list(question.well[:MOST_HOSTS]),
        "fleet": list(question.fleet[:MOST_HOSTS]),
        "onsets": onsets[:MOST_HOSTS],
        "symptom": question.symptom[:MOST_SYMPTOM],
    }


def remember(folder: Path, question: Question, suspects: Iterable[str], now: datetime) -> None:
    """Keep a question and the ids of its suspects in the folder of the changelog; that it cannot be written is no trouble.

    Secrets must have been taken out of its symptom before.
    """
    new = {"suspects": list(suspects)[:MOST_HOSTS], "asked": told(question, now)}
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

    If nobody says the onset, it is the first trouble of which it was suspected: what it is blamed for later may be somebody else's. The newest question about the trouble is given.
    """
    found: list[tuple[Asked, Mapping[str, object]]] = []
    for each in _kept(folder):
        said = part(each, "asked")
        fresh = _ms(now) - HELD_MS <= number(said, "when") <= _ms(now)
        asked = asked_in(said)
        if asked and fresh and suspect in texts(each, "suspects") and is_about(asked, onset):
            found.append((asked, said))
    first = min((_began(asked) for asked, _ in found), default=now)
    about = [said for asked, said in found if onset or _began(asked) - first <= CLOSE]
    return about[-1] if about else None


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
