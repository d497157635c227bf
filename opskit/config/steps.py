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
    inner.only(("task", "command", "sudo"))
    if len({"task", "command"} & set(inner.values)) != 1:
        raise inner.error(None, "expected exactly one of `command` and `task`")
    if "task" in inner.values:
        return TaskStep(**inner.read({"task": checks.name, "sudo": checks.boolean}))
    if key == "gate" and "sudo" in inner.values:
        raise inner.error("sudo", "the command of a gate runs on this machine, as you")
    return CommandStep(**inner.read({"command": checks.command, "sudo": sudo}))


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
