"""The services of opskit.toml, each resolved for every environment that it lives in."""

from __future__ import annotations

import re
from dataclasses import fields
from graphlib import CycleError, TopologicalSorter
from itertools import permutations
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opskit.config import checks
from opskit.config.balancers import read_behind
from opskit.config.groups import check_groups
from opskit.config.lookup import did_you_mean
from opskit.config.service import (
    ArtifactSource,
    CommandCheck,
    FolderSource,
    GitSource,
    Health,
    HttpCheck,
    Service,
    Source,
    TaskStep,
    TcpCheck,
)
from opskit.config.sources import read_secrets
from opskit.config.steps import read_step, sudo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from opskit.config.model import Environment
    from opskit.config.table import Table

PLAIN: Mapping[str, Any] = {
    "path": checks.host_path,
    "hosts": checks.selector,
    "build": checks.command,
    "build_timeout": checks.duration,
    "restart_timeout": checks.duration,
    "batches": checks.list_of(checks.batch, least=1),
    "max_failures": checks.whole(0, 100_000),
    "min_healthy": checks.batch,
    "pause": checks.duration,
    "gate_timeout": checks.duration,
    "on_failure": checks.one_of("stop", "rollback"),
    "confirm_within": checks.duration,
    "keep": checks.whole(1, 1000),
    "shared_folders": checks.list_of(checks.release_path),
    "shared_files": checks.list_of(checks.release_path),
    "hard_links": checks.boolean,
    "owner": checks.text,
    "depends_on": checks.list_of(checks.name),
    "freeze": checks.freeze,
}
KEYS = frozenset(field.name for field in fields(Service)) - {"name", "environment"}
TIMES = dict.fromkeys(("within", "interval", "timeout", "settle"), checks.duration)
Check = HttpCheck | TcpCheck | CommandCheck
_URL = r"(?i)https?://[^\s/]+(/\S*)?"
_TCP = r"(?a)(\[[^\s\]]+\]|[^\s:\[\]-][^\s:\[\]]*):(\{\w+\}|\d{1,5})"
_BRACES = r"\{([^{}]*)\}|[{}]"


def read_services(
    root: Table, folder: Path, environments: Mapping[str, Environment]
) -> dict[str, Mapping[str, Service]]:
    """Give every service by name and environment; `folder` is where relative paths start from."""
    tables = root.tables("services", checks.name)
    services: dict[str, Mapping[str, Service]] = {
        name: MappingProxyType(_resolve(table, name, folder, environments))
        for name, table in tables.items()
    }
    _check_dependencies(tables, services)
    return services


def _resolve(
    table: Table, name: str, folder: Path, environments: Mapping[str, Environment]
) -> dict[str, Service]:
    table.only(KEYS | {"environments", "in"})
    lives_in = _lives_in(table, environments)
    overrides = table.tables("in", checks.name)
    for override, there in overrides.items():
        there.only(KEYS)
        if override not in lives_in:
            hint = did_you_mean(override, lives_in)
            raise there.error(None, "the service does not live in this environment", hint=hint)
    return {
        env: _service(
            table.over(overrides[env]) if env in overrides else table,
            name,
            environments[env],
            folder,
        )
        for env in lives_in
    }


def _lives_in(table: Table, environments: Mapping[str, Environment]) -> tuple[str, ...]:
    if "environments" not in table.values:
        return tuple(environments)
    chosen = table.checked("environments", checks.list_of(checks.name, least=1))
    for env in chosen:
        if env not in environments:
            hint = did_you_mean(env, environments)
            raise table.error("environments", f"there is no environment {env!r}", hint=hint)
    return chosen


def _service(table: Table, name: str, environment: Environment, folder: Path) -> Service:
    given = table.read(PLAIN, required=("path", "hosts", "source"))
    given["source"] = _source(table.table("source"), folder)
    for key in ("restart", "gate"):
        if key in table.values:
            given[key] = read_step(table, key)
    if "health" in table.values:
        given["health"] = _health(table.table("health"))
    if "load_balancer" in table.values:
        given["load_balancer"] = read_behind(table.table("load_balancer"), environment)
    if "env" in table.values:
        variables = table.mapping("env", checks.variable, checks.variable_value)
        given["env"] = MappingProxyType(variables)
    own = read_secrets(table, folder)
    given["secrets"] = MappingProxyType({**environment.secrets, **own})
    service = Service(name=name, environment=environment.name, **given)
    check_groups(table, "hosts", service.hosts, environment)
    _check_dead_man(table, service)
    _check_shared(table, service)
    _check_secrets(table, service)
    return service


def _source(table: Table, folder: Path) -> Source:
    if "git" in table.values:
        table.only(("git", "folder", "revision"))
        given = table.read(
            {
                "git": checks.repository(folder),
                "folder": checks.release_path,
                "revision": checks.revision,
            }
        )
        return GitSource(given["git"], given.get("folder", ""), given.get("revision", "HEAD"))
    table.only(("git", "folder", "revision", "artifact"))
    if len(table.values) != 1 or "revision" in table.values:
        raise table.error(None, "expected exactly one of `git`, `folder` and `artifact`")
    if "folder" in table.values:
        return FolderSource(table.checked("folder", checks.local_path(folder)))
    return ArtifactSource(table.checked("artifact", checks.artifact(folder)))


def _health(table: Table) -> Health:
    kinds: dict[str, Callable[[Table], Check]] = {"http": _http, "tcp": _tcp, "command": _command}
    table.only((*kinds, "status", "contains", "sudo", *TIMES))
    chosen = [kind for kind in kinds if kind in table.values]
    if len(chosen) != 1:
        raise table.error(None, "expected exactly one of `http`, `tcp` and `command`")
    for key in ("status", "contains"):
        if key in table.values and chosen != ["http"]:
            raise table.error(key, "stands only beside `http`")
    if "sudo" in table.values and chosen != ["command"]:
        raise table.error("sudo", "stands only beside `command`")
    return Health(kinds[chosen[0]](table), **table.read(TIMES))


def _http(table: Table) -> HttpCheck:
    extra = table.read({"status": checks.whole(100, 599), "contains": checks.free_text})
    return HttpCheck(table.checked("http", _url), **extra)


def _tcp(table: Table) -> TcpCheck:
    return TcpCheck(table.checked("tcp", _endpoint))


def _command(table: Table) -> CommandCheck:
    return CommandCheck(**table.read({"command": checks.command, "sudo": sudo}))


def _url(value: Any) -> str:
    url = _filled(checks.text(value))
    if not re.fullmatch(_URL, url):
        checks.wrong('an address like "http://127.0.0.1:8080/health"', value)
    return url


def _endpoint(value: Any) -> str:
    endpoint = _filled(checks.text(value))
    found = re.fullmatch(_TCP, endpoint)
    if not found or (found[2].isdigit() and not 1 <= int(found[2]) <= 65535):
        checks.wrong('host and port like "127.0.0.1:8080"', value)
    return endpoint


def _filled(value: str) -> str:
    """Check that all braces in an address are `{name}` of a var."""
    for found in re.finditer(_BRACES, value):
        if not found[1]:
            checks.wrong("braces only around the name of a var, like {port}", value)
        checks.variable(found[1])
    return value


def _check_dead_man(table: Table, service: Service) -> None:
    """A host that is to go back by itself must be able to, and must not do so while it is still being looked at."""
    if service.confirm_within is None:
        return
    if isinstance(service.restart, TaskStep):
        raise table.error(
            "confirm_within",
            "the host cannot run a task of tasks.py by itself",
            hint="let `restart` be a command",
        )
    health = service.health
    needs = (service.restart_timeout if service.restart else 0.0) + (
        health.within + health.settle if health else 0.0
    )
    needs += service.load_balancer.restore if service.load_balancer else 0.0
    if service.confirm_within <= needs:
        raise table.error(
            "confirm_within",
            f"restart, health check and load balancers may take {needs:g} s, longer than that",
            hint="make it longer, or restart_timeout, health.within and load_balancer.restore shorter",
        )


def _check_shared(table: Table, service: Service) -> None:
    shared = (*service.shared_folders, *service.shared_files)
    for one, other in permutations(shared, 2):
        if f"{other}/".startswith(f"{one}/"):
            key = "shared_files" if other in service.shared_files else "shared_folders"
            raise table.error(key, f"{other!r} is shared already, by {one!r}")


def _check_secrets(table: Table, service: Service) -> None:
    for secret in service.secrets:
        if secret in service.env:
            raise table.error(
                "secrets", f"{secret} stands in `env` too", hint="choose one of the two"
            )


def _check_dependencies(
    tables: Mapping[str, Table], services: Mapping[str, Mapping[str, Service]]
) -> None:
    needs: dict[str, set[str]] = {}
    for name, per_environment in services.items():
        needs[name] = {
            needed for service in per_environment.values() for needed in service.depends_on
        }
        for needed in sorted(needs[name] - set(services)):
            hint = did_you_mean(needed, services)
            raise tables[name].error("depends_on", f"there is no service {needed!r}", hint=hint)
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as error:
        circle = error.args[1]
        raise tables[circle[0]].error(
            "depends_on", f"services need each other in a circle: {' -> '.join(circle)}"
        ) from None
