from __future__ import annotations

import contextlib
import csv
import io
import os
import re
import signal
import subprocess
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, open_changelog
from tests.changelog.writing import ELSEWHERE, finish, of_folder, results, start, whole
from tests.support.cli import command
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Opskit

TOML = """
default_environment = "production"
[changelog]
name = "test"
[environments.production]
hosts = ["web[01-20]", "db01"]
groups.web = "web[01-20]"
[environments.staging]
hosts = ["stage01"]
[services.shop]
path = "~/shop"
hosts = "@web"
source = { folder = "." }
environments = ["production"]
"""


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(TOML)


@pytest.fixture
def changelog() -> Iterator[Changelog]:
    """The changelog that the CLI reads, written here in place of rollouts."""
    with open_changelog("test", actor="ann@laptop") as opened:
        yield opened


def column(listed: str, name: str) -> list[str]:
    """Give the cells of one column of aligned lines."""
    header, *lines = listed.splitlines()
    begin = header.index(name)
    after = header[begin:].split("  ")[0] and header[begin:].lstrip(name)
    end = begin + len(name) + len(after) - len(after.lstrip()) if after.strip() else None
    return [line[begin:end].strip() for line in lines]


def test_an_empty_changelog_says_so_and_creates_nothing(opskit: Opskit, tmp_path: Path) -> None:
    done = opskit("log")
    assert done.stdout == ""
    assert done.stderr.startswith("there is no changelog here yet: ")
    assert opskit("log", "--json").json["data"]["entries"] == []
    assert opskit("log", "--csv").stdout.startswith("id,type,at,")
    assert not os.path.exists(os.environ["OPSKIT_STATE_DIR"])  # noqa: PTH110 (nothing to join)


def test_a_line_tells_who_did_what_where_why_and_what_came_of_it(
    opskit: Opskit, changelog: Changelog
) -> None:
    name = whole(changelog, hosts=("web01", "web02", "web03"), why="fix the cart\nand more")
    header, line = opskit("log").stdout.splitlines()
    assert header.split() == ["ID", "WHEN", "WHO", "WHAT", "RELEASE", "WHERE", "OUTCOME", "WHY"]
    at = f"{changelog.rollout(name).at.astimezone():%Y-%m-%d %H:%M:%S}"
    assert re.split(" {2,}", line) == [
        *(name, at, "ann@laptop", "deploy shop", "v1 → v2", "production web[01-03]"),
        *("done", r"fix the cart\nand more"),
    ]


def test_the_newest_comes_first_and_notes_stand_between(
    opskit: Opskit, changelog: Changelog
) -> None:
    first = whole(changelog)
    note = changelog.append("note", {"text": "slow", "hosts": ["web01"]}, service="shop").id
    last = whole(changelog)
    odd = changelog.append("weather", {"sky": "grey"}).id
    listed = opskit("log").stdout
    assert column(listed, "ID") == [odd, last, note, first]
    assert column(listed, "WHAT") == ["weather", "deploy shop", "note shop", "deploy shop"]
    assert column(listed, "WHY") == ['{"sky": "grey"}', "", "slow", ""]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("-s db", ["db"]),
        ("-e staging", ["staged"]),
        ("-H db01", ["db"]),
        ("-H web[02-03]", ["failed", "good"]),
        ("-H @web!web01", ["failed", "good"]),
        ("--actor ANN", ["failed", "db", "staged", "good"]),
        ("--actor bob", []),
        ("--kind restart", ["db"]),
        ("--kind note", []),
        ("--outcome failed", ["failed"]),
        ("--outcome running", []),
        ("--since 1h", ["failed", "db", "staged", "good"]),
        ("--until 1h", []),
        ("--limit 2", ["failed", "db"]),
        ("-s shop -e production --outcome done", ["good"]),
    ],
)
def test_options_choose(
    opskit: Opskit, changelog: Changelog, options: str, expected: list[str]
) -> None:
    names = {
        "good": whole(changelog),
        "staged": whole(changelog, environment="staging", hosts=("stage01",)),
        "db": whole(changelog, service="db", action="restart", hosts=("db01",)),
        "failed": whole(changelog, "failed", hosts=("web03",)),
    }
    entries = opskit("log", "--json", *options.split()).json["data"]["entries"]
    assert [entry["id"] for entry in entries] == [names[name] for name in expected]


def test_a_limit_that_hides_something_says_so(opskit: Opskit, changelog: Changelog) -> None:
    for _ in range(3):
        changelog.append("note", {"text": "x"})
    assert "the newest 2" in opskit("log", "--limit", "2").stderr
    assert opskit("log", "--limit", "3").stderr == ""


def test_a_name_that_opskit_toml_no_longer_knows_is_pointed_out_when_nothing_fits(
    opskit: Opskit, changelog: Changelog
) -> None:
    whole(changelog, service="shpo", environment="producton", hosts=("wbe01",))
    said = opskit("log", "-s", "shpo", "-e", "producton", "--actor", "nobody").stderr
    assert said.splitlines() == [
        "nothing in the changelog fits",
        "  no environment 'producton' in opskit.toml: did you mean 'production'?",
        "  no service 'shpo' in opskit.toml: did you mean 'shop'?",
    ]
    said = opskit("log", "-H", "wbe01,db01", "--actor", "nobody").stderr
    assert "  no host 'wbe01' in opskit.toml: did you mean 'web01'?" in said


@pytest.mark.parametrize(
    "line",
    [
        "log abcd --csv",
        "log abcd -s shop",
        "log abcd --follow",
        "log --json --follow",
        "log --json --csv",
        "log --since soon",
        "log --limit 0",
        "log --kind dance",
        "log zzzz",
        "log -H web[",
    ],
)
def test_what_makes_no_sense_is_a_usage_error(opskit: Opskit, line: str) -> None:
    done = opskit(*line.split(), expect=2)
    if "--json" not in line:
        assert done.stderr.startswith("opskit: ")
        assert done.stdout == ""


def test_one_rollout_is_opened_by_the_start_of_its_id(
    opskit: Opskit, changelog: Changelog
) -> None:
    name = start(
        changelog,
        hosts=("web01", "web02", "web03"),
        why="fix the cart",
        machine=ELSEWHERE,
        commits=[{"sha": "abcdef0123456789", "subject": "Fix \x1b[31mred", "author": "Ann"}],
        command=["opskit", "deploy", "shop", "-m", "fix the cart"],
        notes=["the work tree was dirty"],
    )
    results(changelog, name, {"web01": "done", "web02": "failed"})
    finish(changelog, name, "partial", reason="1 host failed, 0 allowed")
    changelog.append("note", {"text": "carts are empty\nsince then"}, rollout=name)
    shown = opskit("log", name[:5]).stdout
    for line in (
        "deploy shop: partial",
        "who       ann@laptop, on another-laptop",
        "why       fix the cart",
        "reason    1 host failed, 0 allowed",
        "command   opskit deploy shop -m 'fix the cart'",
        "remark    the work tree was dirty",
        "3 hosts: 1 done, 1 failed, 1 not reached",
        "stage 0.3 s, restart 1.2 s",
        r"abcdef0123  Fix \x1b[31mred  (Ann)",
        "web02: the health check failed",
        "  | 502 Bad Gateway",
        "note by ann@laptop, ",
        "  carts are empty\n  since then\n",
    ):
        assert line in shown
    assert "took 4.2 s" in shown
    assert "\x1b" not in shown


def test_releases_of_the_same_label_are_told_by_their_revisions(
    opskit: Opskit, changelog: Changelog
) -> None:
    name = of_folder(changelog)
    assert "site (11111111 → 22222222)" in opskit("log").stdout
    assert "  release   site (11111111) → site (22222222)\n" in opskit("log", name).stdout
    (row,) = csv.DictReader(io.StringIO(opskit("log", "--csv").stdout))
    assert (row["from"], row["to"]) == ("site", "site")
    assert (row["from_revision"], row["to_revision"]) == ("1" * 64, "2" * 64)


def test_the_first_release_is_told_with_its_revision(opskit: Opskit, changelog: Changelog) -> None:
    of_folder(changelog, old="", new="3")
    assert "  → site (33333333)  " in opskit("log").stdout


def test_a_restart_names_its_release_once(opskit: Opskit, changelog: Changelog) -> None:
    whole(changelog, before=2, to=2, action="restart")
    assert " v2 (22222222)  production " in opskit("log").stdout


def test_json_holds_all_of_a_rollout(opskit: Opskit, changelog: Changelog) -> None:
    name = whole(changelog, why="fix the cart")
    told = opskit("log", name, "--json").json["data"]["rollout"]
    assert (told["type"], told["id"], told["outcome"]) == ("rollout", name, "done")
    assert told["hosts"][0]["before"]["label"] == "v1"
    assert datetime.fromisoformat(told["at"]).utcoffset() is not None
    kinds = ["rollout.started", "rollout.hosts", "rollout.finished"]
    assert [event["kind"] for event in told["events"]] == kinds
    assert told["events"][0]["hash"].startswith(told["events"][0]["id"])


def test_csv_can_be_read_back_and_runs_no_formula(opskit: Opskit, changelog: Changelog) -> None:
    for why in ("=1+1", "+1", "@SUM(A1)", 'say "hi", then\nleave', "plain"):
        whole(changelog, why=why)
    rows = list(csv.DictReader(io.StringIO(opskit("log", "--csv").stdout)))
    assert [row["why"] for row in rows][::-1] == [
        *("'=1+1", "'+1", "'@SUM(A1)", 'say "hi", then\\nleave', "plain")
    ]
    assert (rows[0]["from"], rows[0]["to"], rows[0]["seconds"]) == ("v1", "v2", "4.200")
    assert rows[0]["hosts"] == "web01 web02"


def test_nothing_that_was_written_reaches_the_terminal_raw(
    opskit: Opskit, changelog: Changelog
) -> None:
    evil = "\x1b]0;owned\x07\x9b31m\u202e\r\n"
    name = whole(changelog, "failed", why=evil, hosts=(f"web{evil}",), reason=evil)
    changelog.append("note", {"text": evil, "hosts": [evil]}, rollout=name)
    changelog.append("odd", {"text": evil})
    for line in (["log"], ["log", "--csv"], ["log", name]):
        shown = opskit(*line).stdout
        assert not set("\x1b\x07\x9b\u202e\r") & set(shown)


def test_signs_are_plain_where_the_encoding_has_none(opskit: Opskit, changelog: Changelog) -> None:
    name = whole(changelog, why="größer")
    ascii_only = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"}
    assert "v1 > v2" in opskit("log", env=ascii_only).stdout
    assert "gr\\xf6\\xdfer" in opskit("log", name, env=ascii_only).stdout


@contextlib.contextmanager
def following(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run `opskit log --follow`, its words in the file `said`; it does not outlive the test."""
    with (folder / "said").open("w") as said:
        process = subprocess.Popen(
            command("log", "--follow"), cwd=folder, stdout=said, stderr=said
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_follow_tells_what_comes_until_ctrl_c(changelog: Changelog, tmp_path: Path) -> None:
    def says(words: str) -> None:
        until(lambda: words in (tmp_path / "said").read_text(), what=words)

    before = whole(changelog)
    with following(tmp_path) as process:
        says(before)
        name = start(changelog)
        says(f"{name} ")
        results(changelog, name, {"web01": "done", "web02": "done"})
        finish(changelog, name, "partial")
        says("partial")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    lines = (tmp_path / "said").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["ID", before, name, name]


def test_follow_ends_when_nobody_reads_any_more(changelog: Changelog, tmp_path: Path) -> None:
    whole(changelog)
    piped = f"{' '.join(command('log', '--follow'))} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", piped],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.startswith("ID ")
    assert done.stdout.endswith("\n0\n"), "whoever reads no more has read enough"
    assert done.stderr == ""


def test_many_rollouts_do_not_make_reading_import_what_is_heavy(
    changelog: Changelog, tmp_path: Path
) -> None:
    whole(changelog, hosts=("web01",))
    program = "import sys; from opskit.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    program += "print(*sys.modules)"
    ran = subprocess.run(
        [sys.executable, "-c", program, "log"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    heavy = {"fabric", "paramiko", "rich", "asyncio", "cryptography", "ClusterShell"}
    assert not heavy & set(ran.stdout.splitlines()[-1].split())
