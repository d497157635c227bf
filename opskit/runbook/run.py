"""A run begins: its values are had, its id is made, it stands in the changelog before its first step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import RefusedError, UnknownNameError
from opskit.runbook.parts import by_id
from opskit.runbook.record import Record
from opskit.runbook.talk import LeftError, Said
from opskit.runbook.values import collect, fill, secrets
from opskit.runbook.walk import AUTO, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from opskit.changelog import Changelog
    from opskit.runbook.acting import Hands
    from opskit.runbook.model import Runbook, Step
    from opskit.runbook.talk import Question, Talk

ALONE = (
    'in an emergency, go ahead without them: offline = "spool" under [changelog] in opskit.toml'
)


def begin(
    book: Runbook,
    changelog: Changelog,
    hands: Hands,
    talk: Talk,
    *,
    environment: str,
    mode: str,
    given: Mapping[str, str],
    start: str = "",
    incident: str = "",
    why: str = "",
    refuse_unshared: bool = False,
) -> Walk:
    """Tell how the page begins, collect the values of a run, and make it durable; gives what follows it. Nothing was touched when this returns.

    Raises UsageError for a value that is missing or does not fit, ChangelogError, RefusedError, LeftError.
    """
    first = step_of(book, start).id if start else ""
    introduce(book, talk, given)
    ask = None if mode == AUTO else asker(talk)
    values = collect(book, given, ask=ask)
    hidden = secrets([each for each in book.parameters if each.secret], ask=ask)
    hands.fleet.vault.hide(hidden.values())
    record = Record(
        book,
        changelog,
        run=changelog.new_run_id(),
        environment=environment,
        redactor=lambda: hands.fleet.vault.redactor,
    )
    record.start(
        mode=mode, start=first, params=values, secrets=list(hidden), incident=incident, why=why
    )
    if refuse_unshared and changelog.unshared and (unseen := changelog.unshared()):
        record.finish("aborted", f"the others cannot see this: {unseen}")
        raise RefusedError(f"the others cannot see this: {unseen}", hint=ALONE)
    return Walk(record, hands, talk, mode=mode, secrets=hidden, given=frozenset(given))


def introduce(book: Runbook, talk: Talk, values: Mapping[str, str]) -> None:
    """Tell what the page says before its first step: when to stop, and what to be careful with."""
    known = {each.name: each.default for each in book.parameters if each.default}
    for part in book.intro:
        filled = {**known, **values}
        talk.tell(Said(fill(part.text, filled), part.text, filled))


def step_of(book: Runbook, name: str) -> Step:
    """Give the step of that id, number or anchor; raises UnknownNameError."""
    from opskit.config.lookup import did_you_mean

    step = by_id(book.steps, name) or book.step(name.removeprefix("#"))
    if step is None:
        known = [each.id for each in book.steps]
        hint = did_you_mean(name, known) or f"one of: {', '.join(known)}"
        raise UnknownNameError(f"{book.id} has no step {name!r}", hint=hint)
    return step


def asker(talk: Talk) -> Callable[[Question], str]:
    """Give what asks for a value before there is a step."""

    def ask(question: Question) -> str:
        reply = talk.ask(question)
        if reply.key != "text":
            raise LeftError
        return reply.text or question.default

    return ask
