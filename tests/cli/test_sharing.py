"""Sharing around every command: what is pulled, pushed, spooled, refused, and what is said about it."""

from __future__ import annotations

import contextlib
import re
import socket
import sqlite3
import time
from typing import TYPE_CHECKING, Any

import pytest

from opskit.cli.changelog import changelog
from opskit.cli.sharing import OFFLINE
from tests.support.light import Light

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.cli import Completed
    from tests.support.hosts import Hosts

CONFIG = """
[changelog]
name = "test"
{changelog}
[environments.production]
hosts = ["web01"]
"""


class Desk:
    """A folder with an opskit.toml that names an upstream, and people with a laptop each."""

    def __init__(self, folder: Path, opskit: Any) -> None:
        self.folder, self._opskit = folder, opskit
        self.share = folder / "share" / "log"
        self.configure()

    def configure(self, *, timeout: str = "60s", upstream: str | None = None) -> None:
        address = upstream or f"file://{self.share}"
        changelog = f'upstream = "{address}"\ntimeout = "{timeout}"'
        (self.folder / "opskit.toml").write_text(CONFIG.format(changelog=changelog))

    def does(self, who: str, *words: object, expect: int | None = 0, **env: str) -> Completed:
        state = {"OPSKIT_STATE_DIR": str(self.folder / who), "OPSKIT_ACTOR": who}
        done: Completed = self._opskit(*words, cwd=self.folder, env=state | env, expect=expect)
        return done

    def texts(self, who: str, *words: str) -> list[str]:
        entries = self.does(who, "log", "--json", *words).json["data"]["entries"]
        return [entry["text"] for entry in entries]


@pytest.fixture
def desk(tmp_path: Path, opskit: Any) -> Desk:
    made = Desk(tmp_path, opskit)
    made.does("ana", "changelog", "init")
    return made


def test_init_can_be_said_again(desk: Desk) -> None:
    assert "was there already" in desk.does("ana", "changelog", "init").stdout
    desk.does("ana", "note", "one")
    desk.does("ben", "changelog", "init")
    assert desk.texts("ben") == ["one"]


def test_what_one_writes_is_in_the_next_command_of_the_other(desk: Desk) -> None:
    desk.does("ana", "note", "from ana")
    assert desk.texts("ben") == ["from ana"]
    desk.does("ben", "note", "from ben")
    assert desk.texts("ana") == ["from ben", "from ana"]
    assert desk.does("ana", "log").stderr == "", "nothing is said when all is well"


def test_offline_asks_nobody(desk: Desk) -> None:
    desk.does("ana", "note", "from ana")
    assert desk.texts("ben", "--offline") == []
    said = desk.does("ben", "log", OPSKIT_OFFLINE="1").stderr
    assert said.startswith(f"never synced: {OFFLINE}\nthere is no changelog here yet: ")
    assert not (desk.folder / "ben").exists(), "looking creates nothing"
    desk.does("ben", "note", "written offline", "--offline")
    assert desk.texts("ana") == ["from ana"]
    assert desk.does("ben", "log").stderr == ""
    assert desk.texts("ana") == ["written offline", "from ana"]


def test_without_its_upstream_a_command_goes_on_and_says_how_old_its_copy_is(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    away = desk.share.rename(desk.share.with_name("away"))
    said = desk.does("ana", "log")
    assert "one" in said.stdout
    assert said.stderr.startswith("this is as of ")
    assert "is not there" in said.stderr
    said = desk.does("ana", "note", "two")
    assert "1 event of this machine waits" in said.stderr
    assert desk.does("new", "log").stderr.startswith("never synced: ")
    away.rename(desk.share)
    assert desk.does("ana", "log").stderr == ""
    assert desk.texts("ben") == ["two", "one"]


def age(desk: Desk, who: str, minutes: int) -> None:
    """Let it be longer ago that somebody's machine was last in step with the upstream."""
    with (
        contextlib.closing(sqlite3.connect(desk.folder / who / "test" / "changelog.db")) as db,
        db,
    ):
        db.execute("UPDATE log SET synced_ms = synced_ms - ?", (minutes * 60_000,))


def test_offline_says_once_how_old_what_is_here_is_if_it_is_old(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    age(desk, "ana", minutes=-1)  # for a machine that takes long to come to the next command
    assert desk.does("ana", "log", "--offline").stderr == "", "it is as new as it can be"
    age(desk, "ana", minutes=10)
    for command in ("log", "status"):
        said = desk.does("ana", command, "--offline").stderr
        assert re.fullmatch(rf"this is as of 9 min( \d+ s)? ago: {OFFLINE}\n", said)
    assert desk.does("ana", "log").stderr == ""


def test_json_says_how_old_the_log_is_and_how_much_waits(desk: Desk) -> None:
    def lag(*words: str) -> tuple[float | None, int]:
        data = desk.does("ana", "log", "--json", *words).json["data"]
        return data["synced_seconds_ago"], data["waiting"]

    desk.does("ana", "note", "one", "--offline")
    assert lag("--offline") == (None, 1)
    seconds, waiting = lag()
    assert seconds is not None
    assert seconds < 60
    assert waiting == 0
    age(desk, "ana", minutes=9)
    desk.does("ana", "note", "two", "--offline")
    seconds, waiting = lag("--offline")
    assert seconds is not None
    assert 540 <= seconds < 600
    assert waiting == 1


def test_a_changelog_that_is_damaged_here_is_what_is_told_not_an_age(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    file = desk.folder / "ana" / "test" / "changelog.db"
    with contextlib.closing(sqlite3.connect(file)) as db:
        (page,) = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'place'").fetchone()
        (size,) = db.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as stream:
        stream.seek((page - 1) * size)
        stream.write(b"\xff" * size)
    desk.does("ben", "note", "two")
    said = desk.does("ana", "log", expect=None).stderr
    assert said.startswith(f"not shared with the others: the changelog {file} is damaged")
    assert "as of" not in said


@pytest.fixture
def black_hole() -> Iterator[int]:
    """A port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_an_upstream_that_hangs_costs_a_command_its_time_limit_once(
    desk: Desk, black_hole: int
) -> None:
    desk.configure(timeout="3s", upstream=f"postgresql://ana@127.0.0.1:{black_hole}/opskit")
    began = time.monotonic()
    desk.does("ana", "log", "--offline")
    alone = time.monotonic() - began
    began = time.monotonic()
    said = desk.does("ana", "note", "in spite of it")
    took = time.monotonic() - began - alone
    address = rf"postgresql://(ana@)?127\.0\.0\.1:{black_hole}/opskit"
    assert re.search(f"^never synced: {address} does not answer", said.stderr)
    assert took < 8, "connecting, pushing and leaving do not wait one after the other"
    assert desk.texts("ana", "--offline") == ["in spite of it"]


def test_sync_says_what_came_and_went_and_fails_if_it_cannot(desk: Desk) -> None:
    desk.does("ana", "note", "one", "--offline")
    assert "0 events came, 1 went" in desk.does("ana", "changelog", "sync").stdout
    done = desk.does("ben", "changelog", "sync", "--json").json["data"]["sync"]
    assert (done["pulled"], done["pushed"]) == (1, 0)
    desk.share.unlink()
    failed = desk.does("ben", "changelog", "sync", expect=1)
    assert "is not there" in failed.stderr
    assert "opskit changelog init" in failed.stderr


def test_without_an_upstream_sync_says_how_to_get_one(desk: Desk) -> None:
    (desk.folder / "opskit.toml").write_text(CONFIG.format(changelog=""))
    failed = desk.does("ana", "changelog", "sync", expect=2)
    assert "has no upstream" in failed.stderr
    assert desk.does("ana", "note", "alone").stderr == ""


def test_another_log_is_an_alarm_in_every_command_and_nothing_goes_there(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    desk.share.unlink()
    desk.does("ben", "changelog", "init")
    said = desk.does("ana", "log")
    assert "is another log" in said.stderr
    assert "one" in said.stdout
    assert desk.texts("ben") == []
    desk.does("ana", "changelog", "sync", "--accept-new-log")
    assert desk.texts("ben") == ["one"]
    verified = desk.does("ana", "changelog", "verify").stdout
    assert "once, on " in verified
    assert "(other log)" in verified, "it is over, and not forgotten"
    assert "all as written" in verified


def test_verify_says_what_it_could_not_check(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    said = desk.does("ana", "changelog", "verify")
    assert said.stdout.splitlines()[0] == "1 event, all as written"
    assert f"file://{desk.share}: 1 place, all as here" in said.stdout
    assert said.stderr == ""
    assert desk.does("ana", "changelog", "verify", "--json").json["data"]["upstream"]["checked"]
    said = desk.does("ana", "changelog", "verify", "--offline")
    assert "only what is here was checked: the upstream was not asked" in said.stderr
    desk.share.unlink()
    said = desk.does("ana", "changelog", "verify", expect=3)
    assert "only what is here was checked: " in said.stderr
    assert "is not there" in said.stderr
    found = desk.does("ana", "changelog", "verify", "--json", expect=3).json
    assert (found["status"], found["data"]["upstream"]["checked"]) == ("partial", False)


def test_events_of_others_that_are_not_upstream_are_told(desk: Desk) -> None:
    for number in range(5):
        desk.does("ben", "note", f"number {number}")
    desk.does("ana", "log")
    for key in (desk.folder / "ben").rglob("*"):
        key.unlink() if key.is_file() else None
    desk.share.unlink()
    desk.does("ana", "changelog", "init")
    said = desk.does("ana", "changelog", "sync", "--accept-new-log").stderr
    assert "5 events that others wrote are here, and not upstream" in said
    assert "--relay" in said
    assert "--relay" in desk.does("ana", "changelog", "verify").stderr
    findings = desk.does("ana", "doctor", "--json", expect=None).json["data"]["findings"]
    (found,) = [each for each in findings if each["area"] == "upstream"]
    assert "5 events that others wrote are here" in found["what"]
    assert "not upstream" not in desk.does("ana", "changelog", "sync", "--relay").stderr
    assert len(desk.texts("cleo")) == 5


def test_what_a_rebuilt_laptop_wrote_before_goes_to_a_new_upstream_by_itself(desk: Desk) -> None:
    for number in range(5):
        desk.does("ben", "note", f"number {number}")
    desk.does("ben", "changelog", "rebuild", "--from", "upstream", "-y")
    desk.share.unlink()
    desk.does("ana", "changelog", "init")
    said = desk.does("ben", "changelog", "sync", "--accept-new-log")
    assert "5 went" in said.stdout
    assert said.stderr == ""
    assert len(desk.texts("ana")) == 5


def test_a_redaction_reaches_everybody_and_nothing_of_the_secret_is_left(desk: Desk) -> None:
    desk.does("ana", "note", "the password is hunter2")
    shown = desk.does("ben", "log", "--json").json["data"]["entries"][0]
    assert shown["text"] == "the password is hunter2"
    missing = desk.does("ben", "changelog", "redact", shown["id"], "-y", expect=2)
    assert "wants its reason" in missing.stderr
    desk.does("ben", "changelog", "redact", shown["id"], "-m", "a password", "-y")
    for who in ("ana", "cleo"):
        assert "hunter2" not in desk.does(who, "log").stdout
        assert "hunter2" not in desk.does(who, "log", "--grep", "hunter2").stdout
        assert desk.does(who, "changelog", "verify").exit == 0
        assert "redacted" in desk.does(who, "changelog", "show", shown["id"]).stdout
    for file in desk.folder.rglob("*"):
        assert not file.is_file() or b"hunter2" not in file.read_bytes(), file
    again = desk.does("ben", "changelog", "redact", shown["id"], "-m", "x", "-y", expect=1)
    assert "redacted already" in again.stderr


def test_an_event_that_verifies_others_cannot_be_redacted(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    entry = desk.does("ana", "log", "--json").json["data"]["entries"][0]
    desk.does("ana", "changelog", "redact", entry["id"], "-m", "x", "-y")
    lines = desk.does("ana", "changelog", "export").stdout.splitlines()
    assert len(lines) == 3
    said = desk.does("ana", "changelog", "redact", "zz", "-m", "x", "-y", expect=2)
    assert "no event 'zz'" in said.stderr


def test_an_export_taken_in_elsewhere_gives_the_same_bytes(desk: Desk) -> None:
    for number in range(5):
        desk.does("ana", "note", f"number {number}")
    desk.does("ben", "note", "ben's")
    file = desk.folder / "all.jsonl"
    desk.does("ana", "changelog", "export", file)
    assert "is there already" in desk.does("ana", "changelog", "export", file, expect=1).stderr
    said = desk.does("cleo", "changelog", "import", file, "--json", OPSKIT_OFFLINE="1").json
    assert said["data"] == {"new": 6, "known": 0, "refused": []}
    assert desk.does("cleo", "changelog", "export", "--offline").stdout == file.read_text()
    lines = file.read_text().splitlines()
    broken = desk.folder / "broken.jsonl"
    broken.write_text("\n".join([*lines[:3], lines[3][:-9], *lines[4:], "not json"]) + "\n")
    done = desk.does("dan", "changelog", "import", broken, expect=1)
    assert "line 4" in done.stderr
    assert "line 8" in done.stderr


def test_the_doctor_says_how_the_upstream_is_and_changes_nothing(desk: Desk) -> None:
    def found(who: str) -> list[tuple[str, str]]:
        findings = desk.does(who, "doctor", "--json", expect=None).json["data"]["findings"]
        return [(each["level"], each["what"]) for each in findings if each["area"] == "upstream"]

    (fresh,) = found("ana")
    assert fresh[0] == "ok"
    desk.does("ana", "note", "x", "--offline")
    (waiting,) = found("ana")
    assert waiting[0] == "warn"
    assert "1 event of this machine waits for it" in waiting[1]
    desk.does("ana", "log")
    assert found("ana")[0][0] == "ok"
    desk.share.unlink()
    assert found("ana")[0][0] == "bad"
    desk.does("ben", "changelog", "init")
    assert "is another log" in found("ana")[0][1]
    desk.does("ana", "changelog", "sync", expect=1)
    assert found("ana")[-1][0] == "warn", "an alarm is kept"


@pytest.fixture
def light(tmp_path: Path, hosts: Hosts) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", hosts)
    yield made
    made.end()


def test_offline_refuse_begins_nothing_that_the_others_cannot_see_but_a_rollback(
    light: Light,
) -> None:
    toml = light.folder / "opskit.toml"
    share = light.folder.parent / "log"
    lines = f'upstream = "file://{share}"\noffline = "refuse"\ntimeout = "60s"\n'
    toml.write_text(toml.read_text().replace('name = "test"\n', f'name = "test"\n{lines}'))
    light.opskit("changelog", "init")
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    share.rename(share.with_name("away"))
    before = light.live()
    refused = light.deploy("v1", expect=5)
    assert "the others cannot see this" in refused.stderr
    assert 'offline = "spool"' in refused.stderr
    assert "--offline" not in refused.stderr, "that is refused, too"
    assert light.live() == before
    assert light.log()[0]["outcome"] == "refused"
    light.restart("-H", "web01", expect=5)
    refused = light.deploy("v1", "--offline", expect=5)
    assert f"the others cannot see this: {OFFLINE}" in refused.stderr
    assert light.live() == before
    assert light.deploy("v1", "--offline", "--dry-run").exit == 0
    light.rollback("--offline")
    assert light.live() == light.on_all("v1")
    toml.write_text(toml.read_text().replace('"refuse"', '"spool"'))
    light.deploy("v2", "--offline")
    assert light.live() == light.on_all("v2")
    share.with_name("away").rename(share)
    light.log()
    shown = light.opskit("log", "--json", env={"OPSKIT_STATE_DIR": str(light.folder / "ben")}).json
    assert len(shown["data"]["entries"]) == 7, "all that waited has come"


def test_without_an_upstream_it_is_the_configuration_that_is_wrong(desk: Desk) -> None:
    (desk.folder / "opskit.toml").write_text(CONFIG.format(changelog=""))
    for command in ("sync", "init"):
        said = desk.does("ana", "changelog", command, expect=2).stderr
        assert said.startswith(
            "opskit: this changelog has no upstream\n  say where in opskit.toml"
        )
    data = desk.does("ana", "log", "--json").json["data"]
    assert (data["synced_seconds_ago"], data["waiting"]) == (None, 0)


def test_json_names_the_subcommand(desk: Desk) -> None:
    desk.does("ana", "note", "one")
    id = desk.does("ana", "log", "--json").json["data"]["entries"][0]["id"]
    told = {"show": (id,), "export": ("lines",), "import": ("lines",), "rebuild": ("-y", "--from", "itself"),
            "redact": (id, "-y", "-m", "x")}  # fmt: skip
    for name in ("init", "sync", "writers", "verify", "hooks", *told):
        done = desk.does("ana", "changelog", name, *told.get(name, ()), "--json")
        assert done.json["command"] == f"changelog {name}"
    for name in changelog.commands:
        done = desk.does("ana", "changelog", name, "--json", "--bogus", expect=2)
        assert done.json["command"] == f"changelog {name}"
