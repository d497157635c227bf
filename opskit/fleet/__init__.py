"""Where things run: inventory, selectors, SSH connections, fan-out; the only user of fabric.

Importing this package costs nothing: each of these loads what it needs when it is called, `open_fleet` fabric and paramiko,
too. What they take and give lies in `inventory`, `command`, `fanout` and `remote`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.config.model import Config, Ssh
    from opskit.config.secret import Redactor
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Inventory
    from opskit.fleet.remote import Remote

__all__ = ["load_inventory", "open_fleet", "open_host"]


def load_inventory(config: Config, environment: str | None) -> Inventory:
    """Give the inventory of an environment (None: the default one).

    A host's own entry in opskit.toml wins over the inventory command's word, that over
    `~/.ssh/config`, that over defaults. Raises ConfigError, UnknownNameError.
    """
    from opskit.fleet.assembly import assemble

    return assemble(config, config.environment(environment))


def open_fleet(inventory: Inventory, ssh: Ssh, *, redactor: Redactor | None = None) -> Fleet:
    """Give a fleet of the inventory's hosts: a context manager that opens connections as needed."""
    from opskit.config.secret import Redactor
    from opskit.fleet.fanout import Fleet

    return Fleet(inventory, ssh, redactor=redactor or Redactor())


@contextlib.contextmanager
def open_host(config: Config, name: str) -> Iterator[Remote]:
    """Give one host for the block, written as `name` or `user@name:port`; no environment needs to know it.

    Its own entry in opskit.toml and ssh's configuration hold for it as for all hosts. It connects when
    it is used. Raises ConfigError.
    """
    from opskit.fleet.assembly import assemble_one

    inventory = assemble_one(config, name)
    with open_fleet(inventory, config.ssh) as fleet:
        yield fleet.remote(next(iter(inventory.hosts)))
