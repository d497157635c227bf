"""A symptom finds the commit that speaks of the same, in a real repository and without one."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from opskit.blame.model import Candidate, History, TextEvidence
from opskit.blame.text import compare, reading
from opskit.changelog import Commit
from tests.support.repositories import repository

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SYMPTOM = "ValueError: invalid literal for int() in parse_quantity\n  File 'shop/cart.py', line 12"


@pytest.fixture
def shop(tmp_path: Path) -> tuple[Path, list[str]]:
    """A repository with four commits: its start, a footer, a cart that counts, a price list."""
    made = repository(tmp_path / "shop")
    shas = [
        made.commit("Begin", {"README": "a shop\n"}),
        made.commit("The footer says the year", {"shop/footer.py": "YEAR = 2026\n"}),
        made.commit(
            "The cart counts",
            {"shop/cart.py": "def parse_quantity(text):\n    return int(text)\n"},
        ),
        made.commit("Prices have a home", {"shop/prices.py": "PRICES = {}\n"}),
    ]
    return made.folder, shas


def told_of(
    candidates: Sequence[Candidate], symptom: str, *, cache: Path | None
) -> Mapping[str, TextEvidence]:
    return compare(candidates, symptom, cache=cache).texts


def deploys(folder: Path, shas: list[str]) -> list[Candidate]:
    return [
        Candidate(new[:10], "deploy", NOW, history=History(folder, old, new))
        for old, new in itertools.pairwise(shas)
    ]


def test_the_commit_whose_diff_says_what_the_symptom_says_is_found(
    shop: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, shas = shop
    told = told_of(deploys(folder, shas), SYMPTOM, cache=tmp_path / "cache")
    best = max(told, key=lambda id_: told[id_].bits)
    assert best == shas[2][:10]
    assert told[best].bits > 0
    assert told[best].matches[0].sha == shas[2]
    assert told[best].matches[0].author == "Ana"
    assert "shop/cart.py" in told[best].matches[0].where
    assert {"parse_quantity", "cart"} <= set(told[best].matches[0].words)


def test_what_the_cache_gives_is_what_git_gave(
    shop: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, shas = shop
    candidates = deploys(folder, shas)
    first = told_of(candidates, SYMPTOM, cache=tmp_path / "cache")
    (folder / ".git").rename(folder / "gone")
    assert told_of(candidates, SYMPTOM, cache=tmp_path / "cache") == first
    assert told_of(candidates, SYMPTOM, cache=None) == {}


def test_without_a_repository_the_subjects_and_the_candidates_own_words_count() -> None:
    candidates = [
        Candidate(
            "a", "deploy", NOW, commits=(Commit("1" * 40, "The footer says the year", "Bo"),)
        ),
        Candidate(
            "b", "deploy", NOW, commits=(Commit("2" * 40, "The cart parses quantity", "Bo"),)
        ),
        Candidate("c", "task", NOW, text="vacuum the database"),
        Candidate("d", "restart", NOW),
    ]
    told = told_of(candidates, SYMPTOM, cache=None)
    assert set(told) == {"a", "b"}
    assert max(told, key=lambda id_: told[id_].bits) == "b"
    assert told["b"].matches[0].where == ("message",)


def test_no_symptom_says_nothing() -> None:
    assert told_of([Candidate("c", "task", NOW, text="vacuum")], " \n", cache=None) == {}


def test_a_git_that_does_not_answer_costs_its_time_once_and_subjects_count_instead(
    shop: tuple[Path, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, shas = shop
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text("#!/bin/sh\nexec sleep 60\n")
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(reading, "WITHIN", 0.5)
    candidates = [
        replace(one, commits=(Commit(sha, subject, "Ana"),))
        for one, sha, subject in zip(
            deploys(folder, shas), shas[1:], ("Footer", "Parse quantity", "Prices"), strict=True
        )
    ]
    began = time.monotonic()
    told = told_of(candidates, SYMPTOM, cache=tmp_path / "cache")
    assert time.monotonic() - began < 20
    assert max(told, key=lambda id_: told[id_].bits) == shas[2][:10]


def test_of_a_commit_whose_diff_is_not_at_hand_the_subject_counts(
    shop: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, shas = shop
    unknown = Candidate(
        "elsewhere", "deploy", NOW, commits=(Commit("1" * 40, "Fewer spoons", "Bo"),),
        history=History(folder, "2" * 40, "1" * 40),
    )  # fmt: skip
    told = told_of([*deploys(folder, shas), unknown], SYMPTOM, cache=tmp_path / "cache")
    assert "elsewhere" in told
    assert max(told, key=lambda id_: told[id_].bits) == shas[2][:10]


def test_a_symptom_that_nobody_speaks_of_speaks_against_all(
    shop: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, shas = shop
    told = told_of(
        deploys(folder, shas), "disk full on /var: inodes exhausted", cache=tmp_path / "cache"
    )
    assert all(said.bits < 0 for said in told.values())


def test_of_a_commit_of_two_services_each_has_its_own_part(tmp_path: Path) -> None:
    made = repository(tmp_path / "shop")
    old = made.commit("Begin", {"README": "two services\n"})
    new = made.commit("Both", {"cart/a.py": "parse_quantity\n", "till/b.py": "print\n"})
    candidates = [
        Candidate(name, "deploy", NOW, history=History(made.folder, old, new, name))
        for name in ("till", "cart")
    ]
    told = told_of(candidates, SYMPTOM, cache=tmp_path / "cache")
    assert told["cart"].bits > told["till"].bits
    assert told["cart"].matches[0].where == ("cart/a.py",)


def test_nothing_is_said_against_what_brought_no_commit(shop: tuple[Path, list[str]]) -> None:
    folder, shas = shop
    by_hand = Candidate("task", "task", NOW, text="tidy up the old sessions")
    speaks = Candidate("note", "note", NOW, text="parse_quantity raises ValueError, says dora")
    told = told_of([*deploys(folder, shas), by_hand, speaks], SYMPTOM, cache=None)
    assert "task" not in told
    assert told["note"].bits > 0
    assert set(told["note"].words) == {"parse_quantity", "ValueError"}
    assert told[shas[1][:10]].bits < 0  # its diff was read, and says nothing of it


HANDLER = """
def cart():
    try:
        return total(lines())
    except Exception as error:
        return f"cannot total the cart: {type(error).__name__}: {error}"
"""


@pytest.fixture
def teas(tmp_path: Path) -> tuple[Path, list[str]]:
    """A repository in which one commit handles errors of the cart, and a later one brings a tea that has no price."""
    made = repository(tmp_path / "teas")
    shas = [
        made.commit("Begin", {"README": "a shop\n"}),
        made.commit("Carts have a total", {"shop.py": HANDLER, "cart.json": '["assam"]\n'}),
        made.commit("A finer tea in the sample cart", {"cart.json": '["assam", "gyokuro"]\n'}),
        made.commit("The footer says the year", {"footer.txt": "2026\n"}),
    ]
    return made.folder, shas


@pytest.mark.parametrize(
    "symptom",
    [
        "cannot total the cart: KeyError: 'gyokuro'",
        "15:22:05 web01 ERROR cannot total the cart: KeyError: 'gyokuro'",
        'level=error msg="cannot total the cart" err="KeyError: gyokuro" item="gyokuro"',
        "KeyError: 'gyokuro'",
    ],
)
def test_a_value_that_one_commit_brought_outweighs_the_words_of_the_handler_that_says_it(
    teas: tuple[Path, list[str]], symptom: str
) -> None:
    folder, shas = teas
    told = told_of(deploys(folder, shas), symptom, cache=None)
    assert max(told, key=lambda id_: told[id_].bits) == shas[2][:10]
    assert told[shas[2][:10]].bits > max(told[shas[1][:10]].bits, 0) + 1
    assert told[shas[2][:10]].matches[0].words[0] == "gyokuro"


def test_what_brings_the_same_commits_again_or_tries_some_of_them_moves_no_word(
    teas: tuple[Path, list[str]],
) -> None:
    folder, shas = teas
    first = deploys(folder, shas)
    again = [
        replace(one, id=f"{one.id} {number}", at=NOW + timedelta(hours=1), why="a bisection tries")
        for number in range(20)
        for one in (*first, replace(first[0], history=History(folder, shas[0], shas[2])))
    ]
    said = "cannot total the cart: KeyError: 'gyokuro'"
    alone = told_of(first, said, cache=None)
    told = told_of([*again, *first], said, cache=None)
    for one in first:
        assert told[one.id].bits == pytest.approx(alone[one.id].bits)
