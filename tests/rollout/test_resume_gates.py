"""A resumed rollout has the gates it began with: hosts that go back by themselves, a check between batches, a way back for all."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from tests.rollout.test_deadman import DIES, waits
from tests.rollout.test_locks import WAIT, let_go
from tests.rollout.test_resume import killed, resumed
from tests.support.light import finish, wait_for_file
from tests.support.processes import at_home
from tests.support.waiting import until

if TYPE_CHECKING:
    from tests.support.light import Light


def test_a_host_that_waits_for_a_word_gets_it_from_who_resumes(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT), confirm_within='"1h"')
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.kill()
    finish(process)
    let_go(light)
    assert waits(light.place("web01"))
    light.configure(confirm_within='"1h"')
    resumed(light, str(light.log()[0]["id"]))
    assert light.live() == light.on_all("v2")
    until(lambda: not any(waits(light.place(name)) for name in light.hosts.names))
    assert not list(light.place("web01", ".opskit").glob("confirm.*"))


@pytest.mark.parametrize("revert", [False, True])
def test_a_host_that_went_back_by_itself_counts_as_one_that_failed(
    light: Light, revert: bool
) -> None:
    light.commit("v2")
    light.deploy("v1")
    short = {"restart_timeout": '"1500ms"', "confirm_within": '"3s"', "health": None}
    light.configure(restart=json.dumps(f"{DIES}; {WAIT}"), **short)
    process = light.start("deploy", "shop", "v2", "-y")
    (light.hosts.folder("web01") / "laptop").write_text(str(process.pid))
    assert finish(process)[0] == -signal.SIGKILL
    until(lambda: light.live_on("web01") == "v1", what="it has gone back")
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="all have ended")
    light.configure(confirm_within='"1h"')
    rollout = str(light.log()[0]["id"])
    if revert:
        resumed(light, rollout, "--revert")
        assert light.last()["outcome"] == "reverted"
    else:
        said = resumed(light, rollout, expect=5).stdout
        assert "went back by itself" in said
        assert light.outcomes() == light.on_all("skipped") | {"web01": "reverted"}
    assert light.live() == light.on_all("v1")
    assert light.locks() == []


def test_the_way_back_for_all_is_kept_when_it_is_resumed(light: Light) -> None:
    rollout = killed(light, on_failure='"rollback"', batches="[1, 1]")
    light.configure(batches="[1, 1]")
    light.make_sick("web02", "v2")
    resumed(light, rollout, expect=5)
    assert light.live() == light.on_all("v1")
    assert light.outcomes()["web01"] == "reverted"
    assert light.locks() == []


def test_the_check_between_batches_is_asked_again(light: Light) -> None:
    rollout = killed(light)
    light.configure(gate=json.dumps('echo "no: $OPSKIT_HOSTS"; false'))
    resumed(light, rollout, expect=3)
    assert light.live() == light.on_all("v1") | {"web01": "v2"}
    light.configure()
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")


def test_what_would_stop_again_at_once_is_refused_with_the_way_to_the_rest(light: Light) -> None:
    light.configure(batches="[1, 1]")
    light.commit("v2")
    light.deploy("v1")
    light.make_sick("web02", "v2")
    light.deploy("v2", expect=3)
    rollout = str(light.log()[0]["id"])
    refused = light.opskit("resume", rollout, expect=5)
    assert "web02 was put back" in refused.stderr
    anew = refused.stderr.partition("the rest anew: opskit ")[2].partition(";")[0]
    assert f"-H @failed:{rollout}" in anew
    assert light.log()[0]["resumed"] == []
    light.opskit("resume", rollout, "--revert", "-y")
    page = light.opskit("log", rollout).stdout
    assert ": the last run took " in page
    (light.hosts.folder("web02") / "sick").unlink()
    light.opskit(*anew.split(), "-y")
    assert light.live() == light.on_all("v2")


def test_what_cannot_be_taken_back_is_not(light: Light) -> None:
    light.commit("v2", subject="v2\n\nIrreversible: drops orders.note")
    light.deploy("v1")
    light.configure(restart=json.dumps(WAIT))
    process = light.start("deploy", "shop", "v2", "-y")
    wait_for_file(light.hosts.folder("web01") / "waits")
    process.kill()
    finish(process)
    let_go(light)
    until(lambda: not at_home([light.hosts.folder("web01")]), what="all have ended")
    light.configure()
    rollout = str(light.log()[0]["id"])
    done = resumed(light, rollout, "--revert", expect=5)
    assert "drops orders.note" in done.stderr
    assert "--past-irreversible" in done.stderr
    resumed(light, rollout)
    assert light.live() == light.on_all("v2")
