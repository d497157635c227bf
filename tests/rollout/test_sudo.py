"""Deploys, restarts, commands and tasks by the real sudo: the password is asked for once, and is nowhere afterwards."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.screen import Screen
from tests.support.cli import command
from tests.support.light import HEALTH, TIMES, Light
from tests.support.sudoers import ASKS, HASH, OPEN, PASSWORD, USER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.sudoers import SudoHosts

RESTART = '{ command = "id -u >>../../as; echo $API_TOKEN | wc -c >>../../as", sudo = true }'
ASKED = "password for sudo of deploy on web[01-04]: "


@pytest.fixture
def light(tmp_path: Path, sudo_hosts: SudoHosts) -> Iterator[Light]:
    made = Light.create(tmp_path / "project", sudo_hosts)
    made.configure(restart=RESTART, secrets='["API_TOKEN"]', health=None)
    yield made
    made.end()


def typed(light: Light, *arguments: str, keys: tuple[str, ...] = (PASSWORD,)) -> Screen:
    """Run opskit on a terminal where somebody types passwords when they are asked for."""
    screen = Screen(light.folder, *arguments, API_TOKEN="t0ken-of-api")
    for number, key in enumerate(keys, 1):
        while screen.said.count("password for sudo of") < number:
            screen.wait_for("password for sudo of" if number == 1 else "one more try")
            screen.wait_for(": ") if number == 1 else screen.wait_for(f"try\r\n{ASKED}")
        screen.type(f"{key}\n")
    return screen


def failures(light: Light) -> list[int]:
    hosts: SudoHosts = light.hosts  # type: ignore[assignment]  # as made above
    return [hosts.failures(name) for name in hosts.names]


def sinks(light: Light, screen: Screen) -> dict[str, bytes]:
    found = {"screen": screen.said.encode()}
    for folder in (Path(os.environ["OPSKIT_STATE_DIR"]), light.hosts.base):
        found |= {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    return found


def assert_nowhere(light: Light, screen: Screen, *words: str) -> None:
    for word in (PASSWORD, json.dumps(PASSWORD)[1:-1], *words):
        found = [name for name, held in sinks(light, screen).items() if word.encode() in held]
        assert not found, found


def as_of(light: Light, name: str) -> list[str]:
    return light.place(name, "as").read_text().split()


def test_a_deploy_asks_once_and_the_command_runs_as_root_with_its_secrets(light: Light) -> None:
    screen = typed(light, "deploy", "shop", "v1", "--yes")
    assert screen.end() == 0, screen.said
    assert screen.said.count(ASKED) == 1
    assert light.live() == light.on_all("v1")
    assert [as_of(light, name) for name in light.hosts.names] == [["0", "13"]] * 4
    assert failures(light) == [0] * 4
    assert_nowhere(light, screen, "t0ken-of-api")


def test_a_wrong_password_is_tried_on_one_host_and_asked_for_once_more(light: Light) -> None:
    screen = typed(light, "deploy", "shop", "v1", "--yes", keys=("wrong", PASSWORD))
    assert screen.end() == 0, screen.said
    assert failures(light) == [1, 0, 0, 0]


def test_two_wrong_passwords_end_it_with_nothing_touched(light: Light) -> None:
    before = light.tree()
    screen = typed(light, "deploy", "shop", "v1", "--yes", keys=("wrong", "wrong too"))
    assert screen.end() == 1
    assert "web01: sudo there does not take this password of deploy" in screen.said
    assert (failures(light), light.tree(), light.log()) == ([2, 0, 0, 0], before, [])


def test_hosts_that_want_no_password_are_not_asked_for_one(
    light: Light, sudo_hosts: SudoHosts
) -> None:
    for name in light.hosts.names:
        sudo_hosts.rule(name, OPEN)
    light.deploy("v1", env={"API_TOKEN": "t0ken-of-api"})
    assert [as_of(light, name) for name in light.hosts.names] == [["0", "13"]] * 4


TAPPED = """#!/bin/sh
case "$*" in
  {which}) tee -a "{tape}" | /usr/bin/sudo "$@";;
  *) exec /usr/bin/sudo "$@";;
esac
"""


def test_who_wants_no_password_gets_none_while_others_do(
    light: Light, sudo_hosts: SudoHosts
) -> None:
    sudo_hosts.rule("web02", OPEN)
    sudo_hosts.rule("web03", ASKS, f"{USER} ALL=(sshd) NOPASSWD: ALL")
    tapes = {"web02": "*", "web03": "*'-u sshd '*"}
    for name, which in tapes.items():
        tape = light.hosts.folder(name) / "tape"
        tape.touch()
        tape.chmod(0o666)
        sudo_hosts.tool(name, "sudo", TAPPED.format(tape=tape, which=which))
    health = '{ command = ": as-sshd", sudo = "sshd", within = "5s" }'
    light.configure(restart=RESTART, secrets='["API_TOKEN"]', health=health)
    screen = typed(light, "deploy", "shop", "v1", "--yes")
    assert screen.end() == 0, screen.said
    assert "password for sudo of deploy on web[01,03-04]: " in screen.said
    for name in tapes:
        assert ": as-sshd" in (light.hosts.folder(name) / "tape").read_text()
    assert_nowhere(light, screen)


def _alice_on_web03(light: Light, sudo_hosts: SudoHosts) -> None:
    sudo_hosts.rule("web03", "alice ALL=(ALL) ALL")
    sudo_hosts.login("web03", "alice", HASH.replace("opskit", "0ther"))
    file = light.folder / "opskit.toml"
    head, tail = file.read_text().split("[hosts.web03]")
    tail = tail.replace(f'user = "{USER}"', 'user = "alice"', 1)
    file.write_text(f"{head}[hosts.web03]{tail}")


def test_each_login_is_asked_for_its_own_password(light: Light, sudo_hosts: SudoHosts) -> None:
    _alice_on_web03(light, sudo_hosts)
    screen = typed(light, "exec", "-H", "@*", "--sudo", "id -u")
    screen.wait_for("password for sudo of alice on web03: ")
    assert failures(light) == [0] * 4
    screen.type("wrong\n")
    screen.wait_for("one more try\r\npassword for sudo of alice on web03: ")
    screen.type("wrong too\n")
    assert screen.end() == 1, screen.said
    assert screen.said.count("password for sudo of deploy on web[01-02,04]: ") == 1
    assert failures(light) == [0, 0, 2, 0]


def test_without_a_terminal_it_is_refused_with_nothing_touched(light: Light) -> None:
    before = light.tree()
    done = subprocess.run(
        command("deploy", "shop", "v1", "--yes"), cwd=light.folder, stdin=subprocess.DEVNULL,
        env={**os.environ, "API_TOKEN": "t0ken"}, capture_output=True, text=True, start_new_session=True, check=False,
    )  # fmt: skip
    assert done.returncode == 5
    assert "sudo wants the password of deploy on web[01-04]" in done.stderr
    assert "NOPASSWD" in done.stderr
    assert (light.tree(), light.log()) == (before, [])


def test_a_host_whose_sudo_does_not_let_us_in_stops_a_deploy_before_anything_is_touched(
    light: Light, sudo_hosts: SudoHosts
) -> None:
    for name in ("web01", "web02", "web04"):
        sudo_hosts.rule(name, OPEN)
    sudo_hosts.rule("web03")
    before = light.tree()
    screen = typed(light, "deploy", "shop", "v1", "--yes")
    assert screen.end() == 1
    assert f"web03: sudo lets {USER} run nothing there" in screen.said
    assert (light.tree(), light.log()) == (before, [])


def test_a_rollback_goes_on_where_sudo_does_let_us_in(light: Light, sudo_hosts: SudoHosts) -> None:
    for name in light.hosts.names:
        sudo_hosts.rule(name, OPEN)
    light.commit("v2")
    for version in ("v1", "v2"):
        light.deploy(version, env={"API_TOKEN": "t0ken-of-api"})
    sudo_hosts.rule("web03")
    light.configure(restart=RESTART, secrets='["API_TOKEN"]', health=None, max_failures="1")
    light.rollback(env={"API_TOKEN": "t0ken-of-api"}, expect=3)
    assert light.outcomes() == {n: "failed" if n == "web03" else "done" for n in light.hosts.names}
    assert "sudo there wants the password" in light.last()["hosts"]["web03"]["error"]


def test_a_health_command_runs_by_sudo(light: Light, sudo_hosts: SudoHosts) -> None:
    for name in light.hosts.names:
        sudo_hosts.rule(name, OPEN)
    check = json.dumps(f'{HEALTH}; [ "$(id -u)" = 0 ]')
    light.configure(restart=None, health=f"{{ command = {check}, sudo = true, {TIMES} }}")
    assert "by sudo as root ends with 0" in light.opskit("deploy", "shop", "-n").stdout
    light.deploy("v1")


def test_a_host_that_is_to_go_back_by_itself_must_want_no_password(light: Light) -> None:
    light.configure(restart=RESTART, health=None, confirm_within='"5m"')
    done = light.deploy("v1", expect=2)
    assert "web01 cannot restart shop by itself, as sudo there wants a password" in done.stderr
    assert light.log() == []


def test_exec_by_sudo_asks_once_and_leaves_out_who_refuses(
    light: Light, sudo_hosts: SudoHosts
) -> None:
    sudo_hosts.rule("web02", OPEN)
    sudo_hosts.rule("web03")
    sudo_hosts.rule("web04", ASKS, password=HASH.replace("opskit", "0ther"))
    screen = typed(light, "exec", "-H", "@*", "--sudo", "id -u; id >/root/../tmp/x$$; rm /tmp/x$$")
    assert screen.end() == 3, screen.said
    assert "password for sudo of deploy on web[01,03-04]: " in screen.said
    assert failures(light) == [0, 0, 0, 1]
    assert light.outcomes() == {"web01": "done", "web02": "done", "web03": "failed", "web04": "failed"}  # fmt: skip
    assert "by sudo as root" in light.opskit("log", light.last()["id"]).stdout
    assert_nowhere(light, screen)


def test_exec_by_sudo_runs_as_another_user(light: Light, sudo_hosts: SudoHosts) -> None:
    sudo_hosts.rule("web01", OPEN)
    done = light.opskit("exec", "-H", "web01", "--sudo-user", "sshd", "id -un")
    assert "sshd" in done.stdout
    done = light.opskit("exec", "-H", "web01", "--sudo-user", "-x", "id", expect=2)
    assert "--sudo-user: expected true, false or the name of a user" in done.stderr


TASKS = '''
from shlex import quote
from fabric import task

@task
def who(c):
    """Say who it is, and too much."""
    with c.cd("/usr"):
        c.sudo("id -u; pwd")
    c.run(f"echo {quote(c.config.sudo.password)}")
    print(c.config.sudo.password)
'''


def test_a_task_may_use_fabrics_own_sudo(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    screen = typed(light, "run", "who", "-H", "web01", "--sudo")
    assert screen.end() == 0, screen.said
    assert "0\r\n/usr\r\n[redacted]\r\n[redacted]" in screen.said
    assert_nowhere(light, screen)


def test_a_task_without_a_password_tries_none(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    done = light.opskit("run", "who", "-H", "web01", expect=1)
    assert "task who: sudo there wants a password" in done.stderr
    assert "say --sudo" in done.stderr
    assert failures(light)[0] == 0


def test_a_services_task_gets_the_password(light: Light) -> None:
    (light.folder / "tasks.py").write_text(TASKS)
    light.configure(restart='{ task = "who", sudo = true }', health=None)
    screen = typed(light, "deploy", "shop", "v1", "--yes")
    assert screen.end() == 0, screen.said
    assert light.live() == light.on_all("v1")


def test_the_password_may_come_from_where_secrets_come_from(
    light: Light, sudo_hosts: SudoHosts, tmp_path: Path
) -> None:
    vault = tmp_path / "vault"
    vault.write_text(f"{PASSWORD}\n")
    vault.chmod(0o600)
    file = light.folder / "opskit.toml"
    where = f"require_why = false\nsudo_password = {{ file = {json.dumps(str(vault))} }}\n"
    file.write_text(file.read_text().replace("require_why = false\n", where))
    light.deploy("v1", env={"API_TOKEN": "t0ken-of-api"})
    assert failures(light) == [0] * 4
    _alice_on_web03(light, sudo_hosts)
    done = light.opskit("exec", "-H", "@*", "--sudo", "id -u", expect=2)
    assert "sudo_password is that of deploy, and sudo on web03 wants that of alice" in done.stderr
    assert failures(light) == [0] * 4
    vault.write_text("outdated")
    done = light.restart(env={"API_TOKEN": "t0ken-of-api"}, expect=1)
    assert "web01: sudo there does not take this password of deploy" in done.stderr
    assert failures(light) == [1, 0, 0, 0]
