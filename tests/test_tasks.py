"""The tasks that `opskit init` hands out work on real hosts."""

import os
from pathlib import Path

import pytest

from opskit.config import Ssh
from opskit.config.secret import Redactor
from opskit.errors import HostError
from opskit.fleet.fanout import Fleet
from opskit.fleet.inventory import Host, Inventory
from opskit.fleet.tasks import list_tasks
from tests.support.cli import REPOSITORY
from tests.support.hosts import Hosts

TASKS = REPOSITORY / "tasks.py"


@pytest.fixture
def run(any_hosts: Hosts):
    """`run(task, env, **arguments)` runs a task on one host and gives what it printed."""
    m = any_hosts.host("web01")
    host = Host(m.name, m.address, m.port, m.user, keys=(m.key,), known_hosts=(m.known_hosts,))
    with Fleet(Inventory("production", {m.name: host}), Ssh(), redactor=Redactor()) as fleet:
        yield (
            lambda name, env=None, **arguments: (
                fleet.remote(m.name)
                .run_task(TASKS, name, arguments, env=env or {})
                .require(name)
                .text
            )
        )


@pytest.fixture
def systemd(tmp_path: Path) -> dict[str, str]:
    """A PATH with a sudo and a systemctl that write down what they are asked, and a unit that is up at the third look."""
    for name, script in {
        "sudo": 'shift; exec "$@"',
        "systemctl": f'echo "$@" >>{tmp_path}/said; [ "$1" = restart ] || [ $(wc -l <{tmp_path}/said) -gt 3 ]',
        "sleep": "",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_every_task_has_help_and_so_has_every_option():
    tasks = list_tasks(TASKS)
    assert [task.name for task in tasks] == ["disk", "restart-service", "restart-shop", "uptime"]
    assert all(task.help.endswith(".") and len(task.help) < 90 for task in tasks)
    assert all(option.help for task in tasks for option in task.parameters)


def test_uptime_says_the_load(run):
    assert "load average" in run("uptime")


def test_disk_shows_how_full_it_is_and_fails_when_it_is_too_full(run):
    assert "%" in run("disk", path="/", limit=100)
    with pytest.raises(HostError, match="full, more than"):
        run("disk", path="/", limit=-1)


def test_a_restart_waits_until_the_unit_is_up(run, systemd, tmp_path):
    run("restart-shop", systemd)
    assert (tmp_path / "said").read_text().splitlines() == ["restart shop"] + [
        "is-active --quiet shop"
    ] * 3


def test_a_unit_that_stays_down_is_a_failure(run, systemd, tmp_path):
    with pytest.raises(HostError):
        run("restart-service", systemd, unit="it's down", wait=1)
    assert "restart it's down" in (tmp_path / "said").read_text()
