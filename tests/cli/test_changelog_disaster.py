"""runbooks/changelog-disaster.md, word for word, through the disasters that it is for."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.light import Light

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.hosts import Hosts

PAGE = (Path(__file__).parents[2] / "runbooks" / "changelog-disaster.md").read_text("utf-8")
FENCE = re.compile(r"^```(?:sh|opskit)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def fence(command: str) -> str:
    """Give the one fence of the runbook in which a command stands."""
    (found,) = [text for text in FENCE.findall(PAGE) if command in text]
    return str(found)


class Team:
    """Two engineers with a laptop each, one project, and an upstream in a shared folder."""

    def __init__(self, light: Light) -> None:
        self.light = light
        self.share = light.folder.parent / "share"
        self.share.mkdir()
        self.upstream = self.share / "log"
        light.configure()
        toml = light.folder / "opskit.toml"
        line = f'upstream = "file://{self.upstream}"\ntimeout = "60s"\n'
        toml.write_text(toml.read_text().replace('name = "test"\n', f'name = "test"\n{line}'))
        self.does("ana", "changelog", "init")

    def env(self, who: str) -> dict[str, str]:
        return {"OPSKIT_STATE_DIR": str(self.state(who)), "OPSKIT_ACTOR": who}

    def state(self, who: str) -> Path:
        return self.light.folder.parent / f"laptop-{who}"

    def database(self, who: str) -> Path:
        return self.state(who) / "test" / "changelog.db"

    def does(self, who: str, *arguments: object, expect: int | None = 0) -> Any:
        return self.light.opskit(*arguments, env=self.env(who), expect=expect)

    def types(self, who: str, script: str, *, expect: int = 0) -> str:
        """Let somebody type a fence of the runbook into a shell."""
        folder = self.light.folder.parent / "bin"
        folder.mkdir(exist_ok=True)
        opskit = folder / "opskit"
        opskit.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m opskit "$@"\n')
        opskit.chmod(0o755)
        ran = subprocess.run(
            ["/bin/sh", "-euc", script],
            cwd=self.light.folder,
            env={**os.environ, **self.env(who), "PATH": f"{folder}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert ran.returncode == expect, ran.stdout + ran.stderr
        return ran.stdout + ran.stderr

    def log(self, who: str) -> list[tuple[str, str, str]]:
        """Give (id, actor, outcome) of what somebody's log shows, the newest first."""
        entries = self.does(who, "log", "--json").json["data"]["entries"]
        return [(e["id"], e["actor"], e.get("outcome", "note")) for e in entries]


@pytest.fixture
def team(tmp_path: Path, hosts: Hosts) -> Iterator[Team]:
    light = Light.create(tmp_path / "project", hosts)
    team = Team(light)
    team.does("ana", "deploy", "shop", "v1", "-y", "-m", "the first one")
    light.commit("v2")
    team.does("ben", "deploy", "shop", "v2", "-y", "-m", "the second one")
    yield team
    light.end()


def test_each_sees_the_others_rollout_in_the_next_command(team: Team) -> None:
    shown = team.log("ana")
    assert [(actor, outcome) for _, actor, outcome in shown] == [("ben", "done"), ("ana", "done")]
    assert team.log("ben") == shown
    team.upstream.rename(team.share / "away")
    assert team.log("ana") == shown, "on a plane the log is still there"


def test_a_damaged_database_is_filled_again(team: Team) -> None:
    before = team.log("ana")
    team.does("ana", "note", "a last word")
    team.upstream.rename(team.share / "away")
    team.does("ana", "note", "not yet shared")
    (team.share / "away").rename(team.upstream)
    with team.database("ana").open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(2048))
    team.does("ana", "changelog", "verify", expect=1)
    team.types("ana", fence("--from upstream"))
    team.does("ana", "changelog", "verify")
    assert team.log("ana")[-2:] == before
    aside = list(team.database("ana").parent.glob("changelog.db.2*"))
    assert aside, "nothing is deleted"


def test_without_an_upstream_an_old_export_and_the_damaged_file_make_a_whole(team: Team) -> None:
    team.types("ana", fence("changelog export"))
    (backup,) = team.light.folder.glob("changelog-*.jsonl")
    team.does("ana", "note", "younger than the export")
    team.upstream.unlink()
    before = team.log("ana")
    with team.database("ana").open("r+b") as file:
        file.write(b"not a database, by its first page")
    script = fence("put the name of an export").replace("backup=\n", f"backup={backup}\n")
    team.types("ana", script)
    assert set(team.log("ana")) <= set(before)
    assert len(team.log("ana")) >= 2


def test_the_step_with_an_export_does_nothing_without_its_name(team: Team) -> None:
    before = team.database("ana").stat().st_ino
    team.types("ana", fence("put the name of an export"), expect=2)
    assert team.database("ana").stat().st_ino == before


def test_a_rewound_upstream_heals(team: Team) -> None:
    whole = team.upstream.read_bytes()
    team.does("ana", "note", "seen by all")
    team.does("ben", "log")
    team.upstream.write_bytes(whole)
    said = team.types("ana", fence("opskit changelog sync\n"))
    assert "set back to an earlier state" in said
    assert team.log("ben") == team.log("ana")
    assert team.does("new", "log", "--json").json["data"]["entries"][0]["text"] == "seen by all"


def test_a_new_upstream_takes_the_place_of_the_lost_one(team: Team) -> None:
    team.does("cleo", "note", "cleo will lose her laptop")
    before = team.log("ana")
    team.log("ben")
    shutil.rmtree(team.state("cleo"))
    team.upstream.unlink()
    team.types("ana", fence("changelog init"))
    for who in ("ana", "ben"):
        refused = team.does(who, "changelog", "sync", expect=1)
        assert "is another log" in refused.stderr
        team.types(who, fence("--accept-new-log"))
    team.types("ana", fence("--relay"))
    assert team.log("new") == before, "also what cleo wrote"
    assert team.log("ben") == before


def test_a_tampered_upstream_is_named_and_replaced(team: Team) -> None:
    before = team.log("ana")
    team.log("ben")
    lines = team.upstream.read_bytes().splitlines(keepends=True)
    gone = next(number for number, line in enumerate(lines) if b'"seq":2,' in line)
    lines[gone] = b"#" * (len(lines[gone]) - 1) + b"\n"
    team.upstream.write_bytes(b"".join(lines))
    said = team.types("ana", fence("changelog verify ||"))
    assert "it ended with 1" in said
    assert "upstream, place " in said
    assert "event 2 of writer" in said
    assert "dropped: it is not there any more" in said
    assert "The upstream was tampered with" in said
    assert "### The upstream was tampered with" in PAGE
    team.upstream.rename(team.share / "evidence")
    team.types("ana", fence("changelog init"))
    for who in ("ana", "ben"):
        team.types(who, fence("--accept-new-log"))
        assert "it ended with" not in team.types(who, fence("changelog verify ||"))
        assert team.log(who) == before
    for who in ("ana", "ben"):
        found = team.does(who, "doctor", "--json", expect=None).json["data"]["findings"]
        assert {each["level"] for each in found if each["area"] == "upstream"} == {"ok"}
    team.types("ana", fence("--relay"))
    assert team.log("new") == before


def test_of_what_only_a_lost_laptop_knew_the_hosts_know_who_when_from_and_to(team: Team) -> None:
    team.upstream.rename(team.share / "away")
    team.light.commit("v3")
    team.does("ben", "deploy", "shop", "v3", "-y", "-m", "the reason is lost")
    lost = team.log("ben")[0][0]
    shutil.rmtree(team.state("ben"))
    (team.share / "away").rename(team.upstream)
    said = team.types("ana", fence("verify --hosts"))
    assert "it ended with 1" in said
    assert f"deploy {lost} by ben changed it, and this changelog does not know of that" in said
    team.types("ana", fence("rebuild --from hosts"))
    assert team.log("ana")[0] == (lost, "ben", "recovered")
    page = team.does("ana", "log", lost).stdout
    assert "known only from receipts on hosts, written down by ana" in page
    assert page.count("web0") >= 4
    assert team.log("new")[0] == (lost, "ben", "recovered"), "it is shared like any other event"
    team.types("ana", fence("rebuild --from hosts"))
    assert len(team.log("ana")) == 3, "asking twice adds nothing"
    assert "all as written" in team.types("ana", fence("verify --hosts"))
    assert "ok" in team.does("ana", "status").stdout


def test_with_everything_lost_hosts_alone_tell_the_history(team: Team) -> None:
    before = [(rollout, actor) for rollout, actor, _ in team.log("ana")]
    for who in ("ana", "ben"):
        shutil.rmtree(team.state(who))
    team.upstream.unlink()
    team.types("new", fence("changelog init"))
    team.types("new", fence("rebuild --from hosts"))
    assert [(rollout, actor) for rollout, actor, _ in team.log("new")] == before
    team.types("new", fence("verify && opskit log"))
    team.types("new", fence("verify --hosts"))
    team.does("new", "status")
