"""`opskit replace`, end to end: a new machine in the place of an OpenSSH host, with another host key and nothing on it."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.light import finish, hear, interrupt
from tests.support.reboots import Rebooting, rebooting
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.light import Light

NAMES = ("vm01", "vm02")
TASKS = '''
from fabric import task

@task
def patch(c, host):
    """Patch it."""
    c.run(f'echo "{host} $OPSKIT_HOST" >>"$HOME/patched"')

@task
def patch_and_reboot(c):
    """Patch it, and have it reboot."""
    c.run('echo asked >"$HOME/reboots"; exec sleep 30')

@task
def trip(c):
    """Fail."""
    c.run("echo no space left >&2; exit 4")
'''


@pytest.fixture
def fleet(light: Light) -> Iterator[Rebooting]:
    """Two virtual machines with a service, which `cloud` replaces when it is told to."""
    for name in NAMES:
        light.hosts.odd(name)
    light.configure(hosts='"vm[01-02]"', batches="[2]")
    light.deploy("v1")
    with rebooting(light, *NAMES) as found:
        found.meanwhile = found.new_machine
        yield found


def cloud(light: Light, *, keys: bool = True) -> str:
    """Give a command that has a machine replaced, and waits for that as a cloud's own does; with `keys` it vouches for the new one."""
    base = shlex.quote(str(light.hosts.base))
    asked = f'echo asked >{base}/"$OPSKIT_HOST"/reboots.new; mv {base}/"$OPSKIT_HOST"/reboots.new {base}/"$OPSKIT_HOST"/reboots'
    wait = f'until [ ! -e {base}/"$OPSKIT_HOST"/shop ]; do sleep 0.02; done; until grep -q . {base}/"$OPSKIT_HOST"/boot_id 2>/dev/null; do sleep 0.02; done'
    give = f'until cat {base}/"$OPSKIT_HOST".key.pub >>"$OPSKIT_HOST_KEYS" 2>/dev/null; do sleep 0.02; done'
    return f"{asked}; {wait}; {give}" if keys else f"{asked}; {wait}"


def replace(light: Light, *arguments: object, expect: int | None = 0, **options: Any) -> Any:
    line = ("replace", "-H", "vm[01-02]", "--within", "20s", *arguments, "--yes")
    return light.opskit(*line, expect=expect, **options)


def versions(light: Light) -> list[str]:
    return [light.live_on(name) for name in NAMES]


def test_each_host_is_replaced_and_has_what_it_had_before_the_next_one(
    light: Light, fleet: Rebooting
) -> None:
    light.commit("v2")
    done = replace(light, "--command", cloud(light), "-m", "a larger size")
    assert fleet.happened == [*NAMES]
    assert "vm01: its host key is now ssh-ed25519 SHA256:" in done.stdout
    assert "vm01  deploy shop" in done.stdout
    assert versions(light) == ["v1", "v1"]
    records = {record["id"]: record for record in light.log()}
    whole = next(record for record in records.values() if record["action"] == "replace")
    assert (whole["outcome"], whole["why"]) == ("done", "a larger size")
    parts = [r for r in records.values() if f"a part of replace {whole['id']}" in r["remarks"]]
    assert [(r["action"], r["outcome"], r["why"]) for r in parts] == [
        ("deploy", "done", "vm02 was replaced: a larger size"),
        ("deploy", "done", "vm01 was replaced: a larger size"),
    ]
    assert light.opskit("status", "shop").stdout.count(" ok ") == 2
    assert light.locks() == []


def test_without_ssh_keygen_no_machine_is_replaced(
    light: Light, fleet: Rebooting, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("sh", "git", "env", "sleep", "cat", "mv", "grep", "ssh"):
        (tools / tool).symlink_to(shutil.which(tool) or tool)
    done = replace(light, "--command", cloud(light), expect=2, env={"PATH": str(tools)})
    assert "there is no ssh-keygen on this machine" in done.stderr
    assert fleet.happened == []


def test_a_new_host_key_that_nobody_vouches_for_is_waited_for_and_not_accepted(
    light: Light, fleet: Rebooting
) -> None:
    process = light.start(
        *("replace", "-H", "vm01", "--within", "30s", "--yes"),
        *("--command", cloud(light, keys=False)),
    )
    said = hear(process, "HAS CHANGED")
    said = said if "&& echo" in said else said + hear(process, "&& echo")
    accept = _accepting(light, said)
    light.opskit("log")
    subprocess.run(["sh", "-c", accept], check=True, capture_output=True)
    code, more, complained = finish(process)
    assert code == 0, more + complained
    assert light.live_on("vm01") == "v1"


def test_once_somebody_has_vouched_for_the_new_machine_resume_brings_it_what_it_had(
    light: Light, fleet: Rebooting
) -> None:
    line = ("--command", cloud(light, keys=False))
    process = light.start("replace", "-H", "vm01", "--within", "8s", "--yes", *line)
    code, said, complained = finish(process)
    assert code == 1, said + complained
    rollout = light.last()["id"]
    subprocess.run(["sh", "-c", _accepting(light, said)], check=True, capture_output=True)
    light.opskit("resume", rollout, "--yes")
    assert light.live_on("vm01") == "v1"
    assert [each["outcome"] for each in light.log()[:2]] == ["done", "done"]
    assert light.locks() == []


def _accepting(light: Light, said: str) -> str:
    """Give the commands that the run tells to accept the key, which somebody types in another terminal."""
    return "ssh-keygen -R" + said.partition("ssh-keygen -R")[2].partition("\n")[0]


def test_a_host_that_is_dead_is_replaced_all_the_same(light: Light, fleet: Rebooting) -> None:
    fleet.stop()
    light.hosts.stop("vm02")
    command = shlex.quote(str(_prepared(light, fleet, "vm02")))
    process = light.start("replace", "-H", "vm02", "--command", f"sh {command}", "--yes")
    until((light.hosts.base / "go").exists, what="the command")
    fleet.new_machine("vm02")
    light.hosts.start("vm02")
    (light.hosts.base / "gone").touch()
    code, said, complained = finish(process)
    (light.hosts.base / "go").unlink()
    (light.hosts.base / "gone").unlink()
    assert code == 0, said + complained
    assert "vm02 is replaced, though out of reach" in complained
    assert versions(light) == ["v1", "v1"]


def _prepared(light: Light, fleet: Rebooting, name: str) -> Path:
    base = light.hosts.base
    script = light.folder / "cloud"
    script.write_text(
        f"touch {base}/go; until [ -e {base}/gone ]; do sleep 0.02; done\n"
        f'cat {base}/{name}.key.pub >>"$OPSKIT_HOST_KEYS"\n'
    )
    return script


def test_a_version_that_is_not_to_be_had_any_more_stops_it_before_it_is_too_late(
    light: Light, fleet: Rebooting
) -> None:
    (light.folder / "dist").mkdir()
    (light.folder / "dist" / "version").write_text("v5\n")
    light.configure(hosts='"vm[01-02]"', source='{ folder = "dist" }', batches="[2]")
    light.opskit("deploy", "shop", "--yes")
    (light.folder / "dist" / "version").write_text("v6\n")
    done = replace(light, "--command", cloud(light), expect=2)
    assert "shop: what runs there could not be brought to a new machine" in done.stderr
    assert fleet.happened == []


def test_a_command_that_fails_stops_the_run_and_is_not_taken_for_harmless(
    light: Light, fleet: Rebooting
) -> None:
    done = replace(light, "--command", "echo quota exceeded >&2; exit 3", expect=1)
    assert "the command ended with status 3" in done.stdout
    assert "| quota exceeded" in done.stdout
    assert light.outcomes() == {"vm01": "failed", "vm02": "skipped"}
    rollout = light.last()["id"]
    resumed = light.opskit("resume", rollout, "--yes", expect=1)
    assert "status 3; it still runs as before, and nobody knows how far the" in resumed.stdout
    assert "| quota exceeded" in resumed.stdout
    assert f"-H @failed:{rollout} does it anew" in resumed.stdout


def test_interrupted_once_it_lets_the_command_end_and_the_host_come_back(
    light: Light, fleet: Rebooting
) -> None:
    command = f"echo >{light.folder}/ran; until [ -e {light.folder}/go ]; do sleep 0.02; done"
    process = light.start(
        *("replace", "-H", "vm[01-02]", "--yes"), "--command", f"{command}; {cloud(light)}"
    )
    until((light.folder / "ran").exists, what="the command")
    interrupt(process)
    hear(process, "stops as soon as no host is left half-way")
    (light.folder / "go").touch()
    code, said, _ = finish(process)
    assert code == 130
    record = next(each for each in light.log() if each["action"] == "replace")
    assert [host["outcome"] for host in record["hosts"]] == ["done", "skipped"]
    assert versions(light) == ["v1", "v1"]
    assert fleet.happened == ["vm01"]
    assert "to go on: opskit resume" in said


def test_killed_amid_the_command_resume_runs_it_no_second_time(
    light: Light, fleet: Rebooting
) -> None:
    go = light.folder / "go"
    command = f"echo >>{light.folder}/ran; until [ -e {go} ]; do sleep 0.02; done"
    process = light.start("replace", "-H", "vm[01-02]", "--command", command, "--yes")
    until((light.folder / "ran").exists, what="the command")
    process.kill()
    process.wait()
    go.touch()
    rollout = light.last()["id"]
    done = light.opskit("resume", rollout, "--yes", expect=1)
    assert "nobody knows how far that came: it is left alone" in done.stderr
    assert "nobody knows how far the replace came" in done.stdout
    assert f"-H @failed:{rollout}" in done.stdout
    assert (light.folder / "ran").read_text() == "\n"
    assert light.outcomes() == {"vm01": "failed", "vm02": "skipped"}
    assert light.locks() == []


def test_killed_while_the_new_machine_comes_up_resume_brings_it_what_it_had(
    light: Light, fleet: Rebooting
) -> None:
    fleet.meanwhile = lambda name: not fleet.new_machine(name)
    process = light.start("replace", "-H", "vm01", "--command", cloud(light), "--yes")
    hear(process, "waits for it")
    process.kill()
    process.wait()
    rollout = light.last()["id"]
    resumed = light.start("resume", rollout, "--yes")
    hear(resumed, "waits for it")
    light.hosts.start("vm01")
    code, said, complained = finish(resumed)
    assert code == 0, said + complained
    assert fleet.happened == ["vm01"]
    assert light.live_on("vm01") == "v1"
    assert light.opskit("log", rollout, "--json").json["data"]["rollout"]["outcome"] == "done"


def test_a_task_works_on_one_host_after_the_other_and_may_have_it_reboot(
    light: Light, fleet: Rebooting
) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    fleet.meanwhile = lambda _name: True
    replace(light, "--task", "patch")
    assert (fleet.home("vm02") / "patched").read_text() == "vm02 vm02\n"
    assert fleet.happened == []
    assert light.last()["task"] == "patch"
    replace(light, "--task", "patch-and-reboot")
    assert fleet.happened == [*NAMES]
    done = replace(light, "--task", "trip", expect=1)
    assert "no space left" in done.stdout
    assert light.outcomes() == {"vm01": "failed", "vm02": "skipped"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((), "what is done to the hosts?"),
        (("--command", "true", "--task", "patch"), "what is done to the hosts?"),
        (("--task", "pacth"), "pacth"),
        (("--command", "x" * 4001), "the command is longer than 4000 characters"),
        (("--command", "true", "--batches", "1,0"), "--batches 1,0"),
        (("--command", "true", "--within", "soon"), "--within soon"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything(
    light: Light, arguments: tuple[str, ...], complaint: str
) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    done = light.opskit("replace", "-H", "web01", "--yes", *arguments, expect=2)
    assert complaint in done.stderr
