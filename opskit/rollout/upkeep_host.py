"""One host's way through upkeep: out of use, worked on, waited for, checked with all that lives there, in use again."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from opskit.errors import HostError, OpskitError, UnreachableError
from opskit.fleet.command import Command
from opskit.rollout import boots, serving
from opskit.rollout.facts import StepBegun
from opskit.rollout.guarded import require
from opskit.rollout.labour import ASKING
from opskit.rollout.plan import Target
from opskit.rollout.probe import probe
from opskit.rollout.regain import regain
from opskit.rollout.report import HostResult, StepTime, word_for
from opskit.rollout.steps import OnHost
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.fleet.remote import Remote
    from opskit.rollout.context import Run
    from opskit.rollout.locks import Locks
    from opskit.rollout.probe import Release
    from opskit.rollout.roll import Roll
    from opskit.rollout.tenants import Tenant
    from opskit.rollout.upkeep import UpkeepPlan


class UpkeepHost:
    """One host in upkeep."""

    def __init__(
        self, made: UpkeepPlan, remote: Remote, *, run: Run, roll: Roll, locks: Mapping[str, Locks]
    ) -> None:
        self._made = made
        self._remote = remote
        self._run = run
        self._roll = roll
        self._locks = locks
        self._target = made.plan.targets_by_host[remote.name]
        self._tenants = [tenant for tenant in made.tenants if remote.name in tenant.hosts]
        self._steps: list[StepTime] = []
        self._began = time.monotonic()
        self._boot = self._target.boot
        self._touched = False
        """Whether the host may not be what it was; `_asked` whether the work on it has begun."""
        self._asked = False

    def work(self) -> HostResult:
        """Do all of it and say what came of it; whatever fails is in the result."""
        try:
            self._labour()
            self._heal()
        except OpskitError as error:
            return self._failed(error)
        return self._result("done")

    def _labour(self) -> None:
        """Do the work, unless it was done before, and wait until the host is back."""
        gone = True
        self._touched = self._remote.name in self._made.broken
        if not self._touched:
            with self._step(self._made.labour.step):
                gone = self._do()
        with self._step("wait"):
            self._boot = self._wait().until_back(self._target.boot if gone else "")

    def _do(self) -> bool:
        """Do the work; tells whether the host must then come back as another boot."""
        labour = self._made.labour
        guards = self._guards()
        if guards and not labour.untouched:
            require(self._remote.execute(Command(guards, timeout=ASKING)), "the lock")
        self._asked, self._touched = True, not labour.untouched
        try:
            gone = labour.do(self._remote, plan=self._made.plan, run=self._run, guards=guards)
        except UnreachableError:
            # One that was begun before may be on its way down just now.
            if not labour.again or self._remote.name not in self._made.may_be_away:
                raise
            gone = True
        self._touched = True
        return gone

    def _wait(self) -> boots.Wait:
        name = self._remote.name
        return boots.Wait(
            self._remote,
            within=self._made.plan.within,
            stop=self._run.stop,
            say=lambda words: self._run.tell(StepBegun(name, words)),
            new_keys=self._made.labour.new_machine,
        )

    def _heal(self) -> None:
        """See that all that lives there is well, under the locks, which the host may have lost."""
        for tenant in self._tenants:
            before = self._made.live.get(tenant.service.name, {}).get(self._remote.name)
            now = probe(self._remote, path=tenant.service.path).current
            if before and not self._has(before, now):
                self._regain(tenant, before)
                now = None
            for error in self._locks[tenant.service.name].take([self._remote.name]).values():
                raise error
            if now:
                serving.check(self._on(tenant, now), now)

    def _has(self, before: Release, now: Release | None) -> bool:
        """Tell whether the host has what it had: a new machine may come up with something older that it was made with."""
        return now is not None and (
            now.revision == before.revision or not self._made.labour.new_machine
        )

    def _regain(self, tenant: Tenant, release: Release) -> None:
        """Deploy again what the host had, and has no more; it is found healthy by that."""
        name, host = tenant.service.name, self._remote.name
        if not self._made.labour.regains:
            raise HostError(
                host,
                f"{release.title} of {name} is gone from it",
                hint=f"deploy it again: opskit deploy {name} {release.label} -H {host}",
            )
        with self._step(f"deploy {name}"):
            self._locks[name].hand_over(self._remote)  # that deploy takes the host for itself
            regain(tenant, release, host, plan=self._made.plan, run=self._run)

    def _on(self, tenant: Tenant, release: Release | None) -> OnHost:
        run = self._run.of(tenant.service)
        guard = self._locks[tenant.service.name].guard
        work = run.work(self._made.plan, tenant.service, guard, self._roll)
        target = Target(self._remote.name, before=release, after=release)
        return OnHost(work, self._remote, target, steps=self._steps)

    def _guards(self) -> str:
        """Give the opening of a script that the host refuses if a lock of this run is gone there."""
        locks = (self._locks[tenant.service.name] for tenant in self._tenants)
        guards = (each.guard for each in locks if self._remote.name in each.taken)
        return "\n".join(f"(\n{guard}\n) || exit $?" for guard in guards)

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._run.tell(StepBegun(self._remote.name, name))
        began = time.monotonic()
        try:
            yield
        finally:
            self._steps.append(StepTime(name, round((time.monotonic() - began) * 1000)))

    def _failed(self, error: OpskitError) -> HostResult:
        if self._run.stop.level >= STOP_NOW and (self._asked or self._touched):
            return self._result("unknown", error)
        if not self._touched:
            return self._result(word_for(error), self._given_back(error))
        again = f"when it is well: opskit resume {self._made.plan.rollout}"
        told = HostError(self._remote.name, error.what, output=error.output)
        told.hint = "; ".join(filter(None, (error.hint, again)))
        return self._result("failed", told)

    def _given_back(self, error: OpskitError) -> OpskitError:
        """Take a host into use again to which nothing was done; gives the error, and that of this if it fails."""
        try:
            self._roll.traffic.restore(self._remote.name)
        except OpskitError as second:
            return HostError(
                self._remote.name, f"{error.what}; {second}", hint=second.hint, output=error.output
            )
        return error

    def _result(self, outcome: str, error: OpskitError | None = None) -> HostResult:
        return HostResult(
            host=self._remote.name,
            outcome=outcome,
            ms=round((time.monotonic() - self._began) * 1000),
            at=int(time.time() * 1000),
            steps=tuple(self._steps),
            error=error.what if error else "",
            hint=error.hint if error else "",
            output=error.output if error else "",
            boot=self._boot,
        )
