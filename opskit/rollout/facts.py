"""What a rollout says while it runs: small frozen facts, told through one callback."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.rollout.report import HostResult


@dataclass(frozen=True, slots=True)
class Recorded:
    """The rollout stands in the changelog; from here on hosts may be touched."""

    rollout: str


@dataclass(frozen=True, slots=True)
class Doing:
    """Something on this machine or on all hosts has begun, and the run waits for it."""

    what: str


@dataclass(frozen=True, slots=True)
class BatchBegun:
    """Batch `number` of `of` begins; the first is the canary."""

    number: int
    of: int
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class StepBegun:
    """A host has begun a step: stage, switch, restart, check, put back, run."""

    host: str
    step: str


@dataclass(frozen=True, slots=True)
class HostEnded:
    """What came of one host."""

    result: HostResult


@dataclass(frozen=True, slots=True)
class Skipped:
    """What came of hosts whose turn never came: nothing."""

    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stopped:
    """No further batch is begun, and why; `output` are the last lines of a gate that says so."""

    reason: str
    output: str = ""


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that the operator should know, though the run goes on."""

    what: str


Fact = Recorded | Doing | BatchBegun | StepBegun | HostEnded | Skipped | Stopped | Warned


class Teller:
    """Tells facts to a listener from any thread; a listener that fails never stops a rollout.

    The first failure is kept in `error` and the rest of the run is silent.
    """

    def __init__(self, listener: Callable[[Fact], None]) -> None:
        self.error: Exception | None = None
        self._listener = listener
        self._lock = threading.Lock()

    def __call__(self, fact: Fact) -> None:
        """Tell one fact."""
        with self._lock:
            if self.error is None:
                try:
                    self._listener(fact)
                except Exception as error:  # noqa: BLE001 - whatever a display does, hosts come first
                    self.error = error
