"""Who goes on with a rollout acts on what hosts said when he was asked: what a colleague did on them since, he is told of under the lock."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
from typing import TYPE_CHECKING

import pytest

from opskit.cli.stopping import SAID
from tests.rollout.test_locks import held, let_go
from tests.rollout.test_resume import killed, resumed, send
from tests.support.cli import command
from tests.support.light import finish, hear, interrupt, wait_for_file
from tests.support.terminal import all_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.light import Light


def interrupted(light: Light) -> str:
    """Stop a deploy of v2 when web01 has it and the others have not; gives its id."""
    process = held(light)
    process.send_signal(2)
    hear(process, SAID[1])
    let_go(light)
    assert finish(process)[0] == 130
    light.configure()
    assert light.live() == light.on_all("v1") | {"web01": "v2"}
    return str(light.log()[0]["id"])


@pytest.mark.parametrize("what", ["takes it back", "goes on and fails"])
def test_what_a_colleague_did_between_the_plan_and_the_lock_is_not_gone_over(
    light: Light, tmp_path: Path, what: str
) -> None:
    ben = {"OPSKIT_STATE_DIR": str(tmp_path / "other laptop"), "OPSKIT_ACTOR": "ben"}
    rollout = interrupted(light)
    send(light, tmp_path / "ana's", to=ben)
    gone = light.place("web04", "releases", light.release("web01"))
    gone.rename(light.folder / "gone")
    begun, built = tmp_path / "begun", tmp_path / "built"
    light.configure(build=waiting(begun, built))
    late = light.start("resume", rollout, "-y", env={"OPSKIT_ACTOR": "ana"})
    wait_for_file(begun)
    light.configure()
    if what == "takes it back":
        resumed(light, rollout, "--revert", env=ben)
    else:
        sick = light.hosts.folder("web02") / "sick"
        sick.write_text("v2")
        resumed(light, rollout, env=ben, expect=None)
        sick.unlink()
    as_ben_left_it = light.live()
    assert as_ben_left_it["web02"] == "v1"
    built.touch()
    code, _, complaint = finish(late)
    assert (code, light.live()) == (5, as_ben_left_it), complaint
    assert "changed since this was planned" in complaint
    assert light.locks() == []
    send(light, tmp_path / "ben's", of=ben, to={})
    told = {host["name"]: host["outcome"] for host in light.log()[0]["hosts"]}
    assert told["web02"] != "done"
    assert light.opskit("changelog", "verify").exit == 0


def test_what_somebody_finishes_while_another_run_gets_ready_is_not_called_abandoned(
    light: Light, tmp_path: Path
) -> None:
    rollout = killed(light)
    begun, built = tmp_path / "begun", tmp_path / "built"
    light.configure(build=waiting(begun, built))
    other = light.start("deploy", "shop", "v1", "-H", "web01", "-y")
    wait_for_file(begun)
    light.configure()
    resumed(light, rollout)
    built.touch()
    assert finish(other)[0] == 0
    done = light.opskit("log", "--outcome", "done", "--json").json["data"]["entries"]
    assert rollout in [entry["id"] for entry in done]


TASKS = """
from fabric import task

@task
def patch(c):
    c.run('echo x >>"$HOME/patched"; [ "$OPSKIT_HOST" != web01 ] || until [ -e "$HOME/go" ]; do sleep 0.02; done')
"""


def test_what_somebody_went_on_with_while_it_was_asked_for_consent_is_not_done_again(
    light: Light,
) -> None:
    light.deploy("v1")
    (light.folder / "tasks.py").write_text(TASKS)
    process = light.start("replace", "-H", "web[01-02]", "--task", "patch", "-y")
    wait_for_file(light.hosts.folder("web01") / "patched")
    interrupt(process)
    hear(process, SAID[1])
    let_go(light)
    assert finish(process)[0] == 130
    rollout = light.log()[0]["id"]
    with asking(light, "resume", rollout) as answer:
        resumed(light, rollout)
        code, said = answer("y\n")
    patched = light.hosts.folder("web02") / "patched"
    assert (code, patched.read_text()) == (5, "x\n"), said
    assert f"somebody has gone on with replace {rollout} since this was planned" in said
    assert light.log()[0]["outcome"] == "done"
    assert light.locks() == []


@contextlib.contextmanager
def asking(light: Light, *arguments: str) -> Iterator[Callable[[str], tuple[int, str]]]:
    """Start a run on a terminal and wait until it asks; gives what answers it, and then gives its exit code and what it said on."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command(*arguments), cwd=light.folder, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    said = b""
    while b"[y/N]" not in said:
        said += os.read(ours, 65536)

    def answer(word: str) -> tuple[int, str]:
        os.write(ours, word.encode())
        rest = all_of(ours)
        return process.wait(60), rest.decode()

    try:
        yield answer
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def waiting(begun: Path, built: Path) -> str:
    """Give a build that says that it has begun, and ends when it is told to."""
    return json.dumps(f"touch '{begun}'; until [ -e '{built}' ]; do sleep 0.02; done")
