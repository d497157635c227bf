"""From candidates and a symptom to evidence: their commits are read, ranked, and each candidate's best are put into bits."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from opskit.blame.model import CommitMatch, TextEvidence
from opskit.blame.text import log
from opskit.blame.text.cache import Cache
from opskit.blame.text.commits import CommitText
from opskit.blame.text.rank import rank
from opskit.blame.text.tokens import count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from opskit.blame.model import Candidate, History
    from opskit.blame.text.rank import Found

MOST_SYMPTOM = 64 * 1024
MOST_MATCHES = 5
MOST_BITS = 6.0
PER_BIT = 4.0
"""Of BM25's points, how many make a bit."""
WITHIN = 20.0
"""Seconds that git may take."""


def compare(
    candidates: Sequence[Candidate], symptom: str, *, cache: Path | None
) -> Mapping[str, TextEvidence]:
    """Compare what each candidate brought with the symptom's text; by candidates' ids, without those that say nothing at all.

    Commits come from the service's repository where it is at hand, else their subjects from the changelog. `cache` is a folder.
    """
    asked = count(symptom[:MOST_SYMPTOM])
    if not asked:
        return {}
    texts = _texts(candidates, cache)
    ranked = rank(asked, [text for said in texts.values() for text in said])
    by_id: dict[str, list[Found]] = {id_: [] for id_ in texts}
    places = [id_ for id_, said in texts.items() for _ in said]
    for id_, found in zip(places, ranked, strict=True):
        by_id[id_].append(found)
    return _evidence(by_id)


def _evidence(by_id: Mapping[str, Sequence[Found]]) -> Mapping[str, TextEvidence]:
    best = {id_: max(found.score for found in said) / PER_BIT for id_, said in by_id.items()}
    if not best:
        return {}
    usual = math.log2(sum(2**bits for bits in best.values()) / len(best))
    return {
        id_: TextEvidence(max(-MOST_BITS, min(MOST_BITS, best[id_] - usual)), _matches(by_id[id_]))
        for id_ in by_id
    }


def _matches(found: Sequence[Found]) -> tuple[CommitMatch, ...]:
    good = sorted(
        (one for one in found if one.words and one.commit.sha), key=lambda one: -one.score
    )
    return tuple(
        CommitMatch(
            one.commit.sha, one.commit.subject, one.commit.author, one.score,
            tuple(sorted(one.words, key=lambda word: (-one.words[word], word))[:8]), _where(one),
        )
        for one in good[:MOST_MATCHES]
    )  # fmt: skip


def _where(found: Found) -> tuple[str, ...]:
    """Give the files, or "message", where the words are, the most telling first."""
    commit = found.commit
    told = {"message": count(f"{commit.subject}\n{commit.body}")}
    told |= {
        file.path: count("\n".join((file.path, *file.functions, *file.added, *file.removed)))
        for file in commit.files
    }
    weights = {place: sum(found.words.get(w, 0) for w in said) for place, said in told.items()}
    good = sorted((p for p, weight in weights.items() if weight), key=lambda p: (-weights[p], p))
    return tuple(good[:5])


def _texts(
    candidates: Sequence[Candidate], cache: Path | None
) -> Mapping[str, Sequence[CommitText]]:
    histories = {c.history for c in candidates if c.history}
    read = {history: said for history in histories if (said := _read(history, cache))}
    texts = {
        c.id: (*read.get(c.history, _told(c)), *_own(c)) if c.history else (*_told(c), *_own(c))
        for c in candidates
    }
    return {id_: said for id_, said in texts.items() if said}


def _told(candidate: Candidate) -> tuple[CommitText, ...]:
    return tuple(CommitText(c.sha, c.author, c.subject, read=False) for c in candidate.commits)


def _own(candidate: Candidate) -> tuple[CommitText, ...]:
    said = " ".join(filter(None, (candidate.why, candidate.reason, candidate.text)))
    return (CommitText("", "", "", said, read=False),) if said else ()


def _read(history: History, cache: Path | None) -> tuple[CommitText, ...]:
    kept = Cache(cache, f"{history.repository}\0{history.folder}")
    shas = kept.between(history.old, history.new)
    if shas is None:
        shas = log.between(
            history.repository, history.old, history.new, history.folder, within=WITHIN
        )
        if shas:
            kept.keep_between(history.old, history.new, shas)
    found = dict(kept.commits(shas))
    fresh = log.read(
        history.repository, [s for s in shas if s not in found], history.folder, within=WITHIN
    )
    kept.keep(fresh.values())
    found |= fresh
    return tuple(found[sha] for sha in shas if sha in found)
