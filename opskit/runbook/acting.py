"""One command of a runbook carried out: on hosts through the fleet, or as a process here; what came of it on each, as values."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from opskit.config.model import NOTHING
from opskit.fleet.command import Command
from opskit.rollout.report import word_for
from opskit.runbook import words
from opskit.runbook.ends import Acted, HostEnd, expected, judged, outcome_of
from opskit.runbook.local import Local
from opskit.runbook.model import LOCAL, OPSKIT, SH, TASK
from opskit.runbook.page.calls import PROGRAM
from opskit.runbook.parts import DONE, FAILED, INTERRUPTED
from opskit.runbook.talk import EndedBySignal, LeftError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import AbstractContextManager
    from pathlib import Path

    from opskit.config.secret import Secret
    from opskit.fleet.command import Outcome, Result
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.runbook.model import Action

    Watch = Callable[[str, str, bytes], None]
    Env = Mapping[str, str | Secret]

T = TypeVar("T")
LOOK = 0.2
"""Seconds between two looks for a signal, which any thread of ours may have got."""
LEAVE_AT = 3


@dataclass(frozen=True, slots=True)
class Hands:
    """What it takes to act: the fleet, the folder of opskit.toml, its tasks, and what is asked of others.

    `select` gives the hosts of a selector; `let_in` sees to it that sudo lets us in on hosts as a user; `secrets` are those that tasks get.
    """

    fleet: Fleet
    folder: Path
    tasks: Path
    select: Callable[[str], tuple[str, ...]]
    let_in: Callable[[Sequence[str], str], None]
    secrets: Callable[[], Mapping[str, Secret]] = field(default=lambda: NOTHING)
    rollouts: Callable[[], Sequence[str]] = field(default=tuple)
    """Gives the ids of the rollouts that are recorded as part of this run."""
    listening: Callable[[], AbstractContextManager[object]] = field(default=contextlib.nullcontext)
    """Gives the blocks in which a signal may raise KeyboardInterrupt; at other times it waits for the next one."""


def act(
    action: Action,
    hosts: Sequence[str],
    env: Env,
    hands: Hands,
    watch: Watch,
    *,
    without: Collection[str] = (),
) -> Acted:
    """Do what a fence says on these hosts (`local` is here), and judge it. `env` are the values that it gets.

    Variables of the operator's own that are called as those `without` are none of it.

    The first Ctrl-C ends it, on hosts and here, the third leaves at once: raises LeftError then. Raises UsageError for what cannot be run at all.
    """
    if action.on == LOCAL and action.language != TASK:
        made = _process(action, env, hands, watch, without)
        seen = attended(lambda: [_local_end(made)], made.interrupt, listening=hands.listening)
    else:
        work = _work(action, env, hands, watch)
        limit = action.timeout * (1 + _batches(action, hosts))
        on_hosts = functools.partial(_on_hosts, action, hosts, work, hands.fleet)
        seen = attended(on_hosts, hands.fleet.cancel, limit, listening=hands.listening)
        hands.fleet.resume()
    results = [_late(each, action) if seen.late else each for each in seen.value]
    ends = tuple(judged(each, action, interrupted=seen.wish is not None) for each in results)
    return Acted(outcome_of(ends, hosts), ends, left=isinstance(seen.wish, EndedBySignal))


def _late(end: HostEnd, action: Action) -> HostEnd:
    """Give the end of a task that was ended as its time was over; commands say so themselves."""
    if end.outcome != FAILED or not end.error.startswith("cancelled"):
        return end
    return replace(end, error=f"it did not end within {action.timeout:g} s; {end.error}")


class Attended(NamedTuple, Generic[T]):
    """What came of some work, the last signal meanwhile, and whether its time was over before."""

    value: T
    wish: BaseException | None
    late: bool


def attended(
    work: Callable[[], T],
    cancel: Callable[[], object],
    limit: float = float("inf"),
    *,
    listening: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
) -> Attended[T]:
    """Let `work` be done by another thread, and hear signals meanwhile.

    Signals are heard within `listening`. Each signal calls `cancel`, and so does the end of `limit` seconds. Raises LeftError for the third signal, and what `work` raised.
    """
    said: list[T] = []
    raised: list[BaseException] = []
    over = (
        threading.Event()
    )  # a thread that is joined when a signal comes is told to be over by Python 3.11

    def run() -> None:
        try:
            said.append(work())
        except BaseException as error:  # noqa: BLE001 - it is raised again where somebody waits for it
            raised.append(error)
        finally:
            over.set()

    threading.Thread(target=run, daemon=True, name="runbook").start()
    wish, count, until = None, 0, time.monotonic() + limit
    late = False
    while not over.is_set():
        try:
            with listening():
                over.wait(LOOK)
            if time.monotonic() > until:
                until, late = float("inf"), True
                cancel()
        except KeyboardInterrupt as signal:
            wish, count = signal, count + 1
            if count >= LEAVE_AT:
                raise LeftError(interrupted=True) from None
            cancel()
    if raised:
        raise raised[0]
    return Attended(said[0], wish, late)


def _process(
    action: Action, env: Env, hands: Hands, watch: Watch, without: Collection[str] = ()
) -> Local:
    return Local(
        words.argv(action, env),
        env=env,
        folder=hands.folder,
        timeout=action.timeout,
        redactor=hands.fleet.vault.redactor,
        watch=lambda stream, data: watch(LOCAL, stream, data),
        gently=action.language == OPSKIT or (action.language == SH and PROGRAM in action.text),
        without=without,
    )


def _local_end(made: Local) -> HostEnd:
    result = made.run()
    error = ""
    if result.late:
        error = "it did not end in time; its processes were ended"
    elif result.exit:
        error = (
            f"ended by signal {-result.exit}"
            if result.exit < 0
            else f"ended with status {result.exit}"
        )
    outcome = INTERRUPTED if result.cut else FAILED if error else DONE
    said = (_text(result.stdout), _text(result.stderr))
    return HostEnd(LOCAL, outcome, result.exit, round(result.seconds * 1000), *said, error=error)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\0", "")


def _work(action: Action, env: Env, hands: Hands, watch: Watch) -> Callable[[Remote], Result]:
    if action.language == TASK:
        name, arguments = words.task(action, env)
        given = {**hands.secrets(), **env}
        return lambda remote: remote.run_task(
            hands.tasks,
            name,
            arguments,
            env=given,
            watch=lambda stream, data: watch(remote.name, stream, data),
        )
    command = Command(action.text, env=env, timeout=action.timeout, sudo=action.sudo)
    return lambda remote: remote.execute(
        command, watch=lambda stream, data: watch(remote.name, stream, data)
    )


def _batches(action: Action, hosts: Sequence[str]) -> int:
    return -(-len(hosts) // action.batch) if action.batch else 1


def _on_hosts(
    action: Action, hosts: Sequence[str], work: Callable[[Remote], Result], fleet: Fleet
) -> list[HostEnd]:
    """Do it batch by batch; after one that is not well, the rest is left alone."""
    ends: list[HostEnd] = []
    size = action.batch or len(hosts)
    for start in range(0, len(hosts), max(size, 1)):
        if any(end.outcome != DONE for end in ends):
            break
        batch = [_end(outcome) for outcome in fleet.each(work, hosts[start : start + size])]
        order = {host: number for number, host in enumerate(hosts)}
        ends += sorted(
            (expected(end, action.expect) for end in batch), key=lambda e: order[e.name]
        )
    reached = {end.name for end in ends}
    return [*ends, *(HostEnd(host, "skipped") for host in hosts if host not in reached)]


def _end(outcome: Outcome[Result]) -> HostEnd:
    ms = round(outcome.seconds * 1000)
    if outcome.error is not None:
        error = outcome.error
        said = f"{error.output}\n" if error.output else ""
        return HostEnd(
            outcome.host, word_for(error), None, ms, stderr=said, error=error.what, hint=error.hint
        )
    result = outcome.value
    if result is None:
        return HostEnd(outcome.host, FAILED, None, ms, error="nothing came of it")
    said_ = (_text(result.stdout), _text(result.stderr))
    if result.ok:
        return HostEnd(outcome.host, DONE, 0, ms, *said_)
    return HostEnd(
        outcome.host, FAILED, result.exit, ms, *said_, error=f"ended with status {result.exit}"
    )
