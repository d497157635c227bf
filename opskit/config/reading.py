"""opskit.toml from its text to a frozen Config."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from opskit.config import checks
from opskit.config.changelog import read_changelog
from opskit.config.document import Document
from opskit.config.find import find, read_text
from opskit.config.groups import check_groups
from opskit.config.lookup import did_you_mean
from opskit.config.model import Config, Environment, HostEntry, Ssh
from opskit.config.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.config.balancers import LoadBalancer
    from opskit.config.service import CommandStep, Service

TOP = ("default_environment", "changelog", "ssh", "environments", "hosts", "services")
SECRETS = ("secrets", "sudo_password")
ENVIRONMENT: Mapping[str, Any] = {
    "hosts": checks.list_of(checks.hosts),
    "inventory": checks.command,
    "require_why": checks.boolean,
    "freeze": checks.freeze,
}


def load(path: Path | None = None, *, start: Path | None = None, whole: bool = True) -> Config:
    """Read opskit.toml: `path`, else `$OPSKIT_CONFIG`, else the nearest at or above `start` (None: the current folder).

    Unless the `whole` is wanted, services are read when they are first asked for: a mistake in one of them keeps nobody from
    reading the changelog. Raises ConfigError that says file, line, key path and what is wrong.
    """
    file = find(path, start=start)
    return parse(read_text(file), file, whole=whole)


def parse(text: str, file: Path, *, whole: bool = True) -> Config:
    """Give the configuration that `text` means; `file`, an absolute path, is where it is from. Raises ConfigError; see `load`."""
    document = Document.parse(file, text)
    root = Table(document, (), document.data)
    root.only(TOP)
    environments = _environments(root)
    services = _Services(root, file.parent, environments)
    if whole:
        len(services)
    return Config(
        file=file,
        environments=MappingProxyType(environments),
        default_environment=_default_environment(root, environments),
        hosts=MappingProxyType(_hosts(root, file.parent)),
        services=services,
        ssh=_ssh(root.table("ssh"), file.parent),
        changelog=read_changelog(root.table("changelog"), file.parent),
    )


class _Services(Mapping[str, "Mapping[str, Service]"]):
    """The services by name and environment, read when somebody first looks."""

    def __init__(self, *where: Any) -> None:
        self._where = where

    @cached_property
    def _all(self) -> Mapping[str, Mapping[str, Service]]:
        from opskit.config.services import read_services

        return read_services(*self._where)

    def __getitem__(self, name: str) -> Mapping[str, Service]:
        return self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


def _environments(root: Table) -> dict[str, Environment]:
    tables = root.tables("environments", checks.name)
    if not tables:
        raise root.error(
            None,
            "no environment is there",
            hint='add [environments.production] with hosts = ["web01"]',
        )
    folder = root.document.file.parent
    return {name: _environment(name, table, folder) for name, table in tables.items()}


def _environment(name: str, table: Table, folder: Path) -> Environment:
    table.only((*ENVIRONMENT, "groups", "load_balancers", "reboot", *SECRETS))
    given = {**table.read(ENVIRONMENT), **_reboot(table), **_secrets(table, folder)}
    if not given.get("hosts") and "inventory" not in given:
        raise table.error(
            None,
            "no host is named",
            hint='say hosts = ["web01", "web02"] or inventory = "a command"',
        )
    groups = table.mapping("groups", checks.name, checks.selector)
    if "load_balancers" in table.values:
        given["load_balancers"] = _load_balancers(table)
    environment = Environment(name=name, groups=MappingProxyType(groups), **given)
    for group, selector in groups.items():
        check_groups(table.table("groups"), group, selector, environment)
    for balancer in environment.load_balancers.values():
        where = table.table("load_balancers").table(balancer.name)
        check_groups(where, "hosts", balancer.hosts, environment)
    return environment


def _reboot(table: Table) -> dict[str, CommandStep]:
    """Give how a host is rebooted, if that is said: a command as a text, or a table that also says by whom."""
    if "reboot" not in table.values:
        return {}
    from opskit.config.steps import read_command

    return {"reboot": read_command(table, "reboot")}


def _secrets(table: Table, folder: Path) -> dict[str, Any]:
    if not any(key in table.values for key in SECRETS):
        return {}
    from opskit.config.sources import read_secrets, read_source

    known = "sudo_password" in table.values
    password = read_source(table, "sudo_password", folder) if known else None
    return {"secrets": read_secrets(table, folder), "sudo_password": password}


def _load_balancers(table: Table) -> Mapping[str, LoadBalancer]:
    from opskit.config.balancers import read_balancers

    return read_balancers(table)


def _default_environment(root: Table, environments: Mapping[str, Environment]) -> str:
    if "default_environment" not in root.values:
        return next(iter(environments)) if len(environments) == 1 else ""
    name = root.checked("default_environment", checks.name)
    if name not in environments:
        hint = did_you_mean(name, environments)
        raise root.error("default_environment", f"there is no environment {name!r}", hint=hint)
    return name


def _hosts(root: Table, folder: Path) -> dict[str, HostEntry]:
    return {
        name: _host(name, table, folder)
        for name, table in root.tables("hosts", checks.host).items()
    }


def _host(name: str, table: Table, folder: Path) -> HostEntry:
    plain: dict[str, Any] = {
        "address": checks.address,
        "port": checks.whole(1, 65535),
        "user": checks.address,
        "key": checks.local_path(folder),
        "jump": checks.address,
    }
    table.only((*plain, "vars", "reboot"))
    variables = table.mapping("vars", checks.variable, checks.variable_value)
    given = {**table.read(plain), **_reboot(table)}
    return HostEntry(name=name, vars=MappingProxyType(variables), **given)


def _ssh(table: Table, folder: Path) -> Ssh:
    fields: dict[str, Any] = {
        "config": checks.local_path(folder),
        "known_hosts": checks.list_of(checks.local_path(folder)),
        "connect_timeout": checks.duration,
        "channel_timeout": checks.duration,
        "command_timeout": checks.duration,
        "keepalive": checks.duration,
        "parallel": checks.whole(1, 1000),
        "handshakes_per_jump": checks.whole(1, 100),
    }
    table.only(fields)
    return Ssh(**table.read(fields))
