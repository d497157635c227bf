"""Batch after batch behind a gate: what deploy, rollback and restart have in common."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import OpskitError, RefusedError
from opskit.rollout.drain import Traffic
from opskit.rollout.ends import Ends, said
from opskit.rollout.facts import BatchBegun, Doing, HostEnded, Skipped, Stopped
from opskit.rollout.gates import AGREED
from opskit.rollout.probe import probe
from opskit.rollout.report import HostResult, Report, outcome_of
from opskit.rollout.steps import failed
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from opskit.changelog import RolloutRecord
    from opskit.fleet.command import Outcome
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.facts import Teller
    from opskit.rollout.gates import Ask
    from opskit.rollout.plan import Plan
    from opskit.rollout.recorder import Recorder
    from opskit.rollout.seats import Seat
    from opskit.rollout.stop import Stop


class Roll:
    """One run over the batches of a plan: counts failures, stops at the gate, knows every host's end."""

    def __init__(
        self,
        plan: Plan,
        *,
        path: str,
        fleet: Fleet,
        recorder: Recorder,
        tell: Teller,
        stop: Stop,
        dead: Callable[[], Sequence[RolloutRecord]] = tuple,
    ) -> None:
        self.ends = Ends(plan)
        self._begun: dict[str, None] = {}
        self._disagreed = ""
        self.reason = self.output = ""  # why it stops, and the last lines of a gate that says so
        self.held = False
        """Whether the run has held its hosts."""
        self._plan = plan
        self._path = path
        self._fleet = fleet
        self._recorder = recorder
        self._tell = tell
        self._stop = stop
        self._dead = dead
        self.traffic = Traffic(plan.drains, fleet=fleet, tell=tell, stop=stop, owner=plan.owner)

    def hold(self) -> None:
        """Note that the run holds its hosts, and write that rollouts which died there are over: whoever never gets its hosts ends nobody's.

        Which those are is asked now: somebody may have gone on with one while this run made ready or waited.
        """
        self.held = True
        for rollout in self._dead():
            self._recorder.abandon(rollout)

    def note_problems(self) -> None:
        """Count the hosts that the plan found unable to take part."""
        for target in self._plan.problems:
            live = target.before.id if target.before else ""
            end = HostResult(target.host, target.outcome, live, live=live)
            self.end(replace(end, error=target.problem, hint=target.hint))

    def note_error(self, host: str, error: OpskitError) -> None:
        """Count a host that failed before anything was live on it."""
        self.end(self._failed(host, error))

    def end(self, result: HostResult) -> None:
        """Take one host's end: tell it, record it."""
        self._tell(HostEnded(result))
        self._note(result)

    def _note(self, result: HostResult) -> None:
        self.ends.results[result.host] = result
        self._recorder.host(result)

    def rest(self, result: HostResult, *, told: bool) -> None:
        """Take the end of a host where nothing is left to do; it is recorded unless the changelog has it (`told`)."""
        if told:
            self.ends.results[result.host] = result
        else:
            self.end(result)

    def receipt(self, host: str, *, back: bool = False) -> str:
        """Give the line that is left on `host` before it is changed, or before it is put `back`."""
        before, after = self._releases(host)
        if back:
            before, after = after, before
        return self._recorder.receipt(before=before, after=after)

    def left(self) -> tuple[str, ...]:
        """Give the hosts that are still to be changed, in the order of the batches."""
        return self.ends.left()

    def gate(self) -> bool:
        """Tell whether the run may go on; if not, `reason` says why."""
        if self._stop.level:
            self.reason = "interrupted"
        elif self._recorder.must and self._recorder.error:
            self.reason = f"the changelog cannot be written: {self._recorder.error.what}"
        else:
            self.reason = self.ends.against() or self._disagreed
        return not self.reason

    def run(
        self, work: Callable[[Remote], HostResult], *, ask: Ask = lambda _number, _hosts: AGREED
    ) -> None:
        """Do `work` batch by batch until done or stopped; hosts whose turn never came are skipped.

        After each batch but the last, `ask` says whether the run may go on.
        """
        for number, batch in enumerate(self._plan.batches, 1):
            hosts = [host for host in batch if host not in self.ends.results]
            self._run_in_parts(work, number, hosts)
            if hosts and self.left() and self.gate():
                self._disagreed, self.output = ask(
                    number, [h for h in hosts if h in self.ends.results]
                )
        if self.left() or self.ends.not_done():
            self.gate()

    def take_back(self, work: Callable[[Remote], HostResult]) -> None:
        """Do `work`, which puts a host back, on those that have the change and had something before; the last to change are first."""
        there = [
            host
            for host in self._plan.hosts
            if (end := self.ends.results.get(host)) and end.outcome == "done" and end.before
        ]
        if there:
            self._tell(Doing(f"puts back {', '.join(there)}: {self.reason}"))
        size = max(map(len, self._plan.batches), default=1)
        while there:
            part = self.traffic.admit(there[-size:], self._begin_again, must=False)
            if not part:
                return
            self._run_batch(work, part)
            self._recorder.flush()
            there = [host for host in there if host not in part]

    def close(self) -> None:
        """Give every host without an end the end `skipped`, and say why the run stopped."""
        if self.left() and self.reason:
            self._tell(Stopped(self.reason, self.output))
        self._skip(self.left())

    def report(self) -> Report:
        """Give the report of the run as it stands."""
        results, goal = self.ends.in_order(), self._plan.goal
        outcome = outcome_of(results, interrupted=bool(self._stop.level), goal=goal)
        return Report(
            rollout=self._plan.rollout,
            action=self._plan.action,
            service=self._plan.service,
            environment=self._plan.environment,
            outcome=outcome,
            reason="" if outcome == goal else self.reason or said(self.ends.not_done()),
            seconds=self._recorder.seconds,
            hosts=results,
        )

    def _run_in_parts(
        self, work: Callable[[Remote], HostResult], number: int, hosts: Sequence[str]
    ) -> None:
        """Do a batch, as many hosts of it at a time as may be missing."""
        rest = list(hosts)
        while rest and self.gate():
            part = self.traffic.admit(self.ends.fitting(rest), self.begin)
            del rest[: len(part)]
            if not part:
                self.heed_traffic()
                return
            self._tell(BatchBegun(number, len(self._plan.batches), tuple(part)))
            self._run_batch(work, part)
            self._recorder.flush()

    def begin(self, hosts: Sequence[str], seats: Sequence[Seat]) -> bool:
        """Write that hosts are touched from now on, and tell whether the run may still go on."""
        self._begun |= dict.fromkeys(hosts)
        self._recorder.begin(hosts, seats)
        return self.gate()

    def _begin_again(self, hosts: Sequence[str], seats: Sequence[Seat]) -> bool:
        """Write where hosts that are put back are taken out; nothing keeps them from being put back."""
        if seats:
            self._recorder.begin(hosts, seats)
        return True

    def heed_traffic(self) -> None:
        """Stop at what a load balancer says; raises RefusedError if no host was changed, or may have been taken out."""
        self._disagreed = self._disagreed or self.traffic.reason
        for host in self.traffic.doubtful:
            self._note_doubtful(host)
        if self.gate() or self.traffic.reason != self.reason or self.ends.results:
            return
        self._skip(self._begun)
        raise RefusedError(self.reason, hint="see: opskit lb")

    def _skip(self, hosts: Iterable[str]) -> None:
        """Give hosts the end `skipped`: they are as they were."""
        ends = [self.traffic.settled(self._skipped(host)) for host in hosts]
        if ends:
            self._tell(Skipped(tuple(end.host for end in ends)))
        for end in ends:
            self._note(end)

    def _skipped(self, host: str) -> HostResult:
        before, after = self._releases(host)
        return HostResult(host, "skipped", before, after, before)

    def _note_doubtful(self, host: str) -> None:
        """Count a host of which nobody knows whether a load balancer took it out, unless it is put back now."""
        result = self._failed(host, OpskitError(self.traffic.reason))
        result = self.traffic.settled(result, last=True)
        if result.drained:
            self.end(result)

    def _run_batch(self, work: Callable[[Remote], HostResult], hosts: Sequence[str]) -> None:
        ends: list[HostResult] = []
        late: list[HostResult] = []
        with self._stop.during(self._fleet.cancel, least=STOP_NOW):
            for outcome in self._fleet.each(self.traffic.around(work), hosts):
                result = self._of(outcome)
                if self._path and (not result.live or result.outcome == "unknown"):
                    ends.append(result)
                elif self.traffic.is_out(result.host) and not result.drained:
                    late.append(result)
                else:
                    self.end(result)
        self._fleet.resume()
        for result in (*late, *self._find_out(ends)):
            self.end(self.traffic.settled(result, last=True))

    def _of(self, outcome: Outcome[HostResult]) -> HostResult:
        if outcome.value:
            return outcome.value
        error = outcome.error or OpskitError("nothing came back")
        return replace(self._failed(outcome.host, error), outcome="unknown", live="")

    def _failed(self, host: str, error: OpskitError) -> HostResult:
        before, after = self._releases(host)
        return failed(host, error, before=before, after=after)

    def _releases(self, host: str) -> tuple[str, str]:
        target = self._plan.targets_by_host[host]
        before, after = (
            release.id if release else "" for release in (target.before, target.after)
        )
        return before, after

    def _find_out(self, ends: Sequence[HostResult]) -> list[HostResult]:
        """Ask hosts what they run, where the work ended without knowing."""
        known = {end.host: end for end in ends}
        for outcome in self._fleet.each(lambda r: probe(r, path=self._path), known):
            end = known[outcome.host]
            if outcome.value:
                live = outcome.value.live
                known[outcome.host] = replace(
                    end, outcome="failed" if end.outcome == "unknown" else end.outcome, live=live
                )
        return list(known.values())
