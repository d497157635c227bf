"""Where things run: inventory, selectors, SSH connections, fan-out; the only user of fabric.

Importing this package is cheap: `open_fleet` loads fabric and paramiko when it is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.secret import Redactor
from opskit.fleet.command import Command, HttpAnswer, Outcome, Parameter, Result, TaskInfo
from opskit.fleet.inventory import Host, Inventory, load_inventory

if TYPE_CHECKING:
    from opskit.config.model import Ssh
    from opskit.fleet.fanout import Fleet

__all__ = [
    "Command",
    "Host",
    "HttpAnswer",
    "Inventory",
    "Outcome",
    "Parameter",
    "Result",
    "TaskInfo",
    "load_inventory",
    "open_fleet",
]


def open_fleet(inventory: Inventory, ssh: Ssh, *, redactor: Redactor | None = None) -> Fleet:
    """Give a fleet of the inventory's hosts: a context manager that opens connections as needed."""
    from opskit.fleet.fanout import Fleet

    return Fleet(inventory, ssh, redactor=redactor or Redactor())
