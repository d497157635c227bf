"""`opskit bisect --local`: no host is touched; each step stands in the changelog, and what was killed goes on."""

from __future__ import annotations

import shlex
import signal
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import OtherEntry, open_changelog
from opskit.demo.shop.history import git
from tests.changelog.faults import HEAVY
from tests.changelog.writing import ELSEWHERE, finish, results, start, whole
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit

TOML = """
[changelog]
name = "test"
[environments.production]
hosts = ["web01"]
[services.shop]
path = "~/shop"
hosts = "*"
source = {{ git = "." }}
{more}
"""
ROUNDS = 20 if HEAVY else 2
CHECK = 'test "$(cat "$OPSKIT_FOLDER/number")" -lt 6'


@pytest.fixture
def shas(tmp_path: Path) -> list[str]:
    """A history of ten commits, 0 to 9; the sixth broke it."""
    configure(tmp_path)
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    found = []
    for number in range(10):
        (tmp_path / "number").write_text(f"{number}\n")
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", f"--message=make it {number}", author="ben")
        found.append(git(tmp_path, "rev-parse", "HEAD").strip())
    return found


def configure(folder: Path, more: str = "") -> None:
    (folder / "opskit.toml").write_text(TOML.format(more=more))


def bisect(
    opskit: Opskit, shas: list[str], *more: str, check: str = CHECK, expect: int = 0
) -> Any:
    ends = ("--good", shas[0][:10], "--bad", "main")
    return opskit("bisect", "shop", *ends, "--check", check, "--local", "-y", *more, expect=expect)


def events() -> list[tuple[str, dict[str, Any]]]:
    """Give the events of the bisection, the oldest first."""
    with open_changelog("test") as changelog:
        assert changelog.verify() == []
        found = [e.event for e in reversed(changelog.entries()) if isinstance(e, OtherEntry)]
    return [(e.header.kind, dict(e.body)) for e in found if e.header.kind.startswith("bisect.")]


def test_the_commit_that_broke_it_is_found_with_its_author_and_what_brought_it(
    opskit: Opskit, shas: list[str]
) -> None:
    with open_changelog("test") as changelog:
        commits = [{"sha": sha, "subject": "x", "author": "ben"} for sha in shas[5:8]]
        brought = whole(changelog, commits=commits)
        tried = whole(changelog, commits=commits)
        changelog.append("bisect.step", {"bisect": "ab" * 32, "what": "brings", "rollout": tried, "sha": shas[6]}, service="shop", environment="production")  # fmt: skip
        nowhere = start(changelog, commits=commits)
        results(changelog, nowhere, {"web01": "unreachable", "web02": "skipped"})
        finish(changelog, nowhere, "failed")
    done = bisect(opskit, shas, "-m", "since noon the number is too high")
    said = done.stdout
    assert f"{shas[0][:10]} is good\n" in said
    assert f"{shas[9][:10]} is bad (exit code 1)\n" in said
    assert f"\n{shas[6][:10]} make it 6 broke it\n  ask       ben <ben@" in said
    assert f"  brought   by {brought}: opskit log {brought}\n" in said
    told = next(
        line for line in said.splitlines() if line.startswith("  say so    opskit verdict ")
    )
    opskit(*shlex.split(told)[3:])
    assert opskit("log", brought, "--json").json["data"]["rollout"]["verdicts"][0]["verdict"] == "guilty"  # fmt: skip
    assert "9 commits left, about 2 steps" in said
    kinds = [kind for kind, _ in events()][1:]  # the first is of the other one
    assert kinds[0] == "bisect.started"
    assert set(kinds[1:-1]) == {"bisect.step"}
    assert kinds[-1] == "bisect.finished"
    last = events()[-1][1]
    assert (last["outcome"], last["suspects"]) == ("found", [shas[6]])
    log = opskit("log").stdout
    assert f"bisect shop {shas[0][:10]}..{shas[9][:10]} on a folder" in log
    assert f"found {shas[6][:10]}" in log
    assert not git(opskit.cwd, "status", "--porcelain", "--untracked-files=no")


def test_the_log_has_two_lines_of_a_bisection_and_room_for_what_was_rolled_out(
    opskit: Opskit, shas: list[str]
) -> None:
    with open_changelog("test") as changelog:
        real = [whole(changelog) for _ in range(3)]
        tries = [whole(changelog, why="bisection 0123456789 tries it") for _ in range(9)]
        for name in tries:
            changelog.append("bisect.step", {"bisect": "ab" * 32, "what": "brings", "rollout": name, "sha": shas[6]}, service="shop", environment="production")  # fmt: skip
        hangs = start(changelog, why="bisection 0123456789 tries it", machine=ELSEWHERE)
        changelog.append("bisect.step", {"bisect": "ab" * 32, "what": "brings", "rollout": hangs, "sha": shas[6]}, service="shop", environment="production")  # fmt: skip
    bisect(opskit, shas)
    done = opskit("log", "--limit", "6")
    ids = [line.split()[0] for line in done.stdout.splitlines()[1:]]
    assert ids[2:] == [hangs, *reversed(real)]
    assert "what bisections tried is left out: opskit log ID" in done.stderr
    assert opskit("log", ids[1]).stdout.startswith("bisect shop on a folder: found\n")
    assert tries[0] in opskit("log", "-H", "web01").stdout
    assert tries[0] in opskit("log", "--json").stdout


def test_its_own_page_tells_each_step(opskit: Opskit, shas: list[str]) -> None:
    name = bisect(opskit, shas, "--json").json["data"]["id"]
    said = opskit("log", name).stdout
    assert said.startswith("bisect shop on a folder: found\n")
    assert f"  broken by  {shas[6]}\n" in said
    assert f"\n{shas[5][:10]} is good\n" in said
    told = opskit("log", name, "--json").json["data"]["bisection"]
    assert (told["good"], told["suspects"]) == (shas[0], [shas[6]])


def test_a_colleague_goes_on_with_it_from_another_laptop(
    opskit: Opskit, shas: list[str], tmp_path: Path
) -> None:
    more = (tmp_path / "opskit.toml").read_text()
    shared = f'name = "test"\nupstream = "file://{tmp_path}/shared/log"\ntimeout = "60s"\n'
    (tmp_path / "shared").mkdir()
    (tmp_path / "opskit.toml").write_text(more.replace('name = "test"\n', shared))
    bens = {"OPSKIT_STATE_DIR": str(tmp_path / "ben"), "OPSKIT_ACTOR": "ben"}
    opskit("changelog", "init")
    bad = f'[ ! -e "{tmp_path}/broken" ] || kill -9 $$; [ "$OPSKIT_REVISION" != {shas[4]} ] || touch "{tmp_path}/broken"; {CHECK}'
    assert "by a signal" in bisect(opskit, shas, check=bad, expect=1).stderr
    (tmp_path / "broken").unlink()
    (name,) = {body["bisect"] for kind, body in events() if kind != "bisect.started"}
    asked = opskit("bisect", "--resume", name[:10], "-y", env=bens, expect=2).stderr
    assert "would run on this machine" in asked
    words = ("--resume", name[:10], "--check", CHECK, "-y", "--json")
    told = opskit("bisect", *words, env=bens).json["data"]
    assert [each["sha"] for each in told["suspects"]] == [shas[6]]
    assert {each["word"] for each in told["tests"][:3]} >= {"good", "bad"}
    assert events()[-1][1]["outcome"] == "stopped"
    opskit("changelog", "sync")
    assert events()[-1][1]["outcome"] == "found"


@pytest.fixture
def shared(opskit: Opskit, shas: list[str], tmp_path: Path) -> str:
    """A bisection that somebody stopped, in a changelog that laptops share; gives its id."""
    (tmp_path / "shared").mkdir()
    file = tmp_path / "opskit.toml"
    named = f'name = "test"\nupstream = "file://{tmp_path}/shared/log"\ntimeout = "60s"\n'
    file.write_text(file.read_text().replace('name = "test"\n', named))
    opskit("changelog", "init")
    bisect(opskit, shas, check="kill -9 $$", expect=1)
    return str(next(body["bisect"] for kind, body in events() if kind != "bisect.started"))[:10]


@pytest.mark.parametrize("_round", range(ROUNDS))
def test_of_two_laptops_that_go_on_at_the_same_moment_one_does_and_the_other_does_nothing(
    opskit: Opskit, shared: str, tmp_path: Path, _round: int
) -> None:
    file = tmp_path / "checks"
    check = f'echo "$OPSKIT_ACTOR" >>"{file}"; {CHECK}'
    processes = [
        opskit.start("bisect", "--resume", shared, "--check", check, "-y", env={"OPSKIT_STATE_DIR": str(tmp_path / name), "OPSKIT_ACTOR": name})
        for name in ("ben", "cleo")
    ]  # fmt: skip
    ended = {}
    for name, process in zip(("ben", "cleo"), processes, strict=True):
        said, complained = process.communicate(timeout=100)
        ended[name] = (process.returncode, said + complained)
    assert sorted(code for code, _ in ended.values()) == [0, 4], ended
    (refused,) = [name for name, (code, _) in ended.items() if code == 4]
    (other,) = {"ben", "cleo"} - {refused}
    assert set(file.read_text().split()) == {other}
    assert f"{other} on " in ended[refused][1]


def test_it_is_told_as_data(opskit: Opskit, shas: list[str]) -> None:
    told = bisect(opskit, shas, "--json").json["data"]
    (suspect,) = told["suspects"]
    assert told["outcome"] == "found"
    assert (suspect["sha"], suspect["subject"], suspect["rollouts"]) == (shas[6], "make it 6", [])
    words = {test["sha"]: test["word"] for test in told["tests"]}
    assert words[shas[5]] == "good"
    assert words[shas[6]] == "bad"


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ("false", "is said to be good, and is bad"),
        ("true", "is said to be bad, and is good"),
        ("exit 125", "is said to be good, and cannot be tested"),
    ],
)
def test_ends_that_are_not_what_they_are_said_to_be_end_it_at_once(
    opskit: Opskit, shas: list[str], check: str, said: str
) -> None:
    assert said in bisect(opskit, shas, check=check, expect=5).stdout
    assert events()[-1][1]["outcome"] == "refused"
    assert len(events()) <= 4


def test_what_cannot_be_tested_is_passed_over(opskit: Opskit, shas: list[str]) -> None:
    check = f'case "$OPSKIT_REVISION" in {shas[4]}|{shas[3]}) exit 125;; esac; {CHECK}'
    assert f"{shas[6][:10]} make it 6 broke it" in bisect(opskit, shas, check=check).stdout


def test_only_what_cannot_be_tested_left_is_told_as_such(opskit: Opskit, shas: list[str]) -> None:
    check = f'case "$OPSKIT_REVISION" in {shas[6]}|{shas[5]}) exit 125;; esac; {CHECK}'
    done = bisect(opskit, shas, "--json", check=check, expect=3).json
    assert (done["status"], done["data"]["outcome"]) == ("partial", "unclear")
    suspects = [each["sha"] for each in done["data"]["suspects"]]
    assert suspects[0] == shas[7]
    assert set(suspects[1:]) == {shas[5], shas[6]}


def test_what_does_not_build_cannot_be_tested(
    opskit: Opskit, shas: list[str], tmp_path: Path
) -> None:
    configure(tmp_path, 'build = "test $(cat number) != 4 && echo built >made"')
    said = bisect(opskit, shas, check=f'{CHECK} && test -e "$OPSKIT_FOLDER/made"').stdout
    assert f"{shas[4][:10]} cannot be tested: the build ended with status 1" in said
    assert f"{shas[6][:10]} make it 6 broke it" in said


def test_a_check_that_takes_too_long_or_dies_says_nothing_of_the_commit(
    opskit: Opskit, shas: list[str]
) -> None:
    slow = bisect(opskit, shas, "--check-timeout", "0.2s", check="sleep 60", expect=5).stdout
    assert "cannot be tested: the check took longer than 0.2 s" in slow
    died = bisect(opskit, shas, check="kill -9 $$", expect=1)
    assert "the check was ended by a signal" in died.stderr
    assert "to go on: opskit bisect --resume " in died.stderr
    assert events()[-1][1]["outcome"] == "stopped"


def test_what_was_killed_goes_on_where_it_was(
    opskit: Opskit, shas: list[str], tmp_path: Path
) -> None:
    """The check waits at its fourth commit; the one who asked is killed there, and somebody goes on."""
    file = tmp_path / "tried"
    check = f'echo "$OPSKIT_REVISION" >>{file}; [ "$(wc -l <{file})" != 4 ] || {{ touch {tmp_path}/waits; sleep 60; }}; {CHECK}'
    argv = (
        "bisect",
        "shop",
        "--good",
        shas[0],
        "--bad",
        "main",
        "--check",
        check,
        "--local",
        "-y",
    )
    process = opskit.start(*argv)
    until((tmp_path / "waits").exists, what="the fourth check")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    tried = file.read_text().split()
    name = next(b for k, b in events() if k == "bisect.step")["bisect"][:10]
    done = opskit("bisect", "--resume", name, "-y", "--json").json["data"]
    assert [each["sha"] for each in done["suspects"]] == [shas[6]]
    again = file.read_text().split()[4:]
    assert again[0] == tried[3]
    assert len(set(tried[:3]) & set(again)) == 0
    assert [k for k, _ in events()].count("bisect.resumed") == 1
    assert "is over: found" in opskit("bisect", "--resume", name, "-y", expect=5).stderr


def test_a_secret_of_the_check_stands_nowhere_and_is_typed_again(
    opskit: Opskit, shas: list[str], tmp_path: Path
) -> None:
    configure(tmp_path, 'secrets = ["TOKEN"]')
    check = f'[ -n "$RIGHT" ] || kill -9 $$; [ hunter2zebra = "$RIGHT" ] && {CHECK}'
    env = {"TOKEN": "hunter2zebra", "RIGHT": ""}
    words = ("shop", "--good", shas[0], "--bad", "main", "--local", "-y", "--check", check)
    told = [opskit("bisect", *words, *more, env=env, expect=None) for more in (["-n"], [], ["--json"])]  # fmt: skip
    assert [done.exit for done in told] == [0, 1, 1]
    assert "[redacted]" in told[0].stdout
    assert "hunter2zebra" not in f"{events()}{told}"
    name = next(b["bisect"] for k, b in events() if k != "bisect.started")[:10]
    env["RIGHT"] = "hunter2zebra"
    assert "has a secret in it" in opskit("bisect", "--resume", name, "-y", env=env, expect=2).stderr  # fmt: skip
    done = opskit("bisect", "--resume", name, "--check", check, "-y", env=env)
    assert f"{shas[6][:10]} make it 6 broke it" in done.stdout


def test_in_a_folder_nobody_has_to_agree_and_what_is_over_is_not_stopped(
    opskit: Opskit, shas: list[str]
) -> None:
    ends = ("--good", shas[0][:10], "--bad", "main")
    opskit("bisect", "shop", *ends, "--check", CHECK, "--local")
    before = events()
    name = next(body["bisect"] for kind, body in before if kind != "bisect.started")[:10]
    done = opskit("bisect", "--resume", name, "--stop")
    assert done.stdout == f"bisection {name} is over: found; nothing is left to put back\n"
    data = opskit("bisect", "--resume", name, "--stop", "--json").json["data"]
    assert data == {"id": name, "outcome": "found"}
    assert events() == before


def test_the_hint_for_an_unknown_bisection_lists_them(opskit: Opskit, shas: list[str]) -> None:
    bisect(opskit, shas)
    name = next(body["bisect"] for kind, body in events() if kind != "bisect.started")[:10]
    hint = opskit("bisect", "--resume", "ffff", expect=2).stderr.splitlines()[1]
    command = hint.partition(" lists")[0].split()[1:]
    assert command == ["log", "--kind", "bisect"]
    assert [line.split()[0] for line in opskit(*command).stdout.splitlines()[1:]] == [name]


def test_a_dry_run_only_says_what_would_be_done(opskit: Opskit, shas: list[str]) -> None:
    said = bisect(opskit, shas, "--dry-run").stdout
    assert said.startswith(f"bisect shop in a folder here: 9 commits after {shas[0][:10]}, ")
    assert "first the two ends, then about 2 steps" in said
    assert events() == []


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ((), "what is to be bisected?"),
        (("shop", "--good", "a"), "what is to be bisected?"),
        (
            ("shop", "--good", "a", "--bad", "b", "--check", "c"),
            "on one host (-H), or in a folder",
        ),
        (
            ("shop", "--good", "main", "--bad", "main", "--check", "c", "--local"),
            "the same commit",
        ),
        (("shop", "--good", "v9", "--bad", "main", "--check", "c", "--local"), "no revision 'v9'"),
        (("--stop",), "--stop and --take-over need --resume ID"),
        (("--resume", "abcd", "--local"), "gone on with as it began"),
        (("--resume", "abcd"), "no bisection 'abcd'"),
    ],
)
@pytest.mark.usefixtures("shas")
def test_what_makes_no_sense_is_an_error(
    opskit: Opskit, words: tuple[str, ...], what: str
) -> None:
    done = opskit("bisect", *words, "-y", expect=None)
    assert done.exit in (2, 5)
    assert what in done.stderr
    assert events() == []
