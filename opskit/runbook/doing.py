"""What a machine does: the commands of a step, asked about, written down before and after; and what is waited for."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from opskit.errors import ChangelogError, LockedError, OpskitError
from opskit.runbook import alive
from opskit.runbook.acting import act
from opskit.runbook.asking import WAYS_OUT, ask, caution, left, title
from opskit.runbook.ends import Acted, HostEnd
from opskit.runbook.lacking import complete
from opskit.runbook.model import LOCAL, Action
from opskit.runbook.parts import DONE, FAILED, INTERRUPTED, UNKNOWN, name_of
from opskit.runbook.progress import SUSPENDED
from opskit.runbook.reach import demand_plain
from opskit.runbook.stopping import StoppedError
from opskit.runbook.talk import (
    AGAIN,
    AWAIT,
    GO,
    MARK,
    REST,
    SHELL,
    TEXT,
    UNDO,
    Ended,
    LeftError,
    Question,
    Shown,
)
from opskit.runbook.values import names_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.runbook.model import Step
    from opskit.runbook.parts import Done
    from opskit.runbook.talk import Reply
    from opskit.runbook.walk import Walk

LOOK_AGAIN = 1.0
"""Seconds between two looks whether a command still runs."""
MOST_EXPECTED = 4000
"""Characters of what a command must print that an event keeps."""


def action(walk: Walk, step: Step, number: int, which: Action) -> None:
    """Ask about a command, and do it."""
    predicted = walk.mode == "drill" and which.mutates
    if not (predicted or complete(walk, step, which)):
        return
    hosts = where(walk, which)
    if predicted:
        _predict(walk, step, number, which, hosts)
        return
    if which.mutates and not _is_cautioned(walk, step):
        agreed = caution(walk, step, -1, title(walk, which), action=which, hosts=hosts)
    else:
        agreed = walk.mode == "auto" or walk.agreed or _agreed(walk, step, which, hosts)
    if agreed:
        do(walk, step, number, which, hosts)


def where(walk: Walk, which: Action) -> tuple[str, ...]:
    """Give the hosts of a command, or `local`; raises SelectorError, UnknownNameError, UsageError."""
    demand_plain(walk.record.book, which, walk.known)
    return (LOCAL,) if which.on == LOCAL else walk.hands.select(walk.say(which.on))


def do(walk: Walk, step: Step, number: int, which: Action, hosts: tuple[str, ...]) -> None:
    """Write that it begins, do it, write what came of it. Raises LeftError once it is written, if nobody waits any more."""
    walk.record.demand_ours()
    if which.sudo and which.on != LOCAL:
        with walk.hands.listening():
            walk.hands.let_in(hosts, which.sudo)
    begin(walk, step, number, which, hosts)
    look = walk.hands.rollouts if which.on == LOCAL else tuple
    before = look()
    acted = carried_out(walk, which, hosts)
    capture = (
        {"name": which.capture, "value": acted.captured}
        if which.capture and acted.outcome == DONE
        else {}
    )
    new = [each for each in look() if each not in before]
    walk.note(
        step,
        number,
        "ended",
        outcome=acted.outcome,
        results=acted.bodies(),
        capture=capture,
        rollouts=new,
    )
    walk.talk.tell(Ended(which, acted.outcome, acted.results))
    if acted.left:
        raise LeftError(interrupted=True)


def what_now(walk: Walk, step: Step, number: int, which: Action, done: Done) -> None:
    """Ask what becomes of a command that failed, was ended before its end, or of which nobody knows."""
    kind = "unknown" if done.status == UNKNOWN else "failed"
    began = alive.begin_of(walk.record.events, step.id, number)
    living = alive.processes(began) if kind == "unknown" and which.on == LOCAL else ()
    said = _told(step, which, done) + _lives(walk, which, living, began)
    if walk.mode == "auto" and done.status == INTERRUPTED:
        raise StoppedError(SUSPENDED, said, interrupted=True)
    if walk.mode == "auto" and kind == "failed":
        raise StoppedError(FAILED, said)
    hosts = tuple(host for host in done.hosts if host != LOCAL)
    _show_unseen(walk, number, which, done)
    rest = _not_done(which, done)
    keys = _offered(which, hosts, rest=bool(rest), lives=bool(living))
    reply = ask(walk, Question(kind, said, keys, step, action=which, hosts=hosts))
    if left(walk, step, reply):
        return
    if reply.key not in (AGAIN, REST) or complete(walk, step, which):
        _dealt_with(walk, step, number, which, reply)


def _dealt_with(walk: Walk, step: Step, number: int, which: Action, reply: Reply) -> None:
    """Do what somebody says about a command that did not end well."""
    done = walk.record.now.of(step.id, number)
    match reply.key:
        case "await":
            _await(walk, alive.begin_of(walk.record.events, step.id, number))
        case "again":
            do(walk, step, number, which, where(walk, which))
        case "rest":
            do(walk, step, number, which, _not_done(which, done))
        case "mark":
            walk.note(step, number, "marked", why=reply.text)
        case "undo":
            walk.note(step, number, "went", to=which.rollback, how="undo")
        case _:
            _shell(walk, step, reply.text or done.hosts[0])


def _offered(which: Action, hosts: tuple[str, ...], *, rest: bool, lives: bool) -> tuple[str, ...]:
    """Give what can be done about a command that did not end well: as long as it lives, it is neither run again nor undone."""
    offered = {
        AWAIT: lives,
        AGAIN: not lives,
        REST: rest,
        MARK: True,
        UNDO: bool(which.rollback) and not lives,
        SHELL: bool(hosts),
    }
    return (*(key for key, is_there in offered.items() if is_there), *WAYS_OUT)


def _lives(walk: Walk, which: Action, living: Sequence[int], began: str) -> str:
    """Say of a command of unknown outcome whether it still runs, as far as that is known here."""
    if living:
        numbers = ", ".join(map(str, living[:5]))
        return f"; it still runs on this machine, as process {numbers}"
    where_ = alive.elsewhere(walk.record.events, began) if which.on == LOCAL and began else ""
    return f"; that was on {where_}, where it may still run" if where_ else ""


def _await(walk: Walk, began: str) -> None:
    """Wait until a command that an opskit left behind has ended: what it comes to is for a person to find out."""
    while alive.processes(began):
        if not walk.talk.rest(LOOK_AGAIN, "for the command that still runs"):
            return


def _show_unseen(walk: Walk, number: int, which: Action, done: Done) -> None:
    """Show all of a command to who has not seen it: it was begun by somebody else, or before this session."""
    if not walk.has_seen(number):
        walk.talk.tell(Shown(which, done.hosts or (LOCAL,)))


def _not_done(which: Action, done: Done) -> tuple[str, ...]:
    """Give the hosts on which a command did not end well, if it did on others; none where all are needed for what it captures."""
    bad = tuple(str(each.get("name")) for each in done.results if each.get("outcome") != DONE)
    return bad if bad and len(bad) < len(done.results) and not which.capture else ()


def _is_cautioned(walk: Walk, step: Step) -> bool:
    """Tell whether a step needs no typed word before its commands, or had it: to a Confirm above them, or to one of them."""
    return not step.cautious or step.id in walk.record.now.cautioned


def _agreed(walk: Walk, step: Step, which: Action, hosts: tuple[str, ...]) -> bool:
    """Let a person say that a command is to be done; tells whether that was said."""
    keys = (GO, SHELL, *WAYS_OUT)
    question = Question("act", title(walk, which), keys, step, action=which, hosts=hosts)
    while not left(walk, step, reply := ask(walk, question)):
        if reply.key != SHELL:
            return True
        _shell(walk, step, reply.text or hosts[0])
    return False


def _shell(walk: Walk, step: Step, host: str) -> None:
    """Let somebody look at a host; that it was done is written down."""
    walk.note(step, -1, "answered", kind="shell", value=host)
    walk.talk.shell(host, walk.known)


def _predict(walk: Walk, step: Step, number: int, which: Action, hosts: tuple[str, ...]) -> None:
    """Show a command that a drill does not run, and let somebody say what it would do."""
    walk.talk.tell(Shown(which, hosts, "not run: a drill does not"))
    question = Question(
        "predict", "what do you expect to see?", (TEXT, *WAYS_OUT), step, action=which, hosts=hosts
    )
    if not left(walk, step, reply := ask(walk, question)):
        walk.note(step, number, "answered", kind="predict", value=reply.text)


def begin(
    walk: Walk, step: Step, number: int, which: Action, hosts: tuple[str, ...], **more: object
) -> None:
    """Write that a command begins, with all that it takes to do it once more: durable before it does."""
    expect = which.expect
    if expect is not None:
        more["expect"] = {"name": expect.kind, "value": expect.text[:MOST_EXPECTED]}
    walk.note(
        step, number, "began", hosts=list(hosts), script=which.text, language=which.language,
        on=walk.say(which.on), mutates=which.mutates, rollback=which.rollback if which.mutates else "",
        timeout=round(which.timeout * 1000), batch=which.batch, sudo=which.sudo, captures=which.capture, **more,
    )  # fmt: skip


def carried_out(walk: Walk, which: Action, hosts: tuple[str, ...], *, shown: bool = True) -> Acted:
    """Do it, shown as it goes; what cannot be run at all has failed on all of its hosts."""
    env = walk.env(which)
    try:
        with walk.talk.watching(hosts) if shown else nullcontext(_unseen) as watch:
            return act(which, hosts, env, walk.hands, watch, without=names_of(walk.record.book))
    except (ChangelogError, LockedError):
        raise
    except OpskitError as error:
        ends = tuple(HostEnd(host, FAILED, error=error.what, hint=error.hint) for host in hosts)
        return Acted(FAILED, ends)


def _unseen(_host: str, _stream: str, _data: bytes) -> None:
    """Show nothing."""


def _told(step: Step, which: Action, done: Done) -> str:
    from opskit.fleet.selectors import fold

    first = which.text.strip().partition("\n")[0]
    where_ = "here" if done.hosts in ((), (LOCAL,)) else f"on {fold(done.hosts)}"
    if done.status == UNKNOWN:
        return f"{name_of(step)}: `{first}` began {where_}, and nobody knows how it ended"
    bad = [each for each in done.results if each.get("outcome") not in (DONE, "skipped")]
    why = f": {bad[0].get('error')}" if bad and bad[0].get("error") else ""
    names = [str(each.get("name")) for each in bad]
    at = "here" if names in ([], [LOCAL]) else f"on {fold(names)}"
    return f"{name_of(step)}: `{first}` {'was ended' if done.status == INTERRUPTED else 'failed'} {at}{why}"
