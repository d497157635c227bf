"""The same question about the past has the same answer later, whatever came after it."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opskit.blame.answering import answer
from opskit.blame.model import Candidate, History, Question
from tests.support.repositories import repository

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.blame.model import Answer

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
ASKED = Question(NOON, is_onset=True, symptom="no price for 'gyokuro' in the cart")


def told(found: Answer) -> list[tuple[str, float, tuple[float, ...]]]:
    return [
        (s.candidate.id, s.share, tuple(term.bits for term in s.terms)) for s in found.suspects
    ]


def test_commits_and_words_that_came_after_the_trouble_move_nothing_of_the_answer(tmp_path: Path) -> None:  # fmt: skip
    made = repository(tmp_path / "shop")
    shas = [
        made.commit(f"Change {n}", {"cart.json": f'"{word}"\n'})
        for n, word in enumerate(["assam", "sencha", "gyokuro", "price cart", "gyokuro price"])
    ]
    deploys = [
        Candidate(f"d{n}", "deploy", at, "shop", flips={"web1": at}, history=History(made.folder, *pair))
        for n, pair in enumerate(itertools.pairwise(shas))
        for at in [NOON + timedelta(minutes=-50 + 20 * n)]
    ]  # fmt: skip
    at = NOON + timedelta(hours=1)
    spoken = Candidate("note", "note", at, text="no price for 'gyokuro' in the cart, says chloe")
    again = Candidate("again", "deploy", at, "shop", flips={"web1": at}, history=History(made.folder, shas[1], shas[2]))  # fmt: skip
    before = answer(ASKED, deploys[:3])
    later = answer(ASKED, [spoken, again, *reversed(deploys)])
    assert told(before) == told(later)
    assert any(term.name == "text" for one in before.suspects for term in one.terms)
    assert {one.candidate.id for one in later.cleared} == {"d3", "note", "again"}
