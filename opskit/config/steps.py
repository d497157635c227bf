"""The steps of a service of opskit.toml: a command or a task, and as whom it runs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opskit.config import checks
from opskit.config.service import CommandStep, Step, TaskStep

if TYPE_CHECKING:
    from opskit.config.table import Table

_USER = r"(?a)[A-Za-z_][\w.-]{0,31}"


def read_step(table: Table, key: str) -> Step:
    """Give the step at `key`: a command as a text, or a table that says more. Raises ConfigError."""
    if not isinstance(table.values[key], dict):
        return CommandStep(table.checked(key, checks.command))
    inner = table.table(key)
    kinds = ("command", "systemd", "task") if key == "restart" else ("command", "task")
    inner.only((*kinds, "sudo", *(("user",) if "systemd" in inner.values else ())))
    if len(set(kinds) & set(inner.values)) != 1:
        words = " and ".join([", ".join(f"`{kind}`" for kind in kinds[:-1]), "`task`"])
        raise inner.error(None, f"expected exactly one of {words}")
    if "task" in inner.values:
        return TaskStep(**inner.read({"task": checks.name, "sudo": checks.boolean}))
    if "systemd" in inner.values:
        return _unit(inner)
    if key == "gate" and "sudo" in inner.values:
        raise inner.error("sudo", "the command of a gate runs on this machine, as you")
    return CommandStep(**inner.read({"command": checks.command, "sudo": sudo}))


def _unit(table: Table) -> CommandStep:
    from opskit.config.systemd import restart, unit

    given = table.read({"systemd": unit, "user": checks.boolean, "sudo": sudo})
    name, of_user, by = given["systemd"], given.get("user", False), given.get("sudo", "")
    if of_user and by == "root":
        raise table.error("sudo", "a unit of a user is no unit of root", hint='leave sudo out, or name the user: sudo = "shop"')  # fmt: skip
    return CommandStep(restart(name, user=of_user), sudo=by, unit=name, of_user=of_user)


def read_command(table: Table, key: str) -> CommandStep:
    """Give the command at `key`, as a text or with `sudo`, and no task. Raises ConfigError."""
    step = read_step(table, key)
    if isinstance(step, TaskStep):
        raise table.error(key, "expected a command, and no task")
    return step


def sudo(value: Any) -> str:
    """Check as whom a command runs: true is root, false whoever logs in (""), a text a user of the host."""
    if isinstance(value, bool):
        return "root" if value else ""
    if not isinstance(value, str) or not re.fullmatch(_USER, value):
        checks.wrong("true, false or the name of a user", value)
    return value
