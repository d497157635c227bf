"""The hosts of one environment: how each is reached, which groups it is in, and how to pick some."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Host:
    """One machine and all that is needed to reach it; `name` is what every result is keyed by.

    `address` and `port` are where to connect to; `keys` the private key files to offer (none: the
    agent's and OpenSSH's usual files), only those if `identities_only`. `agent` is the socket of
    the agent to ask, "" for SSH_AUTH_SOCK, "none" for no agent.
    `jump` is the way as it was written (for people), `hops` the same with every hop resolved, first
    hop first, each without hops of its own. `proxy_command` (its %-tokens already replaced) is
    meant for `/bin/sh -c` and speaks for the first connection: that of `hops[0]`, or of the host
    itself; it stands on that Host and is "" everywhere else.
    `known_hosts` are the files that say which host keys to accept, under the name
    `host_key_alias`, else `address`. `strict` is ssh_config's StrictHostKeyChecking: kept to
    explain a refusal, never to allow an unknown key. `connect_timeout` is in seconds, None for
    the configured one. `ciphers`, `kex` and `host_key_algorithms` are ssh_config's lists as written, "" if unset.
    `vars` are plain values of the inventory, `groups` the groups that the host is in.
    """

    name: str
    address: str
    port: int
    user: str
    keys: tuple[Path, ...] = ()
    identities_only: bool = False
    agent: str = ""
    jump: tuple[str, ...] = ()
    hops: tuple[Host, ...] = ()
    proxy_command: str = ""
    known_hosts: tuple[Path, ...] = ()
    host_key_alias: str = ""
    strict: str = "ask"
    connect_timeout: float | None = None
    ciphers: str = ""
    kex: str = ""
    host_key_algorithms: str = ""
    vars: Mapping[str, str] = field(default=NOTHING, hash=False)
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inventory:
    """The hosts of one environment by name, in the order they were written, and its groups."""

    environment: str
    hosts: Mapping[str, Host] = field(hash=False)
    groups: Mapping[str, tuple[str, ...]] = field(default=NOTHING, hash=False)

    def select(
        self, selector: str, *, extra: Mapping[str, Collection[str]] = NOTHING
    ) -> tuple[Host, ...]:
        """Give the hosts that `selector` names, in inventory order; raises SelectorError.

        `extra` adds groups for this call: `{"failed:ab12": names}` makes `@failed:ab12` work.
        """
        from opskit.fleet.selectors import select

        names = select(selector, tuple(self.hosts), {**self.groups, **extra})
        return tuple(self.hosts[name] for name in names)
