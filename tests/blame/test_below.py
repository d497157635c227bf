"""An ill service may be so for one that it needs: that one is asked, too, and what changed it is no longer far from the trouble."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from opskit.blame import below
from opskit.blame.looked import Looked, Seen
from opskit.blame.model import Candidate, Question, TextEvidence
from opskit.blame.score import rank
from opskit.blame.trouble import Told, Trouble
from tests.blame.test_gather import PLACE

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
PLACE = replace(PLACE, ill=("shop",))
SICK = Seen("search", "db01", well=False, said="the check failed:\n no index")
LOOKED = Looked(
    (Seen("shop", "web01", well=False, said="gave 500", asked="/offer"), SICK, Seen("index", "db02", well=True)),
    {"web02": "no answer", "db02": "no answer"},
)  # fmt: skip
ASKED = Question(NOW, services=("shop",), ill=("web01",), fleet=("web01",))


def change(service: str, minutes: float, host: str, distance: int = 0) -> Candidate:
    at = NOW - timedelta(minutes=minutes)
    return Candidate(service, "deploy", at, service, flips={host: at}, distance=distance)


def test_what_is_needed_is_said_to_be_ill_itself_or_well() -> None:
    here, beneath = below.apart(LOOKED, ("shop",), PLACE)
    assert [each.service for each in here.seen] == ["shop"]
    assert ([*here.silent], [*beneath.silent]) == (["web02"], ["db02"])
    asked = Trouble(Told(service="shop"), looked=here, beneath=beneath).question(PLACE, NOW)
    assert asked.ill == ("web01",)
    assert (asked.needed, asked.needing) == (("search",), ("shop",))
    assert asked.below == (
        "search, which shop needs, is ill itself: db01 says the check failed: no index",
        "index, which shop needs, is well: its health check passes on db02",
    )


def test_of_an_ill_service_that_needs_an_ill_one_the_one_below_is_likelier_to_be_why() -> None:
    own, under = change("shop", 9, "web01"), change("search", 10, "db01", distance=1)
    first, _ = rank(ASKED, [own, under], {}).suspects
    assert first.candidate.id == "shop"
    sick = replace(ASKED, needed=("search",), needing=("shop",))
    first, second = rank(sick, [own, under], {}).suspects
    assert first.candidate.id == "search"
    assert "distance" not in {term.name for term in first.terms}
    assert "search, which shop needs, is ill itself" in {term.because for term in second.terms}


def test_a_page_need_not_have_the_words_of_what_its_service_needs() -> None:
    under = change("search", 10, "db01", distance=1)
    told = {}
    for bits in (-9.0, -2.0, 2.0, 9.0):
        (suspect,) = rank(ASKED, [under], {"search": TextEvidence(bits)}).suspects
        told[bits] = sum(term.bits for term in suspect.terms if term.name == "text")
    assert -1 < told[-9.0] < told[-2.0] < 0 < told[2.0] < 1.5 < 6 < told[9.0] < 9
