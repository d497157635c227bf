"""`opskit freeze` and windows of opskit.toml: refused is all but a rollback, on every laptop, unless somebody says why."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog.clock import since_boot
from opskit.changelog.machine import boot
from tests.support.light import Light

if TYPE_CHECKING:
    from tests.support.hosts import Hosts

ONE = {"hosts": '"web01"', "batches": "[1]"}
CHANGES = {
    "deploy": ("deploy", "shop", "v1", "-y"),
    "restart": ("restart", "shop", "-y"),
    "run": ("run", "hello", "-H", "web01"),
    "exec": ("exec", "-H", "web01", "true"),
}
TASKS = (
    'from fabric import task\n\n@task\ndef hello(c):\n    """Greet."""\n    c.run("echo hello")\n'
)


@pytest.fixture
def two(light: Light) -> Light:
    """A service on one host, v1 and then v2, and a task."""
    light.configure(**ONE)
    (light.folder / "tasks.py").write_text(TASKS)
    light.commit("v2")
    light.deploy("v1")
    light.deploy("v2")
    return light


def window(*, after: timedelta, length: timedelta = timedelta(hours=2)) -> str:
    """Give a window that begins so long after now."""
    start = datetime.now(UTC) + after
    return f'["{start:%Y-%m-%d %H:%M} to {start + length:%Y-%m-%d %H:%M} UTC"]'


HOUR = timedelta(hours=1)


def test_a_freeze_refuses_every_change_before_a_host_is_asked(two: Light) -> None:
    two.opskit("freeze", "-m", "Black Friday", env={"OPSKIT_ACTOR": "bo"})
    before, known = two.tree(), len(two.log())
    for change in CHANGES.values():
        done = two.opskit(*change, expect=5)
        first, *hints = done.stderr.splitlines()
        assert first.startswith("opskit: production is frozen by bo (")
        assert first.endswith("): Black Friday")
        assert "--override-freeze REASON" in "".join(hints)
        assert "opskit thaw -e production -m WHY" in "".join(hints)
        assert (two.tree(), len(two.log())) == (before, known), change
    two.opskit("thaw", "-m", "it is over")
    for change in CHANGES.values():
        two.opskit(*change)


def overridden(kind: str, reason: str) -> list[str]:
    """Give the command with the option where its own options stand."""
    words = [*CHANGES[kind]]
    place = 1 if kind == "exec" else 2
    return [*words[:place], "--override-freeze", reason, *words[place:]]


def test_a_reason_goes_ahead_and_stands_in_the_log(two: Light) -> None:
    two.opskit("freeze", "-m", "Black Friday")
    for number, kind in enumerate(CHANGES):
        why = f"the till is down {number}"
        assert "needs a reason" in two.opskit(*overridden(kind, " "), expect=2).stderr
        two.opskit(*overridden(kind, why))
        (override,) = two.last()["overrides"]
        assert (override["rule"], override["why"]) == ("freeze", why)
        page = two.opskit("log", two.last()["id"]).stdout
        assert f"override  {why} (freeze: production is frozen by " in page
        assert two.opskit("log").stdout.count("[override]") == number + 1


def test_a_rollback_is_never_stopped_by_a_freeze_and_told_of_it(two: Light) -> None:
    two.opskit("freeze", "-m", "Black Friday")
    done = two.rollback("-m", "v2 loses orders")
    assert two.live_on("web01") == "v1"
    assert "production is frozen by" in done.stderr
    assert "a rollback is allowed all the same" in done.stderr
    assert any("production is frozen" in remark for remark in two.last()["remarks"])
    assert two.last()["overrides"] == []


def test_a_dry_run_and_status_say_what_is_frozen(two: Light) -> None:
    two.opskit("freeze", "shop", "-m", "the auditors look", "--until", "2h")
    shown = two.opskit("deploy", "shop", "v1", "-n").stdout
    assert "note: shop in production is frozen until " in shown
    assert "so this would be refused" in shown
    over = two.opskit("deploy", "shop", "v1", "-n", "--override-freeze", "they agreed").stdout
    assert "note: overridden: they agreed" in over
    assert "shop in production is frozen until " in two.opskit("status").stdout
    (freeze,) = two.opskit("status", "--json").json["data"]["services"][0]["freezes"]
    assert (freeze["service"], freeze["why"]) == ("shop", "the auditors look")
    assert "note: shop in production" in two.opskit("rollback", "shop", "-n").stdout


def test_a_freeze_of_one_service_stops_nothing_else(two: Light) -> None:
    two.opskit("freeze", "shop", "-m", "x")
    two.opskit("exec", "-H", "web01", "true")
    two.opskit("run", "hello", "-H", "web01")
    two.deploy("v1", expect=5)


def test_a_freeze_everywhere_stops_all_and_a_thaw_ends_only_what_it_names(two: Light) -> None:
    two.opskit("freeze", "--everywhere", "-m", "the network is being moved")
    two.opskit("freeze", "shop", "-m", "and shop for itself")
    assert "and 1 more" in two.deploy("v1", expect=5).stderr
    assert "everything is frozen" in two.opskit("exec", "-H", "web01", "true", expect=5).stderr
    wrong = two.opskit("thaw", "-m", "done", expect=2)
    assert "no such freeze" in wrong.stderr
    assert "everything is frozen" in wrong.stderr
    two.opskit("thaw", "--everywhere", "-m", "moved")
    two.opskit("exec", "-H", "web01", "true")
    assert "shop in production" in two.deploy("v1", expect=5).stderr
    two.opskit("thaw", "shop", "-m", "done")
    two.deploy("v1")
    log = two.opskit("log", "--kind", "freeze").stdout
    assert "freeze everywhere" in log
    assert "freeze shop" in log
    assert "and shop for itself" in log
    assert two.opskit("log", "--kind", "thaw").stdout.count("thaw") == 2


def test_a_freeze_ends_by_itself(two: Light) -> None:
    two.opskit("freeze", "-m", "a moment", "--until", "2h")
    two.deploy("v1", expect=5)
    set_clock_off(two, 3 * HOUR)
    two.deploy("v1")
    assert "frozen" not in two.opskit("status").stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("freeze",), "a reason is needed"),
        (("freeze", "-m", " "), "a reason is needed"),
        (("freeze", "-m", "x" * 2001), "longer than 2000"),
        (("freeze", "-m", "x", "--until", "yesterday"), "has passed"),
        (("freeze", "-m", "x", "--until", "later"), "cannot read the time"),
        (("freeze", "shup", "-m", "x"), "did you mean 'shop'"),
        (("freeze", "shup", "--everywhere", "-m", "x"), "did you mean 'shop'"),
        (("freeze", "--everywhere", "-e", "production", "-m", "x"), "leave out one of the two"),
        (("thaw", "-m", "x"), "no such freeze"),
    ],
)
def test_a_freeze_that_makes_no_sense_is_told(light: Light, words: Any, said: str) -> None:
    assert said in light.opskit(*words, expect=2).stderr
    assert light.log() == []


@pytest.mark.parametrize("where", ["environment", "service"])
def test_a_window_of_the_configuration_refuses_while_it_is_open(two: Light, where: str) -> None:
    def configure(freeze: str) -> None:
        two.configure(**ONE, **({"freeze": freeze} if where == "service" else {}))
        if where == "environment":
            file = two.folder / "opskit.toml"
            text = file.read_text()
            file.write_text(text.replace("require_why", f"freeze = {freeze}\nrequire_why", 1))

    for after in (-3 * HOUR, HOUR):
        configure(window(after=after))
        two.deploy("v1")
    configure(window(after=-HOUR))
    refused = two.deploy("v2", expect=5)
    assert refused.stderr.startswith(
        f"opskit: {'shop in ' if where == 'service' else ''}production is frozen until "
    )
    assert "by its window" in refused.stderr
    assert "opskit thaw" not in refused.stderr
    two.rollback()
    two.deploy("v2", "--override-freeze", "the boss said so")


def test_a_clock_that_is_known_to_be_wrong_is_set_right_and_told(two: Light) -> None:
    """The upstream's clock is three hours ahead of this machine's; so is the window."""
    two.configure(**ONE, freeze=window(after=2 * HOUR))
    two.deploy("v1")
    set_clock_off(two, 3 * HOUR)
    refused = two.deploy("v2", expect=5)
    assert "is frozen until" in refused.stderr
    assert "the clock of this machine is 180 min slow" in refused.stderr
    two.configure(**ONE, freeze=window(after=-HOUR))
    two.deploy("v2")


def set_clock_off(light: Light, off: timedelta) -> None:
    """Let the changelog know what a sync with an upstream finds out."""
    query = (
        "INSERT INTO clock (one, offset_ms, error_ms, boot, since_boot_ms) VALUES (1, ?, 10, ?, ?)"
    )
    file = Path(os.environ["OPSKIT_STATE_DIR"]) / "test" / "changelog.db"
    with contextlib.closing(sqlite3.connect(file)) as db, db:
        db.execute(query, (int(off.total_seconds() * 1000), boot(), since_boot()))


class Two:
    """Two laptops that share a changelog by a file."""

    def __init__(self, folder: Path, hosts: Hosts) -> None:
        self.light = Light.create(folder / "project", hosts)
        self.light.configure()
        file = self.light.folder / "opskit.toml"
        text = file.read_text()
        share = f'name = "test"\nupstream = "file://{folder}/share/log"\ntimeout = "60s"'
        file.write_text(text.replace('name = "test"', share, 1))
        self.folder = folder
        self.does("ana", "changelog", "init")

    def does(self, who: str, *words: object, expect: int | None = 0) -> Any:
        env = {"OPSKIT_STATE_DIR": str(self.folder / who), "OPSKIT_ACTOR": who}
        return self.light.opskit(*words, env=env, expect=expect)


def test_everybodys_laptop_obeys_after_the_next_pull(tmp_path: Path, hosts: Hosts) -> None:
    team = Two(tmp_path, hosts)
    team.does("ana", "deploy", "shop", "v1", "-y")
    team.does("ana", "freeze", "-m", "the database is being moved")
    refused = team.does("bo", "restart", "shop", "-y", expect=5)
    assert "frozen by ana (" in refused.stderr
    team.does("bo", "thaw", "-m", "it is moved")
    team.does("ana", "restart", "shop", "-y")
