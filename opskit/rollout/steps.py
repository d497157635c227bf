"""The steps of a rollout on one host: switch, restart, check, put back; timed, told, and undone in order."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING
from opskit.errors import HostError, LockLostError
from opskit.fleet.command import Command
from opskit.rollout import deadman, layout
from opskit.rollout.environ import commands_environment
from opskit.rollout.facts import StepBegun, Warned
from opskit.rollout.guarded import require
from opskit.rollout.health import restart_alone
from opskit.rollout.report import HostResult, Sent, StepTime, word_for
from opskit.rollout.serving import serve

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
        service = self.work.service
        waits = bool(back and service.confirm_within and self.target.before)
        untold = not (service.restart or service.health or self.work.traffic)
        at_once = must and untold and not waits
        self.switch(release.id, receipt, must=must, back=back if waits else "", good=at_once)
        if not at_once:
            serve(self, release, must=must)
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

    def switch(
        self, release: str, receipt: str, *, must: bool = True, back: str = "", good: bool = False
    ) -> None:
        """Make a release live; with the receipt `back`, armed to go back; `good` marks it good, as nothing else can tell."""
        guarded, env = self.work.guard, NOTHING
        if self.work.service.confirm_within:
            guarded += f"\n{deadman.disarm()}"
        if back and self.target.before:
            guarded += f"\n{self._armed(release, self.target.before, back)}"
            env = self.environment(self.target.before)
        with self.step("switch"):
            script = layout.switch(
                guarded,
                release=release,
                rollout=self.work.rollout,
                receipt=receipt,
                must=must,
            )
            if good:
                script += f"\n{layout.mark('good', release=release, rollout=self.work.rollout)}"
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
