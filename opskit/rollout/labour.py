"""What is done to a host while nobody uses it: it reboots, a command of this machine replaces it, or a task works on it."""

from __future__ import annotations

import tempfile
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from opskit.config.service import CommandStep
from opskit.errors import CommandTimeoutError, ConnectionLostError
from opskit.fleet.command import Command
from opskit.rollout import commands
from opskit.rollout.build import build
from opskit.rollout.environ import host_environment
from opskit.rollout.facts import Doing
from opskit.rollout.guarded import require
from opskit.rollout.serving import accepted
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.config.secret import Secret
    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.plan import Plan

ASKING = 60.0  # seconds that a host may take to say that it reboots
USUAL = CommandStep("systemctl reboot", sudo="root")
GOING_DOWN = (
    -1,
    129,
    137,
    143,
)  # how a shell ends that the shutdown ends: by SIGHUP, SIGKILL, SIGTERM


class Labour(ABC):
    """What is done; `step` is what it is called. May it be done `again`, where nobody knows whether it was done?

    A host that has only refused it is `untouched` by that, and it refuses it by itself if the lock is gone. After it, the host may be a `new_machine`, and what it has lost is
    brought back to it (`regains`).
    """

    step: ClassVar[str]
    again: ClassVar[bool] = False
    untouched: ClassVar[bool] = False
    new_machine: ClassVar[bool] = False
    regains: ClassVar[bool] = True

    @property
    def users(self) -> tuple[str, ...]:
        """As whom something of it runs by sudo on hosts; a command of this machine, and a task, say that themselves."""
        return ()

    @property
    def recorded(self) -> tuple[str, str]:
        """The task and the command as the changelog keeps them."""
        return "", ""

    @abstractmethod
    def do(self, remote: Remote, *, plan: Plan, run: Run, guards: str) -> bool:
        """Do it; tells whether the host must then come back as another boot. Raises OpskitError."""

    @abstractmethod
    def shown(self, host: str) -> str:
        """Give what is run, as people read it."""


@dataclass(frozen=True, slots=True)
class Reboot(Labour):
    """The host reboots, by its own command."""

    commands: Mapping[str, CommandStep]
    step: ClassVar[str] = "reboot"
    again: ClassVar[bool] = True
    untouched: ClassVar[bool] = True
    regains: ClassVar[bool] = False

    def do(self, remote: Remote, *, plan: Plan, run: Run, guards: str) -> bool:
        """Ask the host to reboot. That the connection ends is what is wanted; a command that fails has done nothing."""
        del run
        command = _guarded(self.commands[remote.name], guards)
        try:
            result = remote.execute(
                replace(command, env=_environment(plan, remote), timeout=ASKING)
            )
        except (ConnectionLostError, CommandTimeoutError):
            return True
        if result.exit not in GOING_DOWN:
            require(result, "the reboot command")
        return True

    def shown(self, host: str) -> str:
        """Give the command of this host."""
        return commands.shown(_guarded(self.commands[host], "")).lstrip("\n")

    @property
    def users(self) -> tuple[str, ...]:
        """As whom hosts are rebooted by sudo."""
        return tuple(dict.fromkeys(step.sudo for step in self.commands.values() if step.sudo))


@dataclass(frozen=True, slots=True)
class Replacement(Labour):
    """A command of this machine puts another machine in the host's place, within `timeout` seconds."""

    command: str
    timeout: float
    step: ClassVar[str] = "replace"
    new_machine: ClassVar[bool] = True

    @property
    def recorded(self) -> tuple[str, str]:
        """The command."""
        return "", self.command

    def do(self, remote: Remote, *, plan: Plan, run: Run, guards: str) -> bool:
        """Run the command, and take over the host keys that it gives; raises BuildError, InterruptedRunError, HostError."""
        del guards
        with tempfile.TemporaryDirectory(prefix="opskit-") as scratch:
            keys = Path(scratch) / "host_keys"
            keys.touch()
            build(
                self.command,
                what="the command",
                folder=run.tasks.parent,
                log=Path(scratch) / "log",
                env={**_environment(plan, remote), "OPSKIT_HOST_KEYS": str(keys)},
                timeout=self.timeout,
                redactor=run.redactor,
                stop=run.stop,
                least=STOP_NOW,
            )
            for key in remote.trust(keys.read_text("utf-8", "replace")):
                run.tell(Doing(f"{remote.name}: its host key is now {key}, says the command"))
        return True

    def shown(self, host: str) -> str:  # noqa: ARG002 - the same for all
        """Give the command."""
        return self.command


@dataclass(frozen=True, slots=True)
class Task(Labour):
    """A task of tasks.py works on the host, and may have it reboot."""

    name: str
    step: ClassVar[str] = "task"

    @property
    def recorded(self) -> tuple[str, str]:
        """The task."""
        return self.name, ""

    def do(self, remote: Remote, *, plan: Plan, run: Run, guards: str) -> bool:
        """Run the task; one that takes the host's connection away has had it reboot. Raises OpskitError."""
        del guards
        arguments = accepted(run.tasks, self.name, {"host": remote.name})
        env: dict[str, str | Secret] = {**_environment(plan, remote), **run.secrets}
        try:
            remote.run_task(run.tasks, self.name, arguments, env=env)
        except ConnectionLostError:
            return True
        return False

    def shown(self, host: str) -> str:  # noqa: ARG002 - the same for all
        """Give the name of the task."""
        return f"task {self.name} of tasks.py"


def _guarded(step: CommandStep, guards: str) -> Command:
    if step.sudo:
        return Command(step.command, sudo=step.sudo, before=guards)
    return Command(f"{guards}\n{step.command}".lstrip("\n"))


def _environment(plan: Plan, remote: Remote) -> dict[str, str]:
    return host_environment(
        environment=plan.environment,
        rollout=plan.rollout,
        host=remote.name,
        variables=remote.host.vars,
    )
