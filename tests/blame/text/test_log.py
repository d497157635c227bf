"""What git tells of commits is data: counted, bounded, never obeyed."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from opskit.blame.text import log
from tests.support.repositories import Repository, repository

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.blame.text.commits import CommitText


@pytest.fixture
def shop(tmp_path: Path) -> Repository:
    made = repository(tmp_path / "shop")
    made.commit(
        "Begin",
        {"README": "a shop\n", "cart.py": "class Cart:\n    def add(self):\n        pass\n"},
    )
    return made


def read(shop: Repository, sha: str, folder: str = "") -> CommitText:
    return log.read(shop.folder, [sha], folder, within=30)[sha]


def test_a_commit_is_its_message_and_what_it_changed_where(shop: Repository) -> None:
    sha = shop.commit(
        "Count twice\n\nBecause once was wrong.",
        {
            "cart.py": "class Cart:\n    def add(self):\n        total = 2\n",
            "new.txt": "-- fresh\n++ paint\n",
        },
    )
    told = read(shop, sha)
    assert (told.sha, told.author, told.subject) == (sha, "Ana", "Count twice")
    assert told.body == "Because once was wrong.\n"
    cart, new = told.files
    assert (cart.path, new.path) == ("cart.py", "new.txt")
    assert cart.functions == ("def add(self):",)
    assert dict(cart.added) == {"total": 1}
    assert dict(cart.removed) == {"pas": 1} or dict(cart.removed) == {"pass": 1}
    assert set(new.added) == {"fresh", "paint"}


def test_a_file_without_an_end_of_line_is_read_to_its_end(shop: Repository) -> None:
    shop.commit("One", {"a b.txt": "first"})
    sha = shop.commit("Two", {"a b.txt": "second", "c.txt": "++ b/evil"})
    told = read(shop, sha)
    assert [(file.path, dict(file.added)) for file in told.files] == [
        ("a b.txt", {"second": 1}),
        ("c.txt", {"evil": 1}),
    ]
    assert dict(told.files[0].removed) == {"first": 1}


def test_what_was_only_moved_is_not_fresh(shop: Repository) -> None:
    shop.commit("One", {"a.txt": "alpha beta gamma\n"})
    moved = shop.commit("Two", {"a.txt": None, "b.txt": "alpha beta gamma delta\n"})
    assert read(shop, moved).fresh == 1


def test_of_a_merge_its_commits_count_and_it_is_one_where_there_are_too_many(
    shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = shop.git("rev-parse", "HEAD")
    shop.git("checkout", "-q", "-b", "side")
    side = shop.commit("Side", {"side.txt": "sideways\n"})
    shop.git("checkout", "-q", "main")
    main = shop.commit("Main", {"main.txt": "mainly\n"})
    shop.git("merge", "-q", "--no-ff", "-m", "Merge side", "side")
    merge = shop.git("rev-parse", "HEAD")
    assert set(log.between(shop.folder, old, merge, "", within=30)) == {side, main}
    monkeypatch.setattr(log, "MOST_COMMITS", 1)
    assert log.between(shop.folder, old, merge, "", within=30) == (merge,)
    assert [file.path for file in read(shop, merge).files] == ["side.txt"]


def test_the_commits_between_two_are_those_that_the_new_one_has(shop: Repository) -> None:
    old = shop.git("rev-parse", "HEAD")
    first = shop.commit("First", {"api/a": "1\n"})
    second = shop.commit("Second", {"web/b": "2\n"})
    assert log.between(shop.folder, old, second, "", within=30) == (second, first)
    assert log.between(shop.folder, old, second, "api", within=30) == (first,)
    assert log.between(shop.folder, "0" * 40, second, "", within=30) == ()
    assert log.between(shop.folder, "--output=x", "HEAD", "", within=30) == ()
    assert log.between(shop.folder / "none", old, second, "", within=30) == ()


def test_only_the_services_part_of_a_commit_is_read(shop: Repository) -> None:
    sha = shop.commit("Both", {"api/a.txt": "first\n", "web/b.txt": "second\n"})
    assert [file.path for file in read(shop, sha, "web").files] == ["web/b.txt"]


def test_hostile_content_is_only_content(shop: Repository) -> None:
    sha = shop.commit(
        "\x1b[31mdiff --git a/x b/x\n\n@@ -1 +1 @@ f\n+++ b/evil",
        {
            "odd \tname\n\u00e9.txt": b"\xff\xfe broken \xc3\n",
            "patch.txt": "--- a/fake\n+++ b/fake\n@@ -1,9 +1,9 @@ fake\n diff --git a/q b/q\n",
            ":(exclude)magic": "words\n",
            "long.txt": "x" * 100_000 + " hidden\n",
            "blob.bin": bytes(range(256)) * 100,
            "vendor/lib.js": "vendored\n",
            "app.min.js": "minified\n",
        },
    )
    told = read(shop, sha)
    paths = [file.path for file in told.files]
    assert not {"fake", "evil", "x", "q"} & set(paths)
    assert len(paths) == 7
    assert r"odd \tname\né.txt" in paths
    assert told.subject == "?[31mdiff --git a/x b/x"
    words = {word for file in told.files for word in file.added}
    assert "broken" in words
    assert not {"hidden", "vendored", "minified"} & words
    assert [file.path for file in read(shop, sha, ":(exclude)magic").files] == [":(exclude)magic"]


def test_settings_of_a_repository_start_no_program(shop: Repository, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for name in (
        "diff.external",
        "diff.cpp.textconv",
        "diff.x.command",
        "diff.x.textconv",
        "core.fsmonitor",
        "gpg.program",
        "core.pager",
    ):
        shop.git("config", name, str(trap))
    shop.git("config", "log.showSignature", "true")
    shop.git("config", "color.ui", "always")
    shop.git("config", "diff.noprefix", "true")
    sha = shop.commit("Trap", {".gitattributes": "* diff=x\n", "a.c": "int answer;\n"})
    (tmp_path / "sprung").unlink(missing_ok=True)
    told = read(shop, sha)
    assert [file.path for file in told.files] == [".gitattributes", "a.c"]
    assert not (tmp_path / "sprung").exists()


def test_a_huge_diff_is_cut_and_the_next_commit_is_whole(
    shop: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MOST_BYTES", 2000)
    monkeypatch.setattr(log, "CHUNK", 512)
    lines = "".join(f"line{number} of many\n" for number in range(5000))
    big = shop.commit("Big", {"big.txt": lines})
    small = shop.commit("Small", {"small.txt": "tiny\n"})
    told = log.read(shop.folder, [big, small], "", within=30)
    assert set(told) == {big, small}
    assert 0 < len(told[big].files[0].added) < 300
    assert dict(told[small].files[0].added) == {"tiny": 1}


def test_what_git_cannot_give_is_not_there(shop: Repository, tmp_path: Path) -> None:
    sha = shop.git("rev-parse", "HEAD")
    assert log.read(tmp_path / "none", [sha], "", within=30) == {}
    assert log.read(shop.folder, ["f" * 40], "", within=30) == {}
    assert log.read(shop.folder, [], "", within=30) == {}


def test_a_clone_without_files_does_not_go_out_for_them(shop: Repository, tmp_path: Path) -> None:
    sha = shop.commit("Far", {"far.txt": "away\n"})
    shop.git("config", "uploadpack.allowFilter", "true")
    shop.git("config", "uploadpack.allowAnySHA1InWant", "true")
    there = f"file://{shop.folder}"
    shop.git("clone", "-q", "--bare", "--filter=blob:none", there, str(tmp_path / "clone"))
    clone = Repository(tmp_path / "clone")
    before = clone.git("count-objects", "-v")
    assert log.read(clone.folder, [sha], "", within=30).get(sha, None) is None
    assert clone.git("count-objects", "-v") == before
    assert log.between(clone.folder, shop.git("rev-parse", "HEAD~"), sha, "", within=30) == (sha,)


def test_a_commit_in_the_middle_of_which_git_ends_is_not_there(
    shop: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = shop.git("rev-parse", "HEAD"), shop.commit("Two", {"two.txt": "second\n"})
    real = shutil.which("git")
    fake = tmp_path / "bin" / "git"
    fake.parent.mkdir()
    fake.write_text(f'#!/bin/sh\n"{real}" "$@" | head -c 500\nexit 1\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    told = log.read(shop.folder, [first, second], "", within=30)
    assert set(told) <= {first}
