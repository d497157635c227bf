"""What came of a rollout, and the exit code that says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.errors import HostKeyError, LoginError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.errors import OpskitError
    from opskit.fleet.command import Result
    from opskit.rollout.seats import Seat

MOST_ERROR = 1000  # characters of an error, and of output, that an event keeps for each host
MOST_OUTPUT = 4000
EXIT_CODES = {
    "done": 0,
    "reverted": 0,
    "failed": 1,
    "partial": 3,
    "refused": 5,
    "interrupted": 130,
}


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long one step took, in milliseconds."""

    step: str
    ms: int


@dataclass(frozen=True, slots=True)
class Sent:
    """What travelled to one host: how many files, and how many bytes, packed."""

    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class HostResult:
    """What came of one host.

    `outcome`: done; failed; reverted (it failed and was put back); unreachable; skipped (its turn never
    came); unknown. `before`, `after` and `live` are release ids; `live` is what runs there now, "" if not known.
    `boot` names the boot that it runs since, where that matters.
    """

    host: str
    outcome: str
    before: str = ""
    after: str = ""
    live: str = ""
    ms: int = 0
    at: int = 0
    steps: tuple[StepTime, ...] = ()
    sent: Sent | None = None
    error: str = ""
    hint: str = ""
    output: str = ""
    drained: tuple[Seat, ...] = ()
    """Where it is left out of load balancers, by this run."""
    boot: str = ""

    def body(self) -> dict[str, object]:
        """Give it as it stands in a `rollout.hosts` event: what hosts say is bounded there."""
        return {
            "host": self.host, "outcome": self.outcome, "from": self.before, "to": self.after,
            "live": self.live, "ms": self.ms, "at": self.at, "error": self.error[:MOST_ERROR], "output": self.output[-MOST_OUTPUT:],
            "steps": [{"step": step.step, "ms": step.ms} for step in self.steps],
            **({"drained": [seat.body() for seat in self.drained]} if self.drained else {}),
            **({"boot": self.boot} if self.boot else {}),
            **({"sent": {"files": self.sent.files, "bytes": self.sent.bytes}} if self.sent else {}),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Report:
    """The end of a rollout; `outcome` decides the exit code. `outputs` holds what commands said, by host."""

    rollout: str
    action: str
    service: str
    environment: str
    outcome: str
    reason: str
    seconds: float
    hosts: tuple[HostResult, ...]
    warnings: tuple[str, ...] = ()
    outputs: tuple[Result, ...] = ()
    recorded: bool = True
    """Whether its beginning stands in the changelog: a rollback goes on without."""

    @property
    def exit_code(self) -> int:
        """0 only when all that was asked for was done."""
        return EXIT_CODES[self.outcome]


def outcome_of(
    results: Sequence[HostResult], *, interrupted: bool = False, goal: str = "done"
) -> str:
    """Give the outcome of a run from those of its hosts; `goal` is what is wanted of each, done or reverted.

    Refused means that a gate stopped it and no host keeps the change; partial that some hosts do.
    """
    if (results or goal != "done") and all(result.outcome == goal for result in results):
        return goal  # of what touched no host, nothing is left that would have to go back
    if interrupted:
        return "interrupted"
    if any(result.outcome == goal for result in results):
        return "partial"
    changed = any(
        result.after and result.live == result.after != result.before for result in results
    )
    reverted = any(result.outcome == "reverted" for result in results)
    return "refused" if reverted and not changed else "failed"


def word_for(error: OpskitError) -> str:
    """Give the host outcome for the error that ended its work."""
    unreached = isinstance(error, UnreachableError | HostKeyError | LoginError)
    return "unreachable" if unreached else "failed"
