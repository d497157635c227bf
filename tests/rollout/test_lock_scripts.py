"""The lock's scripts do on every shell what they promise: one run holds a host, and only while it may."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from opskit.rollout import layout, lockfile
from tests.rollout.shells import SHELLS, TOOLS, Place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=sorted(SHELLS))
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    return Place(tmp_path, SHELLS[request.param])


@pytest.fixture
def here(tmp_path: Path) -> Place:
    return Place(tmp_path, SHELLS["sh"])


def test_a_free_host_is_taken_and_shown_to_be(place: Place) -> None:
    assert place.lock() == "taken"
    (lock,) = place.probe().locks
    assert (lock.rollout, lock.actor, lock.action) == ("run1", "ana", "deploy")
    assert 890 <= lock.until - lock.since <= 900


def test_a_held_host_says_by_whom_and_nothing_is_taken(place: Place) -> None:
    place.lock()
    assert place.lock("run2").startswith("held v1:run1:ana:")
    assert place.locks() == ["run1"]


def test_a_lock_says_why_and_who_goes_on_and_keeps_both_when_it_is_renewed(place: Place) -> None:
    why = "it's; 5:3 → 100 %"
    script = lockfile.lock(
        place.path, rollout="run1~c0ffee", actor="ana", action="deploy", seconds=900, why=why
    )
    place.run(script)
    place.run(layout.guard(place.path, rollout="run1~c0ffee", seconds=1800))
    (lock,) = place.probe().locks
    assert (lock.rollout, lock.run, lock.owner) == ("run1", "c0ffee", "run1~c0ffee")
    assert (lock.action, lock.why) == ("deploy", why)
    assert place.lock("run1").startswith("held v1:run1~c0ffee:"), "the dead run is not who goes on"
    place.run(place.guard("run1"), expect=layout.LOCK_LOST)


def test_the_longest_lock_fits_into_a_link(place: Place) -> None:
    script = lockfile.lock(
        place.path, rollout="r" * 40, actor="é" * 200, action="a" * 50, seconds=9, why="€" * 2000
    )
    place.run(script)
    (lock,) = (place.opskit / "locks").iterdir()
    assert len(str(lock.readlink())) < 1000
    assert place.probe().locks[0].why.endswith("€...")


def test_a_lock_of_an_older_opskit_and_a_name_that_is_none_are_read_with_care(here: Place) -> None:
    end = int(time.time()) + 60
    known = {"old": f"v1:run1:ana:1:{end}:deploy", "odd": f"v1:..%2Fx:eve:1:{end}:deploy"}
    here.lock()
    for name, data in known.items():
        (here.opskit / "locks" / name).symlink_to(data)
    (here.opskit / "locks" / "run1").unlink()
    (lock,) = here.probe().locks
    assert (lock.owner, lock.why) == ("run1", "")


def test_the_key_of_a_rollout_stays_private_and_until_it_is_done(place: Place) -> None:
    script = lockfile.lock(
        place.path, rollout="run1~c0ffee", actor="a", action="x", seconds=9, keyed=True
    )
    key = place.opskit / "heirs" / "run1"
    place.run(script, input=b"")
    assert not key.exists() or key.read_text() == ""
    place.run(script, input=b"c0ffee\n")
    assert key.read_text() == "c0ffee\n"
    assert (key.stat().st_mode & 0o777, key.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    place.run(lockfile.unlock(place.path, rollout="run1~c0ffee"))
    assert key.exists()
    place.run(lockfile.unlock(place.path, rollout="run2", keys="own"))
    assert key.exists()
    place.run(lockfile.unlock(place.path, rollout="run1", keys="own"))
    assert not key.parent.exists()
    place.run(script, input=b"c0ffee\n")
    place.run(lockfile.unlock(place.path, rollout="run1~c0ffee", keys="all"))
    assert not key.parent.exists()
    assert place.locks() == []


def test_a_lock_that_has_run_out_is_cleared_away(place: Place) -> None:
    place.write_lock("old", left=-1)
    assert place.lock() == "taken"
    assert place.locks() == ["run1"]


@pytest.mark.parametrize("data", ["", "junk", "v1:a:b:c:d:e", "v1:a:b:1::deploy", "a:-5:b"])
def test_a_lock_that_is_none_holds_nobody(here: Place, data: str) -> None:
    lock = here.write_lock("junk", left=9)
    lock.unlink()
    if data:
        lock.symlink_to(data)
    assert here.lock() == "taken"


def test_an_unlocked_host_is_free_and_what_a_killed_renewal_left_is_gone(place: Place) -> None:
    place.lock()
    (place.opskit / "renewed.run1").symlink_to("v1:run1:ana:1:9999999999:deploy")
    place.run(lockfile.unlock(place.path, rollout="run1"))
    assert list(place.opskit.glob("renewed.*")) == []
    assert place.lock("run2") == "taken"


def test_of_many_at_the_same_moment_never_two_hold_the_host(place: Place) -> None:
    go = place.home / "go"
    taken = 0
    for round_ in range(12):
        scripts = [
            lockfile.lock(place.path, rollout=f"r{round_}n{n}", actor="a", action="x", seconds=60)
            for n in range(4)
        ]
        go.unlink(missing_ok=True)
        started = [place.start(f"while [ ! -e go ]; do :; done\n{script}") for script in scripts]
        go.touch()
        said = [process.communicate(timeout=100)[0].decode().strip() for process in started]
        assert said.count("taken") <= 1
        assert all(word == "taken" or word.startswith("held ") for word in said)
        taken += said.count("taken")
        for lock in (place.opskit / "locks").iterdir():
            lock.unlink()
    assert taken, "nobody ever got the lock"


def test_the_guard_lets_the_owner_pass_and_renews(place: Place) -> None:
    lock = place.write_lock("run1", left=300)
    place.run(f"{place.guard()}\ntouch passed")
    assert (place.home / "passed").exists()
    *head, since, until, action = lock.readlink().name.split(":")
    assert (head, action) == (["v1", "run1", "ana"], "deploy")
    assert int(until) - int(since) >= 1799


def test_the_guard_refuses_with_75_when_the_lock_is_gone(place: Place) -> None:
    place.lock("another")
    done = place.run(f"{place.guard()}\ntouch passed", expect=layout.LOCK_LOST)
    assert b"the lock of this run is gone" in done.stderr
    assert not (place.home / "passed").exists()
    assert place.locks() == ["another"]


def test_the_guard_takes_up_a_lock_that_ran_out_but_that_nobody_took(place: Place) -> None:
    place.write_lock("run1", left=-500)
    place.run(place.guard())
    assert place.lock("run2").startswith("held v1:run1:")


def test_a_try_of_another_does_not_disturb_a_run_that_holds_the_host(place: Place) -> None:
    place.write_lock("run1", left=300)
    place.write_lock("run2", left=900)
    place.run(place.guard())


def test_a_killed_renewal_does_not_stop_the_next_step(place: Place) -> None:
    place.lock()
    (place.opskit / "renewed.run1").symlink_to("v1:run1:ana:1:2:deploy")
    place.run(place.guard())
    assert [lock.rollout for lock in place.probe().locks] == ["run1"]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("tool", ["date", "readlink", "rm", "ln", "mv"])
def test_a_late_owner_and_a_newcomer_never_both_go_on(here: Place, tool: str, moment: str) -> None:
    here.write_lock("run1", left=-1)
    newcomer = lockfile.lock(here.path, rollout="run2", actor="ben", action="deploy", seconds=900)
    shim(here, tool, moment, newcomer)
    late = here.run(f"{here.guard()}\necho passed", expect=None, path=here.home / "shims")
    assert late.returncode in (0, layout.LOCK_LOST)
    other = (here.home / "said").read_text().strip()
    assert (late.stdout == b"passed\n") != (other == "taken"), "both or neither"
    assert here.locks() == (["run1"] if late.returncode == 0 else ["run2"])


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("tool", ["date", "readlink", "rm", "ln", "mv"])
def test_a_lock_that_is_broken_while_it_is_renewed_is_not_there_again(
    here: Place, tool: str, moment: str
) -> None:
    here.write_lock("run1", left=300)
    broken = lockfile.break_open(here.path, rollout="run1")
    newcomer = lockfile.lock(here.path, rollout="run2", actor="ben", action="deploy", seconds=900)
    shim(here, tool, moment, f"{broken}\n{newcomer}")
    late = here.run(f"{here.guard()}\necho passed", expect=None, path=here.home / "shims")
    assert (here.home / "said").read_text() == "taken\n"
    assert (late.returncode, late.stdout) == (layout.LOCK_LOST, b""), "both hold the host"
    assert here.locks() == ["run2"]


def test_that_a_lock_was_broken_is_forgotten_after_a_day(place: Place) -> None:
    for rollout, age in (("old", lockfile.LONGEST + 60), ("new", 60)):
        (place.opskit / f"broken.{rollout}").parent.mkdir(parents=True, exist_ok=True)
        (place.opskit / f"broken.{rollout}").symlink_to(str(int(time.time()) - age))
    (place.opskit / "broken.odd").symlink_to("x;touch owned")
    assert place.lock() == "taken"
    assert [each.name for each in place.opskit.glob("broken.*")] == ["broken.new"]
    place.run(lockfile.break_open(place.path, rollout="run1"))
    assert place.locks() == []
    assert (place.opskit / "broken.run1").is_symlink()


@pytest.mark.parametrize(
    ("left", "code"), [(300, 0), (30, layout.LOCK_LOST), (-1, layout.LOCK_LOST)]
)
@pytest.mark.parametrize("tool", ["ln", "mv"])
def test_a_lock_that_cannot_be_renewed_holds_to_its_old_end_and_no_longer(
    here: Place, tool: str, left: int, code: int
) -> None:
    here.write_lock("run1", left=left)
    (here.home / "shims").mkdir()
    (here.home / "shims" / tool).symlink_to("/bin/false")
    done = here.run(f"{here.guard()}\necho passed", expect=code, path=here.home / "shims")
    assert (done.stdout == b"passed\n") == (code == 0)


def test_a_folder_of_locks_that_is_a_link_is_refused(here: Place) -> None:
    (here.root / "elsewhere").mkdir(parents=True)
    here.opskit.mkdir()
    (here.opskit / "locks").symlink_to(here.root / "elsewhere")
    script = lockfile.lock(here.path, rollout="run1", actor="a", action="x", seconds=9)
    here.run(script, expect=73)


def test_a_command_does_not_run_where_the_lock_is_lost(place: Place) -> None:
    place.stage({"a": ""})
    place.switch("R1")
    script = layout.run_in_current(place.path, "cat; exit 7", guarded=place.guard())
    assert place.run(script, input=b"said", expect=7).stdout == b"said"
    place.run(lockfile.unlock(place.path, rollout="run1"))
    assert place.run(script, expect=layout.LOCK_LOST).stdout == b""


def test_a_line_that_was_broken_off_does_not_swallow_the_next(place: Place) -> None:
    place.stage({"a": ""})
    (place.opskit / "history").write_text("good R0 run0 1\ngood R")
    (place.opskit / "receipts").write_text('{"to": "R')
    place.switch("R1")
    place.run(f"{place.guard()}\n{layout.mark('good', release='R1', rollout='run1')}")
    assert place.probe().good[-1] == "R1"
    assert (place.opskit / "receipts").read_text().splitlines()[-1] == "{}"


def shim(place: Place, tool: str, moment: str, script: str) -> None:
    """Let a script run once, just before or after `tool` does its work."""
    folder = place.home / "shims"
    folder.mkdir()
    (folder / "script").write_text(script)
    once = (
        f'if mkdir "{folder}/once" 2>/dev/null; then PATH="{os.environ["PATH"]}" '
        f'/bin/sh "{folder}/script" >"{place.home}/said"; fi'
    )
    real = f'{TOOLS / tool} "$@" || exit $?'
    lines = [once, real] if moment == "before" else [real, once]
    (folder / tool).write_text("\n".join(["#!/bin/sh", *lines, ""]))
    (folder / tool).chmod(0o755)
