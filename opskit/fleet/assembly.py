"""Puts an inventory together: opskit.toml, the inventory command and ssh's configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING

from opskit.config.lookup import did_you_mean
from opskit.config.model import HostEntry
from opskit.errors import ConfigError, SelectorError
from opskit.fleet.inventory import Inventory
from opskit.fleet.route import Router, jump_names
from opskit.fleet.selectors import expand_all, fold, select

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.config.model import Config, Environment
    from opskit.fleet.ansible import AnsibleHost, AnsibleInventory
    from opskit.fleet.inventory import Host

COMMAND_TIMEOUT = 60.0
COMMAND_LIMIT = 64 * 2**20

# What OpenSSH itself refuses in a host name (ssh.c, valid_hostname), and what means something in a selector.
_UNFIT = re.compile(r"""[\s'`"$\\;&<>|(){},!^*?\[\]/]|^[-@]""")
_GROUP = re.compile(r"@([^,!&^]+)")


def assemble(config: Config, environment: Environment) -> Inventory:
    """Give the inventory of one environment; raises ConfigError."""
    ansible = _ansible(config, environment)
    names = tuple(
        dict.fromkeys([*_names(config, environment), *(ansible.hosts if ansible else ())])
    )
    _check_names(names)
    _check_entries(config, environment, names)
    groups = _groups(config, environment, names, ansible)
    _check_paths(config, environment, names, groups)
    router = _router(config)
    member_of = _member_of(groups)
    hosts = {
        name: replace(_host(config, name, ansible, router), groups=member_of.get(name, ()))
        for name in names
    }
    return Inventory(environment.name, MappingProxyType(hosts), MappingProxyType(groups))


def assemble_one(config: Config, spec: str) -> Inventory:
    """Give an inventory of one host, in no environment, written like `user@name:22`; raises ConfigError."""
    host = _router(config).spec(spec)
    _check_names([host.name])
    return Inventory("", MappingProxyType({host.name: host}))


def _ansible(config: Config, environment: Environment) -> AnsibleInventory | None:
    if environment.inventory is None:
        return None
    from opskit.fleet import ansible, program

    what = f"the inventory command of {environment.name} ({environment.inventory})"
    printed = program.output(
        environment.inventory,
        what=what,
        folder=config.root,
        timeout=COMMAND_TIMEOUT,
        limit=COMMAND_LIMIT,
    )
    told = ansible.parse(printed, what)
    if not told.hosts and not environment.hosts:
        raise ConfigError(f"{what} names no host")
    return told


def _names(config: Config, environment: Environment) -> tuple[str, ...]:
    try:
        return expand_all(environment.hosts)
    except SelectorError as error:
        where = f"{config.file.name}: environments.{environment.name}.hosts"
        raise ConfigError(f"{where}: {error.what}", hint=error.hint) from None


def _check_names(names: Iterable[str]) -> None:
    for name in names:
        if not name or len(name) > 253 or _UNFIT.search(name) or not name.isprintable():
            raise ConfigError(
                f"{name[:80]!r} cannot be a host's name",
                hint="no blanks, quotes or signs of shells and selectors, no leading dash",
            )


def _check_entries(config: Config, environment: Environment, names: tuple[str, ...]) -> None:
    """Refuse a [hosts."x"] that is of no use: x is in no environment, no other entry's jump, and not on the way to the changelog.

    What the inventory commands of other environments would say is not known here, so then all pass.
    """
    others = [one for one in config.environments.values() if one.name != environment.name]
    if any(one.inventory is not None for one in others):
        return
    known = {*names, *(name for one in others for name in _names(config, one))}
    known |= {hop for entry in config.hosts.values() for hop in jump_names(entry.jump or "")}
    known |= set(jump_names(config.changelog.via))
    known |= set(jump_names(config.changelog.upstream.partition("//")[2].partition("/")[0]))
    for name in config.hosts:
        if name not in known:
            raise ConfigError(
                f'{config.file.name}: hosts."{name}": no environment has this host',
                hint=did_you_mean(name, known),
            )


def _groups(
    config: Config,
    environment: Environment,
    names: tuple[str, ...],
    ansible: AnsibleInventory | None,
) -> dict[str, tuple[str, ...]]:
    """Give all groups by name: Ansible's, and opskit.toml's own, which may name one another."""
    told = dict(ansible.groups, all=names) if ansible else {}
    where = f"{config.file.name}: environments.{environment.name}.groups"
    written = _Groups(where, environment.groups, names, told)
    for group in environment.groups:
        written.find(group, ())
    return {**told, **written.found}


@dataclass(frozen=True, slots=True)
class _Groups:
    """The groups of opskit.toml while they are resolved; those of the inventory command are `told`."""

    where: str
    written: Mapping[str, str]
    names: tuple[str, ...]
    told: Mapping[str, tuple[str, ...]]
    found: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def find(self, group: str, path: tuple[str, ...]) -> None:
        """Find a group's hosts, after those of the groups that it names."""
        if group in self.found:
            return
        if group in path:
            raise ConfigError(f"{self.where}.{group} goes in circles: {' -> '.join(path)}")
        for named in self._named_by(group, (*path, group)):
            self.find(named, (*path, group))
        try:
            known = {**self.told, **self.found}
            self.found[group] = select(self.written[group], self.names, known)
        except SelectorError as error:
            raise ConfigError(f"{self.where}.{group}: {error.what}", hint=error.hint) from None

    def _named_by(self, group: str, path: tuple[str, ...]) -> list[str]:
        """Give the written groups that must be found first; a wildcard or range may mean any."""
        named = [name.strip() for name in _GROUP.findall(self.written[group])]
        if any(sign in name for name in named if name != "*" for sign in "*?["):
            return [name for name in self.written if name in named or name not in path]
        return [name for name in named if name in self.written]


def _check_paths(
    config: Config,
    environment: Environment,
    names: tuple[str, ...],
    groups: Mapping[str, tuple[str, ...]],
) -> None:
    """Refuse two services that would take turns in one folder of one host."""
    here = [
        each[environment.name] for each in config.services.values() if environment.name in each
    ]
    for one, other in combinations(here, 2):
        if one.path == other.path:
            first, second = (_lenient(each.hosts, names, groups) for each in (one, other))
            if both := [name for name in first if name in second]:
                where = f"{config.file.name}: services.{other.name}.path"
                raise ConfigError(
                    f"{where}: {other.path} is the folder of {one.name} too, on {fold(both)}",
                    hint="give each service a folder of its own",
                )


def _lenient(
    selector: str, names: tuple[str, ...], groups: Mapping[str, tuple[str, ...]]
) -> tuple[str, ...]:
    """Give the hosts of a selector; none if it makes no sense, which is told when it is used."""
    try:
        return select(selector, names, groups)
    except SelectorError:
        return ()


def _member_of(groups: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
    """Give each host its groups; `all` and `ungrouped` say nothing and are left out."""
    found: dict[str, list[str]] = {}
    for group, names in groups.items():
        if group not in ("all", "ungrouped"):
            for name in names:
                found.setdefault(name, []).append(group)
    return {name: tuple(groups) for name, groups in found.items()}


def _router(config: Config) -> Router:
    from opskit.fleet.sshconfig import SshConfig

    return Router(SshConfig.read(config.ssh.config), config.hosts, config.ssh.known_hosts)


def _host(config: Config, name: str, ansible: AnsibleInventory | None, router: Router) -> Host:
    """Give a host: what opskit.toml says, then Ansible, then ssh's configuration."""
    entry = config.hosts.get(name, HostEntry(name))
    told = ansible.hosts.get(name) if ansible else None
    if told is None:
        host = router.host(name, name)
    else:
        _check_rendered(told, entry)
        host = router.host(name, told.target, told.options)
    variables = {**(told.vars if told else {}), **entry.vars}
    return replace(host, vars=MappingProxyType(variables))


def _check_rendered(told: AnsibleHost, entry: HostEntry) -> None:
    """Refuse a host whose connection depends on a Jinja template that opskit.toml does not replace."""
    own = {
        "hostname": entry.address,
        "port": entry.port,
        "user": entry.user,
        "identityfile": entry.key,
        "proxyjump": entry.jump,
    }
    for keyword, variable in told.unrendered.items():
        if own[keyword] is None:
            raise ConfigError(
                f"host {told.name!r}: {variable} is a Jinja template, and these are not rendered",
                hint=f'say it in [hosts."{told.name}"] of opskit.toml',
            )
