"""git is asked about the repository that was named, whatever the revision looks like."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from opskit.config.service import GitSource
from opskit.demo.shop.history import git as run_git
from opskit.errors import SourceError
from opskit.rollout import git
from opskit.rollout.source import commits_between, find_version
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path


EXPORT = """
import signal, sys
from pathlib import Path
from opskit.rollout import git
signal.signal(signal.SIGINT, lambda *_: None)  # as while a rollout runs
git.archive(Path(sys.argv[1]), "HEAD", folder="", to=Path(sys.argv[2]))
"""


def commit(repository: Path, subject: str, *, file: str = "app", author: str = "Ana") -> str:
    (repository / file).parent.mkdir(exist_ok=True)
    (repository / file).write_text(subject)
    run_git(repository, "add", "--all")
    run_git(repository, "commit", "--quiet", "--message", subject, author=author)
    return run_git(repository, "rev-parse", "HEAD").strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "repository"
    made.mkdir()
    run_git(made, "init", "--quiet", "--initial-branch=main")
    commit(made, "One")
    return made


def names_in(archive: Path) -> list[str]:
    with tarfile.open(archive) as tar:
        return sorted(tar.getnames())


def test_a_commit_is_found_by_hash_tag_and_branch(repository: Path) -> None:
    one = run_git(repository, "rev-parse", "HEAD").strip()
    run_git(repository, "tag", "light")
    run_git(repository, "tag", "--annotate", "--message=x", "heavy")
    run_git(repository, "branch", "feature/a-b")
    two = commit(repository, "Two")
    for name in (one, one[:9], "light", "heavy", "feature/a-b", "main~1", "refs/tags/heavy"):
        assert git.resolve(repository, name) == one
    assert git.resolve(repository, "HEAD") == two


@pytest.mark.parametrize(
    "revision",
    [
        "nothing",
        "--upload-pack=touch owned",
        "--help",
        "-v",
        "--all",
        "--git-dir",
        "--output=owned",
        "HEAD:app",
        "HEAD; touch owned",
        "main main",
        "..",
        "main..HEAD",
        "^HEAD",
        "a\nb",
        "\udcff",
        "x" * 300,
    ],
)
def test_what_is_no_commit_is_refused_and_never_an_option(repository: Path, revision: str) -> None:
    with pytest.raises(SourceError) as raised:
        git.resolve(repository, revision)
    assert raised.value.what == f"{repository}: no revision {revision!r}"
    assert "git fetch" in raised.value.hint
    assert list(repository.parent.rglob("owned")) == []


def test_a_branch_that_looks_like_an_option_is_a_branch(repository: Path) -> None:
    sha = run_git(repository, "rev-parse", "HEAD").strip()
    (repository / ".git/refs/heads/--output=owned").write_text(f"{sha}\n")
    assert git.resolve(repository, "refs/heads/--output=owned") == sha
    assert git.commits(repository, "--output=owned", sha) == ()
    assert list(repository.parent.rglob("owned")) == []


def test_a_tree_or_a_folder_of_it_is_archived(repository: Path, tmp_path: Path) -> None:
    sha = commit(repository, "Two", file="dist/run")
    (repository / "untracked").touch()
    git.archive(repository, sha, folder="", to=tmp_path / "a.tar")
    assert names_in(tmp_path / "a.tar") == ["app", "dist", "dist/run"]
    for folder in ("dist", "/dist/"):
        git.archive(repository, sha, folder=folder, to=tmp_path / "b.tar")
        assert names_in(tmp_path / "b.tar") == ["run"]


@pytest.mark.parametrize("folder", ["none", "app", "--output=owned"])
def test_a_folder_that_the_commit_lacks_is_refused(
    repository: Path, tmp_path: Path, folder: str
) -> None:
    sha = git.resolve(repository, "HEAD")
    with pytest.raises(SourceError, match="has no folder"):
        git.archive(repository, sha, folder=folder, to=tmp_path / "a.tar")


def test_the_commits_between_two_are_listed_newest_first(repository: Path) -> None:
    old = git.resolve(repository, "HEAD")
    commit(repository, "Two | with\tsigns", author="Bén O'Neil")
    new = commit(repository, "Three")
    two, three = reversed(git.commits(repository, old, new))
    assert (two.subject, two.author) == ("Two | with\tsigns", "Bén O'Neil")
    assert (three.sha, three.subject) == (new, "Three")
    assert git.commits(repository, new, old) == ()
    assert git.commits(repository, new, new) == ()


def test_commits_are_utf_8_whatever_git_is_set_to_write(repository: Path) -> None:
    old = git.resolve(repository, "HEAD")
    run_git(repository, "config", "i18n.logOutputEncoding", "ISO-8859-1")
    run_git(repository, "config", "log.showSignature", "true")
    new = commit(repository, "Für Élise 日本")
    assert [c.subject for c in git.commits(repository, old, new)] == ["Für Élise 日本"]


@pytest.mark.parametrize("old", ["", "0" * 40, "folderhash", "--all"])
def test_an_old_revision_that_is_not_here_has_no_commits(repository: Path, old: str) -> None:
    assert git.commits(repository, old, git.resolve(repository, "HEAD")) == ()


def test_at_most_200_commits_are_listed(repository: Path) -> None:
    old = git.resolve(repository, "HEAD")
    one = "commit refs/heads/main\ncommitter A <a@b> 1 +0000\ndata 1\nx\n"
    stream = f"{one}from refs/heads/main^0\n\n" + one * 209
    subprocess.run(
        ["git", "fast-import", "--quiet"], cwd=repository, input=stream, text=True, check=True
    )
    assert len(git.commits(repository, old, git.resolve(repository, "main"))) == 200


def test_changed_files_are_counted(repository: Path) -> None:
    assert git.changed_files(repository) == 0
    (repository / "app").write_text("dirty")
    (repository / "new\nfile").touch()
    assert git.changed_files(repository) == 2


def test_a_dirty_tree_and_submodules_are_remarked(repository: Path) -> None:
    (repository / ".gitmodules").write_text('[submodule "x"]\n\tpath = x\n\turl = ./x\n')
    run_git(repository, "add", "--all")
    run_git(repository, "commit", "--quiet", "--message", "Submodule")
    (repository / "app").write_text("dirty")
    version = find_version(GitSource(repository), "main")
    assert version.notes == (
        f"uncommitted changes in {repository} are not deployed, files: 1",
        "git submodules are not part of the deployed tree",
    )


def test_a_bare_repository_will_do(repository: Path, tmp_path: Path) -> None:
    bare = tmp_path / "bare.git"
    run_git(repository, "clone", "--quiet", "--bare", ".", str(bare))
    version = find_version(GitSource(bare), "main")
    assert version.notes == ()
    git.archive(bare, version.revision, folder="", to=tmp_path / "a.tar")
    assert names_in(tmp_path / "a.tar") == ["app"]


def test_a_shallow_clone_will_do_and_lists_no_commits_it_lacks(
    repository: Path, tmp_path: Path
) -> None:
    old = git.resolve(repository, "HEAD")
    commit(repository, "Two")
    shallow = tmp_path / "shallow"
    run_git(tmp_path, "clone", "--quiet", "--depth=1", repository.as_uri(), str(shallow))
    version = find_version(GitSource(shallow), None)
    assert commits_between(version, old) == ()


def test_git_s_own_variables_of_a_hook_do_not_lead_elsewhere(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    run_git(other, "init", "--quiet")
    commit(other, "Another repository")
    expected = git.resolve(repository, "HEAD")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert git.resolve(repository, "HEAD") == expected
    assert git.changed_files(repository) == 0


@pytest.mark.parametrize("broken", ["none", "folder", "empty"])
def test_what_is_no_repository_is_said(tmp_path: Path, broken: str) -> None:
    path = tmp_path / broken
    if broken != "none":
        path.mkdir()
    if broken == "empty":
        run_git(path, "init", "--quiet")
    with pytest.raises(SourceError) as raised:
        git.resolve(path, "HEAD")
    said = {
        "none": "cannot change to",
        "folder": "not a git repository",
        "empty": "no revision 'HEAD'",
    }
    assert said[broken] in raised.value.what


def test_ctrl_c_on_the_terminal_ends_no_git_amid_its_work(
    repository: Path, tmp_path: Path
) -> None:
    waits, go, made = (tmp_path / name for name in ("waits", "go", "made.tar"))
    slow = tmp_path / "git"
    slow.write_text(
        f'#!/bin/sh\n>"{waits}"\nuntil [ -e "{go}" ]; do sleep 0.05; done\n'
        f'exec "{shutil.which("git")}" "$@"\n'
    )
    slow.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-c", EXPORT, repository, made],
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}, start_new_session=True,
    )  # fmt: skip
    until(waits.exists)
    os.killpg(process.pid, signal.SIGINT)
    go.touch()
    assert process.wait(60) == 0
    assert names_in(made) == ["app"]


def test_without_git_the_way_out_is_named(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("git") is None
    with pytest.raises(SourceError, match="git is not installed") as raised:
        git.resolve(repository, "HEAD")
    assert "artifact" in raised.value.hint
