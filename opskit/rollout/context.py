"""What every rollout is given, and the record that every rollout leaves."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from opskit.changelog import Filter, this_machine
from opskit.changelog.claims import may_end
from opskit.changelog.resuming import key_for
from opskit.config.model import NOTHING
from opskit.errors import (
    ChangelogError,
    InterruptedRunError,
    LockedError,
    OpskitError,
    RefusedError,
)
from opskit.rollout import outdated
from opskit.rollout.facts import Warned
from opskit.rollout.locks import Locks, held_by
from opskit.rollout.owners import is_dead
from opskit.rollout.patience import Patience
from opskit.rollout.recorder import Recorder
from opskit.rollout.roll import Roll
from opskit.rollout.steps import Work

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from opskit.changelog import Changelog, RolloutRecord
    from opskit.config.secret import Redactor, Secret
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.facts import Teller
    from opskit.rollout.plan import Override, Plan
    from opskit.rollout.probe import HostState
    from opskit.rollout.report import HostResult, Report
    from opskit.rollout.secrets import Reader
    from opskit.rollout.stop import Stop

ALONE = (
    'in an emergency, go ahead without them: offline = "spool" under [changelog] in opskit.toml; '
    "a rollback goes ahead anyway"
)


@dataclass(frozen=True, slots=True)
class Run:
    """The hands of a rollout: hosts, changelog, the fleet's tasks, secrets, who listens, who may stop it."""

    fleet: Fleet
    changelog: Changelog
    actor: str
    tasks: Path
    secrets: Mapping[str, Secret]
    tell: Teller
    stop: Stop
    reader: Reader
    refuse_unshared: bool = False
    """Whether no change but a rollback may begin before the upstream of the changelog has it."""
    remarks: tuple[str, ...] = ()
    overrides: tuple[Override, ...] = ()
    retries: tuple[str, ...] = ()
    """What is remarked in the record of whatever is done, the rules that do not count for it, what it does the rest of."""
    patience: Patience = field(default_factory=Patience)
    """How long to wait for hosts that another run holds."""

    def of(self, service: Service) -> Run:
        """Give the same run as it is for the commands of another service: with its secrets."""
        return replace(self, secrets=self.reader.all(service.secrets))

    @property
    def redactor(self) -> Redactor:
        """What hides all secrets that this run knows."""
        return self.fleet.vault.redactor.also(self.secrets.values())

    def record(
        self,
        plan: Plan,
        body: Callable[[Roll], None],
        *,
        path: str = "",
        must: bool = True,
        rest: Sequence[tuple[HostResult, bool]] | None = None,
    ) -> Report:
        """Record a rollout around `body`, which does it; `path` is the service's on the hosts.

        `rest` are results of hosts on which a rollout that is resumed has nothing left to do, and whether they are
        recorded; its `body` is called in any case, as there may be locks to let go of.

        Raises ChangelogError before anything is touched if the rollout `must` be recorded and cannot
        be, and whatever `body` raises, after recording it.
        """
        plan = replace(
            plan,
            notes=(*plan.notes, *self.remarks),
            overrides=(*plan.overrides, *self.overrides),
            retries=(*plan.retries, *self.retries),
        )
        outdated.demand_latest(plan, self.changelog)
        recorder = self._recorder(plan, must=must)
        recorder.start(path=path)
        self._demand_shared(recorder, must=must)
        roll = self._roll(plan, path, recorder)
        try:
            roll.note_problems()
            for result, told in rest or ():
                roll.rest(result, told=told)
            if roll.gate() or rest is not None:
                body(roll)
        except BaseException as error:
            said = error.output if isinstance(error, OpskitError) else ""
            why = str(error) or type(error).__name__
            recorder.finish(word_for(error), why, output=said, void=not roll.held)
            raise
        roll.close()
        report = roll.report()
        recorder.finish(report.outcome, report.reason, output=roll.output, lost=roll.ends.is_lost)
        return _with_record(report, recorder)

    def _roll(self, plan: Plan, path: str, recorder: Recorder) -> Roll:
        return Roll(
            plan,
            path=path,
            fleet=self.fleet,
            recorder=recorder,
            tell=self.tell,
            stop=self.stop,
            dead=lambda: unended(self.changelog, plan),
        )

    def _recorder(self, plan: Plan, *, must: bool) -> Recorder:
        return Recorder(
            self.changelog,
            plan,
            actor=self.actor,
            redactor=self.redactor,
            tell=self.tell,
            must=must,
        )

    def _demand_shared(self, recorder: Recorder, *, must: bool) -> None:
        """Raise RefusedError, recorded, if nothing may begin that the others cannot see, and this is such a thing."""
        if not (must and self.refuse_unshared and self.changelog.unshared):
            return
        if why := self.changelog.unshared():
            what = f"the others cannot see this: {why}"
            recorder.finish("refused", what)
            raise RefusedError(what, hint=ALONE)

    def refuse_held(self, states: Mapping[str, HostState]) -> None:
        """Raise LockedError if another run, not known to be dead, holds a host: before the work, not after it."""
        if self.patience:
            return
        for host, state in states.items():
            for lock in state.locks:
                if not is_dead(self.changelog, lock):
                    raise held_by(host, lock, state.now)

    @contextlib.contextmanager
    def locked(
        self,
        plan: Plan,
        roll: Roll,
        *,
        path: str,
        also: Sequence[str] = (),
        taken_over: Collection[str] = (),
        asked: Mapping[str, HostState] = NOTHING,
    ) -> Iterator[Locks]:
        """Hold the run's hosts for the block, and `also` others; hosts that cannot be locked are out of it.

        `taken_over` are owners of locks that somebody has said to be dead. `asked` is what hosts said, where nothing at all may have been done
        since. Raises LockedError, and RefusedError when a host has been changed since the plan was made.
        """
        locks = self.locks(plan, path=path, taken_over=taken_over)
        roll.traffic.locks = (locks,)
        keys = "" if plan.run else "own"
        try:
            with self.breakable():
                for host, error in self._take(locks, [*roll.left(), *also], keys).items():
                    if host in also:
                        self.tell(Warned(f"{host}: {error.what}"))
                    else:
                        roll.note_error(host, error)
                outdated.demand_as_planned(plan, roll.left(), locks.states)
                outdated.demand_as_asked(asked, locks.states)
            keys = ""
            roll.hold()
            with locks.kept():
                yield locks
        finally:
            self.fleet.resume()
            locks.release(self.tell, keys="all" if roll.ends.is_all_done else keys)

    def locks(self, plan: Plan, *, path: str, taken_over: Collection[str] = ()) -> Locks:
        """Give the locks of this run at one service's path, none of them taken yet."""
        return Locks(
            self.fleet,
            path=path,
            owner=plan.owner,
            action=plan.action,
            actor=self.actor,
            why=self.redactor.text(plan.why),
            key=key_for(self.changelog, plan.rollout),
            is_dead=lambda lock: lock.owner in taken_over or is_dead(self.changelog, lock),
        )

    def _take(self, locks: Locks, hosts: Sequence[str], keys: str) -> Mapping[str, OpskitError]:
        """Take the locks, all or none; while another run holds any, wait as long as there is patience."""
        while True:
            try:
                return locks.take(hosts)
            except LockedError as error:
                locks.release(self.tell, keys=keys)
                self.patience.wait(error, self.tell, self.stop)

    @contextlib.contextmanager
    def breakable(self) -> Iterator[None]:
        """Let the first wish to stop break off the block's work on hosts; nothing may be live in it."""
        try:
            with self.stop.during(self.fleet.cancel):
                yield
        finally:
            self.fleet.resume()

    def work(self, plan: Plan, service: Service, guard: str, roll: Roll) -> Work:
        """Give what the steps on each host share."""
        return Work(
            rollout=plan.rollout,
            service=service,
            guard=guard,
            tasks=self.tasks,
            secrets=self.secrets,
            tell=self.tell,
            stop=self.stop,
            traffic=roll.traffic if plan.drains else None,
        )


def unended(changelog: Changelog, plan: Plan) -> tuple[RolloutRecord, ...]:
    """Give earlier rollouts of this machine, of the same service or about the same hosts, that died without an end."""
    if not plan.is_rolling:
        return ()
    wanted = Filter(environment=plan.environment, outcome="unfinished", limit=20)
    whole = wanted._replace(action=plan.action, hosts=plan.hosts)
    wanted = wanted._replace(service=plan.service) if plan.service else whole
    here = str(this_machine()["host"])
    try:
        found = [rollout for rollout in changelog.rollouts(wanted) if rollout.runs_on == here]
        writer = changelog.me().writer if found else b""
        others = (each for each in found if each.events[0].header.rollout != plan.rollout)
        return tuple(rollout for rollout in others if may_end(rollout.events, writer))
    except ChangelogError:
        return ()  # a changelog that cannot be read is told of when the rollout is recorded


def word_for(error: BaseException) -> str:
    """Give the outcome that a rollout has when this error ended it."""
    if isinstance(error, InterruptedRunError | KeyboardInterrupt):
        return "interrupted"
    return "refused" if isinstance(error, LockedError | RefusedError) else "failed"


def _with_record(report: Report, recorder: Recorder) -> Report:
    if recorder.error is None:
        return report
    what = f"{report.action} {report.rollout} ended as {report.outcome}, but the changelog does not say so"
    if recorder.must:
        raise ChangelogError(f"{what}: {recorder.error.what}", hint=recorder.error.hint)
    hint = "write it down when the changelog works again: opskit note"
    warnings = (f"{what}: {recorder.error.what}; {hint}",)
    return replace(report, warnings=warnings, recorded=recorder.is_begun)
