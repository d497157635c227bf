"""The steps of a rollout on one host: switch, restart, check, put back; timed, told, and undone in order."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING
from opskit.config.service import CommandStep, TaskStep
from opskit.errors import HostError, LockLostError, UnhealthyError
from opskit.fleet.command import Command
from opskit.rollout import deadman, layout
from opskit.rollout.environ import commands_environment
from opskit.rollout.facts import StepBegun, Warned
from opskit.rollout.health import in_current, restart_alone, wait_healthy
from opskit.rollout.report import HostResult, Sent, StepTime, word_for

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from opskit.config.secret import Secret
    from opskit.config.service import Service
    from opskit.errors import OpskitError
    from opskit.fleet.command import Result
    from opskit.fleet.remote import Remote
    from opskit.rollout.drain import Traffic
    from opskit.rollout.facts import Teller
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import Release
    from opskit.rollout.stop import Stop


@dataclass(frozen=True, slots=True)
class Work:
    """What the steps of one rollout share; `guard` opens every script that changes a host."""

    rollout: str
    service: Service
    guard: str
    tasks: Path
    secrets: Mapping[str, Secret]
    tell: Teller
    stop: Stop
    traffic: Traffic | None = None
    sent: dict[str, Sent] = field(default_factory=dict)


@dataclass(slots=True)
class OnHost:
    """One host's way through a rollout."""

    work: Work
    remote: Remote
    target: Target
    began: float = field(default_factory=time.monotonic)
    steps: list[StepTime] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Tell that a step begins and keep how long it took."""
        self.work.tell(StepBegun(self.remote.name, name))
        began = time.monotonic()
        try:
            yield
        finally:
            self.steps.append(StepTime(name, round((time.monotonic() - began) * 1000)))

    def change(
        self,
        script: str,
        what: str,
        *,
        env: Mapping[str, str | Secret] = NOTHING,
        twice: bool = True,
    ) -> Result:
        """Run a guarded script; it must do no harm `twice`, or say so.

        Raises LockLostError when the host refused it, and HostError otherwise.
        """
        return require(self.remote.execute(Command(script, env=env, twice=twice)), what)

    def go_live(
        self, release: Release, receipt: str, *, must: bool = True, back: str = ""
    ) -> None:
        """Make a release live and the service run it: switch, restart, check, back behind load balancers, mark it good.

        On the way back (not `must`) what cannot be written down on the host stops nothing. `back` is the receipt of a host that goes
        back by itself unless all this comes to its end in time, where the service wants that.
        """
        waits = bool(back and self.work.service.confirm_within and self.target.before)
        self.switch(release.id, receipt, must=must, back=back if waits else "")
        self.restart(release)
        self.check(release)
        self.restore()
        self.mark("good", release.id, must=must)
        if waits:
            self.confirm()

    def confirm(self) -> None:
        """Tell a host that waits for it that all is well; raises HostError if it has gone back already."""
        with self.step("confirm"):
            script = deadman.confirm(self.work.guard, rollout=self.work.rollout)
            self.change(script, "the confirmation", twice=False)

    def leave_receipt(self, receipt: str) -> None:
        """Leave the receipt of a change that switches nothing."""
        self.change(layout.leave_receipt(self.work.guard, receipt=receipt), "the receipt")

    def switch(self, release: str, receipt: str, *, must: bool = True, back: str = "") -> None:
        """Make a release live; with the receipt `back`, armed to go back."""
        guarded, env = self.work.guard, NOTHING
        if back and self.target.before:
            guarded += f"\n{self._armed(release, self.target.before, back)}"
            env = self.environment(self.target.before)
        elif self.work.service.confirm_within:
            guarded += f"\n{deadman.disarm(rollout=self.work.rollout)}"
        with self.step("switch"):
            script = layout.switch(
                guarded,
                release=release,
                rollout=self.work.rollout,
                receipt=receipt,
                must=must,
            )
            self.change(script, "the switch", env=env, twice=not back)

    def _armed(self, release: str, before: Release, receipt: str) -> str:
        service = self.work.service
        return deadman.arm(
            release=release,
            before=before.id,
            rollout=self.work.rollout,
            seconds=service.confirm_within or 0,
            receipt=receipt,
            restart=restart_alone(service, self.environment(before)),
        )

    def restart(self, release: Release | None) -> None:
        """Restart the service by its command or task, if it has one."""
        service = self.work.service
        env = self.environment(release)
        match service.restart:
            case CommandStep() as step:
                with self.step("restart"):
                    command = in_current(service.path, step, guarded=self.work.guard)
                    limit = service.restart_timeout
                    result = self.remote.execute(replace(command, env=env, timeout=limit))
                    require(result, "the restart", lines=40 if step.unit else 10)
            case TaskStep(task=task):
                with self.step("restart"):
                    known = {
                        "service": service.name,
                        "release": release.id if release else "",
                        "path": service.path,
                    }
                    arguments = accepted(self.work.tasks, task, known)
                    self.remote.run_task(self.work.tasks, task, arguments, env=env)
            case None:
                pass

    def check(self, release: Release | None) -> None:
        """Wait until the service is healthy, if it has a check."""
        service = self.work.service
        if service.health:
            with self.step("check"):
                wait_healthy(
                    self.remote,
                    service.health,
                    path=service.path,
                    env=self.environment(release),
                    stop=self.work.stop,
                )

    def restore(self) -> None:
        """Let load balancers send work again; raises UnhealthyError if one does not find the host up.

        One that cannot be asked now says nothing against the host: it is asked again when the work is done.
        """
        traffic = self.work.traffic
        if traffic and traffic.is_out(self.remote.name):
            with self.step("restore"):
                try:
                    traffic.restore(self.remote.name)
                except UnhealthyError:
                    raise
                except HostError as error:
                    self.work.tell(Warned(f"{self.remote.name} is not put back yet: {error}"))

    def mark(self, word: str, release: str, *, must: bool = True) -> None:
        """Mark a release good or bad in the host's history; without `must`, only warn if that fails."""
        line = layout.mark(word, release=release, rollout=self.work.rollout)
        try:
            self.change(f"{self.work.guard}\n{line}", "the mark")
        except HostError as error:
            if must or isinstance(error, LockLostError):
                raise
            self.work.tell(
                Warned(f"{self.remote.name}: {release} is not marked {word}: {error.what}")
            )

    def environment(self, release: Release | None) -> dict[str, str | Secret]:
        """Give the environment of the service's own commands on this host."""
        return commands_environment(
            self.work.service,
            release=release,
            rollout=self.work.rollout,
            host=self.remote.name,
            variables=self.remote.host.vars,
            secrets=self.work.secrets,
        )

    def result(self, outcome: str, *, live: str, error: OpskitError | None = None) -> HostResult:
        """Give what came of this host."""
        before, after = self.target.before, self.target.after
        return HostResult(
            host=self.remote.name,
            outcome=outcome,
            before=before.id if before else "",
            after=after.id if after else "",
            live=live,
            ms=round((time.monotonic() - self.began) * 1000),
            at=int(time.time() * 1000),
            steps=tuple(self.steps),
            sent=self.work.sent.get(self.remote.name),
            error=error.what if error else "",
            hint=error.hint if error else "",
            output=error.output if error else "",
        )


def require(result: Result, what: str, *, lines: int = 10) -> Result:
    """Give the result of a guarded script that ended with 0; raises LockLostError, CommandFailedError."""
    if result.exit == layout.LOCK_LOST and layout.LOST_WORDS.encode() in result.stderr:
        raise LockLostError(
            result.host,
            LockLostError.words,
            hint="this run slept through its lock, and another run may have come since: see `opskit log`",
        )
    return result.require(what, lines=lines)


def accepted(tasks: Path, task: str, values: Mapping[str, object]) -> dict[str, object]:
    """Give those of `values` that the task has a parameter for; raises UnknownNameError, ConfigError."""
    from opskit.config.lookup import named
    from opskit.fleet.tasks import list_tasks

    known = {info.name: info for info in list_tasks(tasks)}
    wanted = {parameter.name for parameter in named("task", task, known).parameters}
    return {name: value for name, value in values.items() if name in wanted}


def failed(host: str, error: OpskitError, *, before: str = "", after: str = "") -> HostResult:
    """Give the result of a host that failed before anything was live on it."""
    return HostResult(
        host=host,
        outcome=word_for(error),
        before=before,
        after=after,
        live=before,
        at=int(time.time() * 1000),
        error=error.what,
        hint=error.hint,
        output=error.output,
    )
