"""A symptom finds the commit that speaks of the same, in a real repository and without one."""

from __future__ import annotations

import itertools
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.blame.model import Candidate, History
from opskit.blame.text import compare, reading
from opskit.changelog import Commit
from tests.support.repositories import repository

if TYPE_CHECKING:
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


def deploys(folder: Path, shas: list[str]) -> list[Candidate]:
    return [
        Candidate(new[:10], "deploy", NOW, history=History(folder, old, new))
        for old, new in itertools.pairwise(shas)
    ]


def test_the_commit_whose_diff_says_what_the_symptom_says_is_found(
    shop: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, shas = shop
    told = compare(deploys(folder, shas), SYMPTOM, cache=tmp_path / "cache")
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
    first = compare(candidates, SYMPTOM, cache=tmp_path / "cache")
    (folder / ".git").rename(folder / "gone")
    assert compare(candidates, SYMPTOM, cache=tmp_path / "cache") == first
    assert compare(candidates, SYMPTOM, cache=None) == {}


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
    told = compare(candidates, SYMPTOM, cache=None)
    assert set(told) == {"a", "b"}
    assert max(told, key=lambda id_: told[id_].bits) == "b"
    assert told["b"].matches[0].where == ("message",)


def test_no_symptom_says_nothing() -> None:
    assert compare([Candidate("c", "task", NOW, text="vacuum")], " \n", cache=None) == {}


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
    told = compare(candidates, SYMPTOM, cache=tmp_path / "cache")
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
    told = compare([*deploys(folder, shas), unknown], SYMPTOM, cache=tmp_path / "cache")
    assert "elsewhere" in told
    assert max(told, key=lambda id_: told[id_].bits) == shas[2][:10]


def test_a_symptom_that_nobody_speaks_of_speaks_against_all(
    shop: tuple[Path, list[str]], tmp_path: Path
) -> None:
    folder, shas = shop
    told = compare(
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
    told = compare(candidates, SYMPTOM, cache=tmp_path / "cache")
    assert told["cart"].bits > told["till"].bits
    assert told["cart"].matches[0].where == ("cart/a.py",)


def test_nothing_is_said_against_what_brought_no_commit(shop: tuple[Path, list[str]]) -> None:
    folder, shas = shop
    by_hand = Candidate("task", "task", NOW, text="tidy up the old sessions")
    speaks = Candidate("note", "note", NOW, text="parse_quantity raises ValueError, says dora")
    told = compare([*deploys(folder, shas), by_hand, speaks], SYMPTOM, cache=None)
    assert "task" not in told
    assert told["note"].bits > 0
    assert told[shas[1][:10]].bits < 0  # its diff was read, and says nothing of it
