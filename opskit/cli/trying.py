"""Where a bisection tries commits: on one host, out of its load balancers and put back at every way out, or in a folder here."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from opskit.cli import doing
from opskit.cli.choice import Choice
from opskit.cli.render import text
from opskit.errors import (
    BuildError,
    ChangelogError,
    OpskitError,
    RefusedError,
    UnknownNameError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from opskit.blame.bisect.local import Brought
    from opskit.blame.bisect.record import Bisection, Writer
    from opskit.cli.session import Session
    from opskit.config.model import Config
    from opskit.config.secret import Redactor, Secret
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.context import Run
    from opskit.rollout.plan import Plan
    from opskit.rollout.report import Report

Made = TypeVar("Made")


@dataclass
class OnHost:
    """Tries commits on the host of a session; `held` around all of it."""

    opened: Session
    service: Service
    choice: Choice
    one: Bisection
    brings: list[str] = field(default_factory=list)
    _writer: Writer | None = None
    _demand_ours: Callable[[], None] | None = None
    _drained: bool = False

    def begin(self, one: Bisection, writer: Writer, demand_ours: Callable[[], None]) -> None:
        """Take note of the bisection as it stands in the changelog, of what writes there, and of what raises LockedError once it is somebody else's."""
        self.one, self._writer, self._demand_ours = one, writer, demand_ours

    @property
    def writer(self) -> Writer:
        """What writes each step down."""
        assert self._writer  # noqa: S101 - `begin` comes first
        return self._writer

    @property
    def redactor(self) -> Redactor:
        """What hides secrets in what checks say."""
        return self.opened.fleet.vault.redactor

    @property
    def fleet(self) -> Fleet:
        """The fleet of the host."""
        return self.opened.fleet

    @property
    def host(self) -> str:
        """The host."""
        return self.one.host

    @property
    def changed(self) -> bool:
        """Whether there is anything to be put back."""
        return bool(self._drained or self.one.brings or self.brings)

    @contextlib.contextmanager
    def held(self, *, drain: bool = True) -> Iterator[None]:
        """Take the host out for the block, unless it is only to be put back; whatever ends the block, the host is as it was, or somebody else's."""
        try:
            if drain:
                self._drain()
                self._return()  # to what tries were left on, a deploy could not go back
            yield
        finally:
            self._put_back()

    @contextlib.contextmanager
    def bring(self, sha: str) -> Iterator[Brought]:
        """Deploy a commit for the block; one that does not build, or is not healthy there, is trouble. Raises OpskitError."""
        from opskit.blame.bisect import putback
        from opskit.blame.bisect.came import came
        from opskit.blame.bisect.local import Brought
        from opskit.blame.bisect.record import BRINGS
        from opskit.rollout.deploy import deploy, plan_deploy
        from opskit.rollout.source import find_version

        made = plan_deploy(
            service=self.service,
            hosts=(self.host,),
            find=lambda: find_version(self.service.source, sha),
            fleet=self.opened.fleet,
            why=self._why(f"tries {sha[:10]}"),
            gates=self.opened.gates(self.service),
            rollout=self.opened.changelog.new_rollout_id(),
            judge=self.opened.judge,
            drain=not self.choice.no_drain,
            prunes=False,
        )
        if (state := made.states.get(self.host)) and putback.is_there(state, sha, self.one.was):
            yield Brought()
            return
        if state and putback.is_theirs(state.current, self.one.was, self._tried()):
            raise RefusedError(f"{self.host} was changed by somebody else meanwhile", hint="see opskit log")  # fmt: skip
        self.writer.step(BRINGS, made.plan.rollout, sha)
        self.brings.append(made.plan.rollout)
        try:
            report = self._do("deploy", made.plan, lambda run: deploy(made, run))
        except BuildError as error:
            yield Brought(None, error.what, error.output)
            return
        yield came(report, self.host)

    def _drain(self) -> None:
        """Take the host out of its load balancers, unless it is out by somebody else's wish, or is to stay in."""
        from opskit.blame.bisect.record import DRAINS
        from opskit.rollout import lb

        if self.service.load_balancer is None or self.choice.no_drain:
            return
        view = lb.look(self.service, self.opened.fleet, self.opened.changelog, only=(self.host,))
        if view.rows and all(row.server.is_out for row in view.rows):
            self._drained = any(row.by and row.by.id in self.one.drains for row in view.rows)
            return
        rollout = self.opened.changelog.new_rollout_id()
        made = lb.plan_by_hand(lb.DRAIN, service=self.service, hosts=(self.host,), fleet=self.opened.fleet, why=self._why("takes it out"), rollout=rollout)  # fmt: skip
        self.writer.step(DRAINS, rollout)
        self._drained = True
        _demand_done(self._do("lb", made.plan, lambda run: lb.by_hand(made, run)), "taken out")

    def _put_back(self) -> None:
        """Bring the host back to what it ran, then behind its load balancers; raises OpskitError that says what is left to do."""
        if self._demand_ours:
            self._demand_ours()
        again = f"opskit bisect --resume {self.one.id} --stop"
        try:
            self._return()
            self._restore()
        except (OpskitError, KeyboardInterrupt) as error:
            what = str(error) or "interrupted"
            raise OpskitError(
                f"{self.host} is not back as it was: {what}", hint=f"to put it back: {again}"
            ) from error

    def _return(self) -> None:
        from opskit.blame.bisect import putback
        from opskit.blame.bisect.record import RETURNS

        tried = self._tried()
        if not (self.one.brings or self.brings):
            return
        try:
            made = self._way(putback.plan_return)
        except UnknownNameError:
            self._bring_anew()
            return
        if self._stays_theirs(made.plan):
            return
        if not made.plan.batches and all(not t.problem for t in made.plan.targets):
            self._do("rollback", made.plan, lambda run: putback.tidy(made, run, self.host, tried))
            return
        self._note(RETURNS, made.plan.rollout)
        report = self._do("rollback", made.plan, lambda run: putback.go_back(made, run, self.host, tried))  # fmt: skip
        _demand_done(report, "put back")

    def _bring_anew(self) -> None:
        """Deploy the revision that ran there, of which the host has no release any more; raises SourceError if it cannot be had."""
        from opskit.blame.bisect import putback
        from opskit.blame.bisect.record import RETURNS
        from opskit.rollout.deploy import deploy

        made = self._way(putback.plan_anew)
        if self._stays_theirs(made.plan):
            return
        self._note(RETURNS, made.plan.rollout)
        _demand_done(self._do("deploy", made.plan, lambda run: deploy(made, run)), "put back")
        self._return()  # what was tried is still there

    def _way(self, plan: Callable[..., Made]) -> Made:
        """Plan one of the ways back."""
        return plan(
            self.service,
            self.host,
            self.one.was,
            fleet=self.opened.fleet,
            rollout=self.opened.changelog.new_rollout_id(),
            why=self._why("puts back what ran there"),
            drain=not self.choice.no_drain,
        )

    def _stays_theirs(self, plan: Plan) -> bool:
        """Tell whether the host runs what somebody else brought meanwhile, and say so."""
        from opskit.blame.bisect import putback

        target = plan.targets_by_host.get(self.host)
        runs = target.before if target else None
        if runs is None or not putback.is_theirs(runs, self.one.was, self._tried()):
            return False
        text.mention(f"{self.host} runs {runs.title}, which somebody else brought; it stays", colour="yellow")  # fmt: skip
        return True

    def _tried(self) -> tuple[str, ...]:
        """Give the releases that this bisection has brought."""
        from opskit.blame.bisect import putback

        brings = (*self.one.brings, *self.brings)
        return putback.tried(self.opened.changelog, brings, self.one.was)

    def _restore(self) -> None:
        from opskit.blame.bisect.record import RESTORES
        from opskit.rollout import lb

        if not self._is_out():
            return
        rollout = self.opened.changelog.new_rollout_id()
        made = lb.plan_by_hand(lb.RESTORE, service=self.service, hosts=(self.host,), fleet=self.opened.fleet, why=self._why("puts it back"), rollout=rollout)  # fmt: skip
        self._note(RESTORES, rollout)
        _demand_done(self._do("lb", made.plan, lambda run: lb.by_hand(made, run)), "put back")

    def _is_out(self) -> bool:
        """Tell whether the host is out of its load balancers because of this bisection."""
        from opskit.rollout import lb

        if self.service.load_balancer is None:
            return False
        view = lb.look(self.service, self.opened.fleet, self.opened.changelog, only=(self.host,))
        ours = (row.by and row.by.id in self.one.drains for row in view.rows)
        return any(row.server.is_out for row in view.rows) and (self._drained or any(ours))

    def _do(self, command: str, plan: Plan, do: Callable[[Run], Report]) -> Report:
        choice = Choice(command, None, dry_run=False, yes=True, as_json=self.choice.as_json, override_freeze=self.choice.override_freeze, no_drain=self.choice.no_drain)  # fmt: skip
        return doing.watched(self.opened, choice, plan, do)

    def _note(self, what: str, rollout: str) -> None:
        """Write what is about to be done; to put a host back does not wait for a changelog that cannot be written."""
        try:
            self.writer.step(what, rollout)
        except ChangelogError as error:
            text.mention(f"not written down: {error.what}", colour="yellow")

    def _why(self, what: str) -> str:
        return f"bisection {self.one.id} {what}"


@dataclass
class InFolder:
    """Tries commits in folders of this machine; nothing has to be put back."""

    config: Config
    service: Service
    secrets: Mapping[str, Secret]
    redactor: Redactor
    host: str = ""
    changed: bool = False
    fleet: Fleet | None = None

    def begin(self, one: Bisection, writer: Writer, demand_ours: Callable[[], None]) -> None:
        """There is nothing to be written down of a folder."""

    @contextlib.contextmanager
    def held(self, *, drain: bool = True) -> Iterator[None]:  # noqa: ARG002 - as of OnHost
        """There is nothing to be held."""
        yield

    @contextlib.contextmanager
    def bring(self, sha: str) -> Iterator[Brought]:
        """Give the folder of a commit for the block; one that does not build is trouble. Raises SourceError."""
        from opskit.blame.bisect.local import in_folder

        with in_folder(self.service, sha, secrets=self.secrets, redactor=self.redactor) as found:
            yield found


def _demand_done(report: Report, what: str) -> None:
    if report.outcome != "done":
        raise OpskitError(f"it could not be {what}: {report.reason or report.outcome}")
