"""What came of a command on each host, and whether that is as the page says it should be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from opskit.errors import UsageError
from opskit.rollout.report import MOST_ERROR, MOST_OUTPUT
from opskit.runbook.model import CONTAINS, EXACT
from opskit.runbook.parts import DONE, FAILED, INTERRUPTED
from opskit.runbook.patterns import finds
from opskit.runbook.values import MOST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.runbook.model import Action, Expect

ALL_OUTPUT = 64 * MOST_OUTPUT
"""Characters of output that an event keeps of all hosts together."""


@dataclass(frozen=True, slots=True)
class HostEnd:
    """What came of a command on one host, or `local`: done, failed, unreachable, interrupted or skipped; `exit` is None if it has none."""

    name: str
    outcome: str
    exit: int | None = None
    ms: int = 0
    stdout: str = ""
    stderr: str = ""
    error: str = ""
    hint: str = ""

    @property
    def output(self) -> str:
        """What it said, standard error last."""
        return self.stdout + self.stderr

    def body(self, *, most: int = MOST_OUTPUT) -> dict[str, object]:
        """Give it as it stands in an event."""
        said = {"output": self.output[-most:], "error": self.error[:MOST_ERROR]}
        return {
            "name": self.name,
            "outcome": self.outcome,
            "exit": self.exit,
            "ms": self.ms,
            **said,
        }


@dataclass(frozen=True, slots=True)
class Acted:
    """What came of a command: `outcome` is done, failed or interrupted; `left`: whoever waited is gone."""

    outcome: str
    results: tuple[HostEnd, ...]
    left: bool = False

    @property
    def captured(self) -> str:
        """What it printed, without the last line's end: once if all hosts said the same, else that of one after the other."""
        said = list(dict.fromkeys(each.stdout.rstrip("\n") for each in self.results))
        return "\n".join(said)

    def bodies(self) -> list[dict[str, object]]:
        """Give the results as they stand in an event: the more hosts, the less of each."""
        most = min(MOST_OUTPUT, ALL_OUTPUT // max(1, len(self.results)))
        return [each.body(most=most) for each in self.results]


def judged(end: HostEnd, action: Action, *, interrupted: bool) -> HostEnd:
    """Give an end as it counts: one that did not print what was expected, or more than can be captured, is no good one."""
    if interrupted and end.outcome not in (DONE, "skipped"):
        return replace(end, outcome=INTERRUPTED)
    end = expected(end, action.expect)
    if action.capture and end.outcome == DONE and len(end.stdout) > MOST:
        return replace(
            end,
            outcome=FAILED,
            error=f"it printed more than the {MOST} characters that {action.capture} can hold",
        )
    return end


def expected(end: HostEnd, expect: Expect | None) -> HostEnd:
    """Give an end as a failed one if it did not print what the page says."""
    try:
        if expect is None or end.outcome != DONE or _is_as(expect, end.stdout):
            return end
    except UsageError as error:
        return replace(end, outcome=FAILED, error=error.what, hint=error.hint)
    wanted, got = (" ".join(said.split())[:200] for said in (expect.text, end.stdout))
    said = f"expected {expect.kind} `{wanted}`, and it printed " + (
        f"`{got}`" if got else "nothing"
    )
    return replace(end, outcome=FAILED, error=said)


def _is_as(expect: Expect, said: str) -> bool:
    wanted, got = expect.text.rstrip("\n"), said.rstrip("\n")
    if expect.kind == EXACT:
        return got == wanted
    if expect.kind == CONTAINS:
        return wanted in got
    return finds(wanted, got)


def outcome_of(results: Sequence[HostEnd], hosts: Sequence[str]) -> str:
    """Give the outcome of a command on these hosts by what came of it on each."""
    if any(each.outcome == INTERRUPTED for each in results):
        return INTERRUPTED
    done = len(results) == len(hosts) and all(each.outcome == DONE for each in results)
    return DONE if done else FAILED
