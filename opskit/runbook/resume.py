"""A run goes on: from any laptop with the shared changelog, from where its events say that it stands, with the file as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.errors import RefusedError
from opskit.runbook.asking import title
from opskit.runbook.folding import fold
from opskit.runbook.parts import DONE, NOT_BEGUN, WHOLE, is_over, name_of, working
from opskit.runbook.past import demand_free
from opskit.runbook.progress import SUSPENDED
from opskit.runbook.record import Record
from opskit.runbook.run import asker, introduce
from opskit.runbook.stopping import ABORTED, StoppedError
from opskit.runbook.talk import ANEW, BACK, GO, LEAVE, Known, Question, Warned
from opskit.runbook.values import of_page, secrets
from opskit.runbook.walk import AUTO, End, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from opskit.changelog import Changelog, Event
    from opskit.config.secret import Redactor
    from opskit.runbook.acting import Hands
    from opskit.runbook.model import Runbook, Step
    from opskit.runbook.progress import Progress
    from opskit.runbook.talk import Talk


@dataclass(frozen=True, slots=True)
class Differences:
    """What of the file is not as it was: steps that were finished and have changed since, new ones, ids of those that are gone.

    `current` is the step that is next, if a part of it was done before it changed.
    """

    changed: tuple[Step, ...] = ()
    new: tuple[Step, ...] = ()
    gone: tuple[str, ...] = ()
    current: Step | None = None
    unapproved: tuple[Step, ...] = ()
    """Steps that are still to be done, and are not those that somebody said yes to."""

    @property
    def ids(self) -> list[str]:
        """The steps that differ from what was run, by their ids."""
        return [
            step.id
            for step in dict.fromkeys(
                (*self.changed, *((self.current,) if self.current else ()), *self.unapproved)
            )
        ]


def differences(book: Runbook, now: Progress) -> Differences:
    """Compare the file with what was run of it."""
    differ = [s for s in book.steps if now.ran.get(s.id, s.digest) not in ("", s.digest)]
    over = tuple(step for step in differ if step.id != now.step)
    begun = [s for s in differ if s.id == now.step and any(key[0] == s.id for key in now.parts)]
    known = {step.id for step in book.steps}
    return Differences(
        changed=over,
        new=tuple(step for step in book.steps if step.id not in now.order),
        gone=tuple(name for name in now.order if name not in known),
        current=begun[0] if begun else None,
        unapproved=tuple(step for step in book.steps if _is_unapproved(step, now)),
    )


def _is_unapproved(step: Step, now: Progress) -> bool:
    known = now.approved.get(step.id) == step.digest
    return bool(now.approved) and not known and not is_over(step, now.parts)


def reopen(
    book: Runbook,
    changelog: Changelog,
    hands: Hands,
    talk: Talk,
    *,
    events: Sequence[Event],
    environment: str,
    mode: str = "",
    take_over: bool = False,
    undo: bool = False,
    written: bool = True,
    unasked: bool = False,
    reload: Callable[[], Sequence[Event]] | None = None,
) -> Walk:
    """Make durable that somebody goes on with a run, or (`undo`) puts back what it left; gives what follows it.

    What is not `written` is only looked at; where it is `unasked`, nothing will be run that needs a secret. Of several who go on at once, the first by the order of the changelog does. `mode` is how it goes on, "" for as it was begun; an automatic one is gone on with by hand. Raises LockedError if somebody else is at it,
    RefusedError for one that is over, UsageError for a secret that is missing.
    """
    now = fold(book.steps, events)
    if not undo:
        demand_open(now)
    if written and not take_over:
        demand_free(changelog, now)
    how = mode or ("drill" if now.mode == "drill" else "run")
    if not undo:
        introduce(book, talk, now.values)
    needed = [
        p
        for p in book.parameters
        if written and not unasked and p.secret and p.name in now.secrets
    ]
    hidden = secrets(needed, ask=None if how == AUTO else asker(talk))
    hands.fleet.vault.hide(hidden.values())
    record = Record(
        book,
        changelog,
        run=now.run,
        environment=environment,
        redactor=lambda: hands.fleet.vault.redactor,
        earlier=events,
        must=not undo,
        reload=reload,
    )
    if written:
        record.resume(changed=differences(book, now).ids, undo=undo)
        record.demand_ours()
    _tell_strange(book, talk, now)
    return Walk(record, hands, talk, mode=how, secrets=hidden)


def _tell_strange(book: Runbook, talk: Talk, now: Progress) -> None:
    if not book.steps:
        return  # it is gone, and nothing of it is run
    if strange := sorted(now.values.keys() - of_page(book, now.values).keys()):
        names = ", ".join(ascii(name)[1:-1][:40] for name in strange[:10])
        what = "values of this run that its page does not know, or that do not fit there"
        talk.tell(Warned(f"{what}, are left out: {names}"))


def settle_all(walk: Walk) -> None:
    """Settle what of the file is not as it was when the run was last followed, before this session. Raises StoppedError, LeftError."""
    book = walk.record.book
    settle(walk, differences(book, fold(book.steps, walk.record.events[:-1])))


def abort(
    book: Runbook,
    changelog: Changelog,
    *,
    events: Sequence[Event],
    environment: str,
    why: str,
    redactor: Callable[[], Redactor],
    take_over: bool = False,
) -> End:
    """Write that nobody goes on with a run, and why; what it left stays to be put back. `book` may be a page without steps, where there is none any more.

    Raises LockedError if somebody else is at it, or went on with it at the same moment; RefusedError for one that is over, ChangelogError.
    """
    now = fold(book.steps, events)
    demand_open(now)
    if not take_over:
        demand_free(changelog, now)

    def reload() -> Sequence[Event]:
        if changelog.look:
            changelog.look()
        return changelog.run(now.run).events

    record = Record(
        book, changelog, run=now.run, environment=environment, redactor=redactor, earlier=events, reload=reload,
    )  # fmt: skip
    record.resume(changed=[])
    record.demand_ours()
    record.finish(ABORTED, why)
    return End(ABORTED, why, 0, record.now)


def settle(walk: Walk, found: Differences) -> None:
    """Tell what was done before, and what of the file is not as it was; ask where that matters. Raises StoppedError, LeftError."""
    _recall(walk)
    if found.new:
        names = ", ".join(name_of(step) for step in found.new)
        walk.talk.tell(Warned(f"new in the file since the run began: {names}"))
    if found.gone:
        walk.talk.tell(Warned(f"no longer in the file: {', '.join(found.gone)}"))
    if found.unapproved:
        names = ", ".join(name_of(step) for step in found.unapproved)
        _ask(
            walk,
            f"not as it was when somebody approved it: {names}",
            (GO, LEAVE),
            found.unapproved[0],
        )
    if found.changed:
        _ask_about_finished(walk, found)
    if found.current is not None and walk.record.now.step == found.current.id:
        _ask_about_current(walk, found.current)


def _recall(walk: Walk) -> None:
    """Tell whoever goes on what others answered, did and skipped in the steps that are over."""
    now = walk.record.now
    for step in walk.record.book.steps:
        for number in (*working(step), WHOLE) if step.id != now.step else ():
            if (done := now.of(step.id, number)) is not NOT_BEGUN:
                what = "" if number == WHOLE else f": {title(walk, step.parts[number])}"
                walk.talk.tell(Known(f"{name_of(step)}{what}", done))


def demand_open(now: Progress) -> None:
    """Raise RefusedError for a run that is over."""
    if now.outcome == DONE:
        raise RefusedError(f"run {now.run} is done", hint=f"see: opskit log {now.run}")
    if now.outcome == ABORTED:
        hint = f"begin a new one; to put back what it left: opskit runbook undo {now.run}"
        raise RefusedError(f"run {now.run} was aborted", hint=hint)


def _ask_about_finished(walk: Walk, found: Differences) -> None:
    names = ", ".join(name_of(step) for step in found.changed)
    text = f"finished, and changed in the file since: {names}"
    reply = _ask(walk, text, (GO, BACK, LEAVE), found.changed[0])
    if reply == BACK:
        now, first = walk.record.now, found.changed[0]
        walk.note(first, -1, "went", to=first.id, how="jump", value=f"from {now.step}")


def _ask_about_current(walk: Walk, step: Step) -> None:
    text = f"{name_of(step)} has changed in the file since a part of it was done"
    if _ask(walk, text, (GO, ANEW, LEAVE), step) == ANEW:
        walk.note(step, -1, "went", to=step.id, how="jump")


def _ask(walk: Walk, text: str, keys: tuple[str, ...], step: Step) -> str:
    if walk.mode == AUTO:
        raise StoppedError(SUSPENDED, f"a person must say: {text}")
    reply = walk.talk.ask(Question("changed", text, keys, step))
    if reply.key == LEAVE:
        raise StoppedError(SUSPENDED, text)
    return reply.key
