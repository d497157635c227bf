"""The way to one host: what ssh's configuration says of it, and of every hop in between."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING
from opskit.errors import ConfigError
from opskit.fleet.inventory import Host
from opskit.fleet.sshfile import Line

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from opskit.config.model import HostEntry
    from opskit.fleet.sshconfig import SshConfig
    from opskit.fleet.sshquery import SshSettings

MAX_HOPS = 8

_HOP = re.compile(
    r"(?:ssh://)?(?:(?P<user>[^\s@]+)@)?(?:\[(?P<six>[^\[\]\s]+)\]|(?P<host>[^\s:@/\[\]-][^\s:@/\[\]]*))"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)


@dataclass(frozen=True, slots=True)
class Router:
    """Resolves hosts by opskit.toml's `entries`, then by what else is told, then by ssh's configuration.

    `known_hosts`, if given, replaces the files that ssh's configuration names.
    """

    ssh: SshConfig
    entries: Mapping[str, HostEntry] = NOTHING
    known_hosts: tuple[Path, ...] = ()
    _hops: dict[str, tuple[Host, ...]] = field(default_factory=dict)

    def host(self, name: str, target: str, told: Iterable[Line] = ()) -> Host:
        """Give the host that `ssh TARGET` reaches with the options `told`, under the name `name`.

        Raises ConfigError for a setting that is wrong or a way that goes in circles.
        """
        return self._host(name, target, [*self._own(name), *told], trail=())

    def spec(self, spec: str) -> Host:
        """Give the host that a word like `user@name:22` means; raises ConfigError."""
        if not _hop_parts(spec):
            raise ConfigError(
                f"{spec!r} is no host", hint="as in bastion.example.com, or user@name:22"
            )
        return self._hop(spec, (), (spec,))

    def _own(self, name: str) -> list[Line]:
        entry = self.entries.get(name)
        return own_lines(entry) if entry else []

    def _host(self, name: str, target: str, given: Iterable[Line], trail: tuple[str, ...]) -> Host:
        found = self.ssh.lookup(target, given)
        entry = self.entries.get(name)
        return replace(
            _plain(name, found),
            keys=(entry.key,) if entry and entry.key else found.keys,
            jump=tuple(hop.strip() for hop in found.proxy_jump.split(",") if hop.strip()),
            hops=self._way(found.proxy_jump, (*trail, target)),
            known_hosts=self.known_hosts or found.known_hosts,
        )

    def _way(self, jump: str, trail: tuple[str, ...]) -> tuple[Host, ...]:
        """Give all hops of a ProxyJump: only the first one follows its own configuration further."""
        if jump and jump not in self._hops:
            if len(trail) > MAX_HOPS:
                raise ConfigError(
                    f"the way to {trail[0]} goes in circles: {' -> '.join(trail[:4])} -> …",
                    hint=f"give {trail[1]} the setting `ProxyJump none` in ~/.ssh/config",
                )
            first, *rest = jump.split(",")
            start = self._hop(first, (), trail)
            direct = Line("proxyjump", "none", ("none",), "")
            after = [self._hop(spec, (direct,), trail) for spec in rest]
            bare = [replace(hop, hops=(), jump=()) for hop in (start, *after)]
            self._hops[jump] = (*start.hops, *bare)
        return self._hops.get(jump, ())

    def _hop(self, spec: str, given: tuple[Line, ...], trail: tuple[str, ...]) -> Host:
        found = _hop_parts(spec)
        if not found:
            raise ConfigError(
                f"the way to {trail[0]}: {spec.strip()!r} is not a jump host",
                hint="as in user@bastion.example.com:22, several with commas",
            )
        target, parts = found
        said = [Line(word, text, (text,), f"jump host {spec!r}") for word, text in parts.items()]
        return self._host(target, target, [*said, *given, *self._own(target)], trail)


def own_lines(entry: HostEntry) -> list[Line]:
    """Give a host's entry as ssh options, as if they stood on ssh's command line."""
    said = {
        "hostname": entry.address and entry.address.replace("%", "%%"),
        "port": entry.port and str(entry.port),
        "user": entry.user,
        "proxyjump": entry.jump,
    }
    where = f'opskit.toml: hosts."{entry.name}"'
    return [Line(word, text, (text,), f"{where}.{word}") for word, text in said.items() if text]


def jump_names(jump: str) -> tuple[str, ...]:
    """Give the names of the hosts in a ProxyJump, without users and ports."""
    parts = (_hop_parts(spec) for spec in jump.split(","))
    return tuple(found[0] for found in parts if found)


def _hop_parts(spec: str) -> tuple[str, dict[str, str]] | None:
    """Give the name in a jump host's spec, and its user and port if they are there."""
    found = _HOP.fullmatch(spec.strip())
    if not found:
        return None
    parts = {word: found[word] for word in ("user", "port") if found[word]}
    return found["six"] or found["host"], parts


def _plain(name: str, found: SshSettings) -> Host:
    return Host(
        name=name,
        address=found.hostname,
        port=found.port,
        user=found.user,
        keys=found.keys,
        identities_only=found.identities_only,
        agent=found.agent,
        proxy_command=found.proxy_command,
        host_key_alias=found.host_key_alias,
        strict=found.strict,
        connect_timeout=found.connect_timeout,
        ciphers=found.ciphers,
        kex=found.kex,
        host_key_algorithms=found.host_key_algorithms,
    )
