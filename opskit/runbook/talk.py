"""How a run of a runbook talks with whoever follows it: questions as values, facts told as they happen, output as it comes.

`cli` shows them on a terminal; tests answer them from a list. A question whose answer nobody gives raises LeftError: the run is left as
it stands, and can be resumed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from opskit.config.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from opskit.runbook.ends import HostEnd
    from opskit.runbook.liabilities import Liability
    from opskit.runbook.model import Action, Choice, Step
    from opskit.runbook.parts import Done

GO, YES, NO, TEXT, CHOICE = "go", "yes", "no", "text", "choice"
SKIP, BACK, SHELL, ABORT, LEAVE = "skip", "back", "shell", "abort", "leave"
AGAIN, REST, MARK, UNDO, ANEW, AWAIT = "again", "rest", "mark", "undo", "anew", "await"
REASONED = (SKIP, MARK, ABORT)
"""Answers that come with a reason."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked. `kind` says what about:

    act: do this command? read: has it been read? ask: a value. confirm: yes or no. caution: type `wanted`. decide: one of `choices`. wait: go on
    waiting? check: is it so? evidence: what was seen. predict: what is to be expected (a drill). failed, unknown: what now?
    param, secret: a value that the run needs. changed: the file is not what it was. gone: the step is not in the file. undo: put this back?

    `leads` says where each of `choices` leads. `keys` are the answers that count, the first one that of an empty line if it is GO. `default` is what an empty text means; `problem` what was wrong
    with the answer before.
    """

    kind: str
    text: str
    keys: tuple[str, ...]
    step: Step | None = None
    action: Action | None = None
    hosts: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    leads: tuple[str, ...] = ()
    wanted: str = ""
    default: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: one of the question's keys, and what was typed with it: a value, a reason, a host, the label of a choice."""

    key: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class CameTo:
    """The run comes to a step, the `number`th of `of`."""

    step: Step
    number: int
    of: int


@dataclass(frozen=True, slots=True)
class Said:
    """Prose of a step, with the values filled in; `page` is what stands in the page, and `values` what is filled in."""

    text: str
    page: str = ""
    values: Mapping[str, str] = field(default=NOTHING, hash=False)


@dataclass(frozen=True, slots=True)
class Known:
    """A part that was dealt with before, and how."""

    what: str
    done: Done


@dataclass(frozen=True, slots=True)
class Shown:
    """A command that is shown and not asked about; where it would run, and what else is to be said of it."""

    action: Action
    hosts: tuple[str, ...]
    said: str = ""


@dataclass(frozen=True, slots=True)
class Ended:
    """What came of a command on each host."""

    action: Action
    outcome: str
    results: tuple[HostEnd, ...]


@dataclass(frozen=True, slots=True)
class Owed:
    """What is still open of what the run has done, the last first."""

    liabilities: tuple[Liability, ...]


@dataclass(frozen=True, slots=True)
class Warned:
    """Something that whoever follows it should know."""

    what: str


Fact = CameTo | Said | Known | Shown | Ended | Owed | Warned


class EndedBySignal(KeyboardInterrupt):
    """SIGTERM or SIGHUP: whoever waits for an answer gets none."""


class LeftError(Exception):
    """Nobody answers any more; `interrupted` if a signal said so."""

    def __init__(self, *, interrupted: bool = False) -> None:
        super().__init__("left")
        self.interrupted = interrupted


class Talk(Protocol):
    """Whoever follows a run."""

    def tell(self, fact: Fact) -> None:
        """Show something."""

    def ask(self, question: Question) -> Reply:
        """Give the answer to a question; raises LeftError."""

    def watching(
        self, hosts: Sequence[str]
    ) -> AbstractContextManager[Callable[[str, str, bytes], None]]:
        """Give what shows the output of a command on these hosts while it runs."""

    def rest(self, seconds: float, what: str) -> bool:
        """Wait, showing that; tells whether the time has passed, False if somebody interrupts it. Raises LeftError."""

    def shell(self, host: str, env: Mapping[str, str]) -> None:
        """Open a shell on a host, or on this machine, for as long as somebody wants it."""
