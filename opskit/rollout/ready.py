"""What would stop a rollout half way for certain: found before any host is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.lookup import named
from opskit.config.service import CommandCheck, HttpCheck, TaskStep, TcpCheck
from opskit.errors import ConfigError
from opskit.rollout.health import filled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from opskit.config.service import Service
    from opskit.fleet.inventory import Host

GIVEN = ("service", "release", "path")
"""What a task that restarts a service is given, if it has a parameter of the name."""


def demand_ready(service: Service, hosts: Iterable[Host], *, tasks: Path) -> None:
    """Raise ConfigError for a var that a host lacks or a task that wants more, UnknownNameError for no task."""
    for host in hosts:
        _demand_vars(service, host)
    if isinstance(service.restart, TaskStep):
        demand_task(service.restart.task, tasks, given=GIVEN, by="a restart")


def _demand_vars(service: Service, host: Host) -> None:
    match service.health.check if service.health else None:
        case HttpCheck(url=address) | TcpCheck(address=address):
            filled(address, host)
        case CommandCheck() | None:
            pass


def demand_task(task: str, tasks: Path, *, given: Sequence[str], by: str) -> None:
    """Raise UnknownNameError if there is no such task, ConfigError if it wants more than it is `given`."""
    from opskit.fleet.tasks import list_tasks

    known = {info.name: info for info in list_tasks(tasks)}
    parameters = named("task", task, known).parameters
    missing = [p.name for p in parameters if p.required and p.name not in given]
    if missing:
        raise ConfigError(
            f"task {task} wants {', '.join(missing)}, which {by} does not give",
            hint="give its parameters defaults in tasks.py",
        )
