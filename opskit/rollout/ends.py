"""The ends that hosts of a run have come to, and what they say against going on: the failure budget, the capacity floor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import LockLostError
from opskit.rollout.gates import below, fitting_in, full_floor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.rollout.plan import Plan
    from opskit.rollout.report import HostResult


class Ends:
    """What came of each host of a plan so far, by its name in `results`."""

    def __init__(self, plan: Plan) -> None:
        self.results: dict[str, HostResult] = {}
        self._plan = plan

    def left(self) -> tuple[str, ...]:
        """Give the hosts that are still to be changed, in the order of the batches."""
        return tuple(
            host for batch in self._plan.batches for host in batch if host not in self.results
        )

    def in_order(self) -> tuple[HostResult, ...]:
        """Give the ends in the order of the plan's hosts."""
        return tuple(self.results[host] for host in self._plan.hosts if host in self.results)

    def not_done(self) -> list[HostResult]:
        """Give the ends that are not what the run is for."""
        return [result for result in self.results.values() if result.outcome != self._plan.goal]

    @property
    def is_all_done(self) -> bool:
        """Whether nothing is left that anybody could go on with."""
        return not self.left() and not self.not_done()

    @property
    def is_lost(self) -> bool:
        """Whether a host said that the lock of this run is gone."""
        return any(LockLostError.words in result.error for result in self.results.values())

    def against(self) -> str:
        """Say why no further host may be changed, "" if one may: too many failed, or too few are left that serve."""
        bad = [result for result in self.not_done() if not self._is_excused(result)]
        if len(bad) > self._plan.max_failures:
            return said(bad)
        if self.room() < 1:
            return below(self._plan.gates, self._down())
        if full := full_floor(self._plan.gates, self.left(), self._down()):
            return below(full, self._down())
        return ""

    def room(self) -> int:
        """Give how many hosts may be changed at once, so that enough others are healthy; a rollback always may change one."""
        gates = self._plan.gates
        if gates.room is None:
            return len(self._plan.hosts) or 1
        room = gates.room - len(self._down())
        return room if self._plan.problems_count else max(room, 1)

    def fitting(self, hosts: Sequence[str]) -> Sequence[str]:
        """Give as many of these hosts, the first ones, as may be changed at once."""
        return fitting_in(self._plan.gates, hosts[: self.room()], self._down())

    def _down(self) -> list[str]:
        return [host for host, result in self.results.items() if _is_down(result)]

    def _is_excused(self, result: HostResult) -> bool:
        """Tell whether a host uses up no budget: none that is out of reach may stop a rollback of the others."""
        if self._plan.problems_count:
            return False
        return result.outcome == "unreachable" or bool(
            self._plan.targets_by_host[result.host].problem
        )


def said(bad: Sequence[HostResult]) -> str:
    """Say in one line what is wrong with hosts, the first of them named; "" for none."""
    more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
    return f"{bad[0].host}{more}: {bad[0].error}" if bad else ""


def _is_down(result: HostResult) -> bool:
    """Tell whether a host must be taken for one that does not serve: only what stayed on its old release, untouched, does."""
    untouched = result.live == result.before != result.after
    return result.outcome in ("unreachable", "unknown") or (
        result.outcome == "failed" and not untouched
    )
