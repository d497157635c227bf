"""The search ends at the commit that `git bisect run` ends at, on any history, and touches nothing of the repository."""

from __future__ import annotations

import os
import random
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from opskit.blame.bisect.search import BAD, GOOD, SKIP, Known, Range, ends, next_of
from opskit.errors import RefusedError, SourceError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAVY = bool(os.environ.get("OPSKIT_HEAVY"))
SEEDS = range(60 if HEAVY else 4)
pytestmark = pytest.mark.timeout(900 if HEAVY else 300)
COMMITS = 40 if HEAVY else 24


@dataclass
class Repository:
    """A history made by chance: commits with one parent or two."""

    path: Path

    def git(self, *words: str, given: str = "", check: bool = True) -> str:
        env = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"}
        who = ("-c", "user.name=ann", "-c", "user.email=ann@example.com")
        done = subprocess.run(["git", "-C", self.path, *who, *words], env=env, input=given, check=check, capture_output=True, text=True)  # fmt: skip
        return done.stdout.strip()

    def commit(self, number: int, *parents: str, file: str = "number") -> str:
        blob = self.git("hash-object", "-w", "--stdin", given=f"{number}")
        inside = self.git("mktree", given=f"100644 blob {blob}\tfile")
        old = self.git("ls-tree", parents[0]) if parents else ""
        kept = [line for line in old.splitlines() if not line.endswith(f"\t{file}")]
        tree = self.git("mktree", given="\n".join([*kept, f"040000 tree {inside}\t{file}"]))
        at = f"{1_700_000_000 + 60 * number} +0000"
        env = [word for parent in parents for word in ("-p", parent)]
        os.environ["GIT_COMMITTER_DATE"] = os.environ["GIT_AUTHOR_DATE"] = at
        return self.git("commit-tree", tree, *env, "-m", f"commit {number}")

    def ancestors(self, sha: str) -> set[str]:
        return set(self.git("rev-list", sha).split())


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    for name in ("GIT_COMMITTER_DATE", "GIT_AUTHOR_DATE"):
        monkeypatch.setenv(name, "")
    found = Repository(tmp_path / "repository")
    found.path.mkdir()
    found.git("init", "-q", "-b", "main")
    return found


def grown(repository: Repository, dice: random.Random) -> list[str]:
    """Grow a history with merges; the first one is an ancestor of all, the last one a child of all tips."""
    shas = [repository.commit(0)]
    for number in range(1, COMMITS):
        recent = shas[-6:]
        parents = dict.fromkeys(dice.choices(recent, k=2 if dice.random() < 0.35 else 1))
        shas.append(repository.commit(number, *parents))
    inside: set[str] = set()
    heads = []
    for sha in reversed(shas):
        if sha not in inside:
            heads.append(sha)
            inside |= repository.ancestors(sha)
    shas.append(repository.commit(COMMITS, *heads))
    return shas


def hunted(where: Range, good: str, bad: str, word: Callable[[str], str]) -> tuple[tuple[str, ...], list[str]]:  # fmt: skip
    """Search to the end; gives the suspects and what was tried."""
    first, last = ends(where, good, bad)
    known, tried = Known(last, (first,)), []
    while (now := next_of(where, known)).try_:
        assert now.try_ not in tried
        tried.append(now.try_)
        assert now.left > 0
        assert now.steps > 0
        known = known.learned(now.try_, word(now.try_))
    return now.suspects, tried


def by_git(
    repository: Repository, good: str, bad: str, script: str, *options: str
) -> tuple[str, int]:
    """Give the first bad commit that `git bisect run` finds, and how many it tries."""
    repository.git("update-ref", "refs/heads/main", bad)
    repository.git("reset", "-q", "--hard")
    repository.git("bisect", "start", *options, bad, good)
    repository.git("bisect", "run", "sh", "-c", script, check=False)
    found = repository.git("rev-parse", "refs/bisect/bad")
    told = repository.git("bisect", "log").splitlines()
    repository.git("bisect", "reset", "-q", check=False)
    return found, sum(line.startswith(("git bisect good", "git bisect bad")) for line in told)


@pytest.mark.parametrize("seed", SEEDS)
def test_on_any_history_it_ends_where_git_bisect_run_does(
    repository: Repository, seed: int
) -> None:
    dice = random.Random(seed)
    shas = grown(repository, dice)
    guilty = dice.choice(shas[1:])
    broken = {sha for sha in shas if guilty in repository.ancestors(sha)}
    suspects, tried = hunted(Range(repository.path), shas[0], shas[-1], lambda sha: BAD if sha in broken else GOOD)  # fmt: skip
    assert suspects == (guilty,)
    script = f"! git merge-base --is-ancestor {guilty} HEAD"
    assert by_git(repository, shas[0], shas[-1], script) == (guilty, len(tried))


@pytest.mark.parametrize("seed", SEEDS)
def test_along_first_parents_it_ends_at_the_merge_as_git_does(
    repository: Repository, seed: int
) -> None:
    dice = random.Random(100 + seed)
    shas = grown(repository, dice)
    guilty = dice.choice(shas[1:])
    line = repository.git("rev-list", "--first-parent", shas[-1]).split()
    broken = {sha for sha in shas if guilty in repository.ancestors(sha)}
    suspects, tried = hunted(Range(repository.path, first_parent=True), shas[0], shas[-1], lambda sha: BAD if sha in broken else GOOD)  # fmt: skip
    assert suspects == ([sha for sha in line if sha in broken][-1],)
    assert set(tried) <= set(line)
    script = f"! git merge-base --is-ancestor {guilty} HEAD"
    told = by_git(repository, shas[0], shas[-1], script, "--first-parent")
    assert told == (suspects[0], len(tried))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_cannot_be_tested_is_passed_over_and_told_as_a_suspect_if_it_may_be_one(
    repository: Repository, seed: int
) -> None:
    dice = random.Random(200 + seed)
    shas = grown(repository, dice)
    guilty = dice.choice(shas[1:])
    broken = {sha for sha in shas if guilty in repository.ancestors(sha)}
    odd = {sha for sha in shas[1:-1] if dice.random() < 0.4}
    word = {sha: SKIP if sha in odd else BAD if sha in broken else GOOD for sha in shas}
    suspects, tried = hunted(Range(repository.path), shas[0], shas[-1], word.__getitem__)
    assert guilty in suspects
    assert suspects[0] in broken - odd
    assert set(suspects[1:]) <= odd
    assert len(tried) == len(set(tried))
    if guilty not in odd and not odd & (repository.ancestors(guilty) - repository.ancestors(shas[0])):  # fmt: skip
        assert suspects == (guilty,)


def test_only_what_changed_the_folder_of_the_service_is_tried(repository: Repository) -> None:
    shas = [repository.commit(0)]
    for number in range(1, 12):
        shas.append(repository.commit(number, shas[-1], file="shop" if number % 3 else "search"))
    guilty = shas[7]
    tried_in_shop = {shas[n] for n in range(1, 12) if n % 3}
    suspects, tried = hunted(Range(repository.path, folder="shop"), shas[0], shas[-1], lambda sha: BAD if shas.index(sha) >= 7 else GOOD)  # fmt: skip
    assert suspects == (guilty,)
    assert set(tried) <= tried_in_shop
    first, last = ends(Range(repository.path, folder="search"), shas[0], shas[-1])
    assert (first, last) == (shas[0], shas[9])


def test_a_search_that_makes_no_sense_is_refused(repository: Repository) -> None:
    root = repository.commit(0)
    left, right = repository.commit(1, root), repository.commit(2, root)
    where = Range(repository.path)
    with pytest.raises(RefusedError, match="the same commit"):
        ends(where, root, root)
    with pytest.raises(RefusedError, match="is no ancestor") as caught:
        ends(where, left, right)
    assert caught.value.hint == f"a good one that is: --good {root[:10]}"
    with pytest.raises(
        RefusedError, match=f"good {left[:10]} came after bad {root[:10]}"
    ) as caught:
        ends(where, left, root)
    assert caught.value.hint == f"the other way round? --good {root[:10]} --bad {left[:10]}"
    with pytest.raises(RefusedError, match="nothing changed shop"):
        ends(Range(repository.path, folder="shop"), root, left)
    with pytest.raises(SourceError, match="no revision 'v9'"):
        ends(where, "v9", left)


def test_nothing_of_the_repository_is_changed(repository: Repository) -> None:
    shas = [repository.commit(0)]
    for number in range(1, 9):
        shas.append(repository.commit(number, shas[-1]))
    repository.git("update-ref", "refs/heads/main", shas[-1])
    repository.git("reset", "-q", "--hard")
    (repository.path / "number" / "file").write_text("my own work")
    before = sorted((str(p), p.stat().st_mtime_ns) for p in repository.path.rglob("*"))
    hunted(Range(repository.path), shas[0], shas[-1], lambda sha: BAD if sha in shas[5:] else GOOD)
    assert sorted((str(p), p.stat().st_mtime_ns) for p in repository.path.rglob("*")) == before
