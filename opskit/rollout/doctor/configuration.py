"""What in a readable opskit.toml leads nowhere: sources, hosts, vars, tasks, folders."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from opskit.config.service import (
    ArtifactSource,
    CommandCheck,
    FolderSource,
    GitSource,
    HttpCheck,
    TaskStep,
    TcpCheck,
)
from opskit.errors import SelectorError
from opskit.rollout.doctor.finding import Finding
from opskit.rollout.ready import GIVEN
from opskit.rollout.secrets import hint_for, missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from opskit.config.model import Config
    from opskit.config.service import Service
    from opskit.config.sources import SecretSource
    from opskit.fleet.command import TaskInfo
    from opskit.fleet.inventory import Host, Inventory

AREA = "configuration"


def services_of(config: Config, environment: str) -> tuple[Service, ...]:
    """Give the services that live in an environment."""
    return tuple(where[environment] for where in config.services.values() if environment in where)


def hosts_of(service: Service, inventory: Inventory) -> tuple[Host, ...]:
    """Give a service's hosts; none if its selector names none, which is a finding of its own."""
    try:
        return inventory.select(service.hosts)
    except SelectorError:
        return ()


def check_configuration(config: Config, inventory: Inventory) -> Iterator[Finding]:
    """Say what opskit.toml holds for the environment, and what in it leads nowhere."""
    services = services_of(config, inventory.environment)
    has = f"environment {inventory.environment} has {_count(inventory.hosts, 'host')} and {_count(services, 'service')}"
    yield Finding(AREA, "ok", f"{config.file.name}: {has}")
    yield from _check_secrets(inventory.environment, _own_secrets(config, inventory.environment))
    for service in services:
        yield from _check_source(service)
        yield from _check_secrets(service.name, service.secrets)
        yield from _check_hosts(service, inventory)
    yield from _check_paths(services, inventory)
    if len(config.environments) == 1:
        yield from _check_entries(config, inventory)


def _count(things: Sequence[object] | Mapping[str, object], noun: str) -> str:
    return f"1 {noun}" if len(things) == 1 else f"{len(things)} {noun}s"


def _check_source(service: Service) -> Iterator[Finding]:
    what = _missing_source(service)
    if what:
        hint = f"see services.{service.name}.source in opskit.toml"
        # A build may make it yet.
        yield Finding(AREA, "warn" if service.build else "bad", f"{service.name}: {what}", hint)


def _missing_source(service: Service) -> str:
    match service.source:
        case GitSource(repository=folder):
            found = any((above / ".git").exists() for above in (folder, *folder.parents))
            return "" if found or (folder / "HEAD").is_file() else f"{folder} is no git repository"
        case FolderSource(folder=folder):
            return "" if folder.is_dir() else f"{folder} is no folder"
        case ArtifactSource(path=path):
            found = "{revision}" in path or Path(path).is_file()
            return "" if found else f"{path} is no file"
        case _:
            assert_never(service.source)


def _check_secrets(whose: str, sources: Mapping[str, SecretSource]) -> Iterator[Finding]:
    """Say which secrets could not be read, as far as that is known without reading any."""
    for name, source in sources.items():
        if why := missing(source):
            place = "" if source.kind == "environment" and source.place == name else f" ({source})"
            yield Finding(AREA, "warn", f"{whose}: {name}{place} {why}", hint_for(source))


def _own_secrets(config: Config, environment: str) -> Mapping[str, SecretSource]:
    """Give the sources that belong to no service: of tasks, and of the password for sudo."""
    own = config.environments[environment]
    services = services_of(config, environment)
    found = {
        name: at
        for name, at in own.secrets.items()
        if not any(name in s.secrets for s in services)
    }
    return {**found, "sudo_password": own.sudo_password} if own.sudo_password else found


def _check_hosts(service: Service, inventory: Inventory) -> Iterator[Finding]:
    try:
        hosts = inventory.select(service.hosts)
    except SelectorError as error:
        yield Finding(AREA, "bad", f"services.{service.name}.hosts: {error.what}", error.hint)
        return
    for name in _placeholders(service):
        without = tuple(host.name for host in hosts if name not in host.vars)
        if without:
            what = f"{service.name}: its health check wants the var {name!r}, which is missing"
            yield Finding(
                AREA, "bad", what, f"add to the hosts: vars = {{ {name} = ... }}", without
            )


def _placeholders(service: Service) -> list[str]:
    match service.health.check if service.health else None:
        case HttpCheck(url=address) | TcpCheck(address=address):
            return [name for name in re.findall(r"\{(\w+)\}", address) if name != "host"]
        case CommandCheck() | None:
            return []


def _check_paths(services: Sequence[Service], inventory: Inventory) -> Iterator[Finding]:
    for one, other in combinations(services, 2):
        if _inside(one.path, other.path) or _inside(other.path, one.path):
            names = [{host.name for host in hosts_of(each, inventory)} for each in (one, other)]
            both = tuple(name for name in inventory.hosts if name in names[0] & names[1])
            what = f"{one.name} and {other.name} share a folder: {one.path}, {other.path}"
            if both:
                yield Finding(AREA, "bad", what, "give each service a folder of its own", both)


def _inside(path: str, folder: str) -> bool:
    return f"{path}/".startswith(f"{folder}/")


def _check_entries(config: Config, inventory: Inventory) -> Iterator[Finding]:
    for name in config.hosts:
        if name not in inventory.hosts:
            what = f'[hosts."{name}"] is about no host of the environment'
            yield Finding(AREA, "warn", what, "is its name right?")


def check_tasks(services: Iterable[Service], tasks: Iterable[TaskInfo]) -> Iterator[Finding]:
    """Say which tasks the services name that tasks.py lacks, or that want options that nobody would give."""
    known = {task.name: task for task in tasks}
    for service in services:
        if isinstance(service.restart, TaskStep):
            yield from _check_task(service, known.get(service.restart.task), service.restart.task)


def _check_task(service: Service, task: TaskInfo | None, name: str) -> Iterator[Finding]:
    if task is None:
        hint = f"see services.{service.name}.restart in opskit.toml"
        yield Finding(AREA, "bad", f"{service.name}: tasks.py has no task {name!r}", hint)
        return
    wanted = [p.name for p in task.parameters if p.required and p.name not in GIVEN]
    if wanted:
        what = f"{service.name}: the task {name!r} wants {', '.join(wanted)}, which a restart does not give"
        yield Finding(AREA, "bad", what, "give its parameters defaults")
