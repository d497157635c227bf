"""Runs of runbooks, to be kept as a golden file: `python -m tests.changelog.run_session tests/changelog/golden/v1.runs.jsonl`.

Ana and Ben leave one of each kind of event, and of each field, that a run writes. Times, ids and keys are other ones each time: the file
is made once for each version of the format, and kept for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.changelog import writing
from tests.changelog.running import (
    act,
    approve,
    begin,
    drain,
    finish,
    keep,
    resume,
    step,
    tell,
    whole,
)

if TYPE_CHECKING:
    from opskit.changelog import Changelog


def play(ana: Changelog, ben: Changelog) -> None:
    """Do what is to be kept: Ana begins, Ben says yes, Ana dies, Ben goes on and takes back; then a drill."""
    run = begin(ana, services=["shop", "db"])
    act(ana, run, "look", 1, mutates=False, hosts=("lb01", "lb02"), output="queue 42")
    step(ana, run, "drain", 0, "answered", kind="ask", name="server", value="web03")
    step(ana, run, "drain", 1, "answered", kind="ask", name="token", secret=True)
    finish(ana, run, "suspended", "step 2 wants a yes")
    tell(ana, ben)
    approve(ben, run, "drain", 1, "go")
    tell(ben, ana)
    resume(ana, run)
    step(ana, run, "drain", 1, "answered", kind="approve", value="ben@laptop")
    drain(ana, run)
    writing.start(ana, during=run, incident="INC-7", machine=writing.ELSEWHERE)
    ana.append(
        "note", {"text": "the graph is flat", "during": run, "incident": "INC-7"}, rollout=run
    )
    act(ana, run, "wait", 0, mutates=False, outcome="")
    tell(ana, ben)
    resume(ben, run, changed=["wait"])
    step(ben, run, "wait", 0, "marked", why="it is empty")
    step(ben, run, "put-back", 0, "answered", kind="shell", value="lb01")
    step(ben, run, "put-back", -1, "went", to="drain", how="back")
    step(ben, run, "drain", -1, "skipped", why="done before")
    finish(ben, run, "failed", "it queues again")
    resume(ben, run, undo=True)
    step(ben, run, "drain", 2, "undone", of="drain", rollback="put-back")
    finish(ben, run, "failed")
    owing = begin(ben, runbook="disk-full", incident="", why="")
    drain(ben, owing)
    finish(ben, owing, "aborted", "never mind")
    whole(ben, mode="drill")
    tell(ben, ana)


if __name__ == "__main__":
    keep(play)
