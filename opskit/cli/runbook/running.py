"""A runbook followed, gone on with, put back: what the commands of this group have in common below their options."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING

from opskit.cli import wiring
from opskit.cli.render import following, text
from opskit.cli.runbook import opening
from opskit.errors import (
    ChangelogError,
    ConfigError,
    InterruptedRunError,
    UnknownNameError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from opskit.changelog import Changelog, Event, RunRecord
    from opskit.cli.runbook.opening import Opened
    from opskit.config.model import Config
    from opskit.runbook.acting import Hands
    from opskit.runbook.model import Runbook
    from opskit.runbook.walk import End, Walk


UNDONE = "run it on a terminal; --dry-run shows what would put it back, --clear STEP says that nothing is open"


def values(pairs: tuple[str, ...]) -> dict[str, str]:
    """Give what `-p NAME=VALUE` said; raises UsageError."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"-p {pair}: it is written NAME=VALUE")
        found[name] = value
    return found


def start(
    name: str,
    *,
    environment: str | None,
    given: Mapping[str, str],
    mode: str,
    step: str,
    incident: str,
    why: str | None,
    as_json: bool,
) -> int:
    """Follow a runbook from its beginning, or from a step."""
    from opskit.changelog.machine import incident_from

    opening.demand_answerable(auto=mode == "auto")
    config = wiring.read_config()
    book = _book(config, name)
    reason = opening.reason(config.environment(environment), why)
    given = _with_reason(book, given, reason)
    with (
        opening.shared(config) as changelog,
        opening.opened(config, changelog, book, environment, as_json=as_json) as o,
    ):
        with o.hands.listening():
            head_up(o)
        _warn(book)
        walk = _begin(
            o, given=given, mode=mode, start=step, incident=incident_from(incident), why=reason
        )
        walk.hands = _noting(walk.hands, o, walk.record.run)
        text.mention(f"run {walk.record.run} of {book.id} is recorded", colour="bright_black")
        return following.show_end(book, _followed(walk), command="runbook run", as_json=as_json)


def _with_reason(book: Runbook, given: Mapping[str, str], why: str) -> Mapping[str, str]:
    """Give the values with why it is run, where the page has a parameter `reason`: nobody says it twice."""
    plain = any(each.name == "reason" and not each.secret for each in book.parameters)
    return {"reason": why, **given} if plain and why else given


def head_up(opened: Opened, run: str = "") -> None:
    """Show, before the first step and before anything is asked, what is to be known of the services of the runbook.

    What the changelog tells comes at once; then the hosts are asked. `run` is the one that is gone on with.
    """
    from opskit.cli.render import headups
    from opskit.runbook.headup import head_up, with_hosts

    o, now = opened, datetime.now(UTC)
    found = head_up(o.book, o.changelog, o.config, o.environment.name, now, run=run)
    headups.mention(found, now)
    headups.mention_asking(o.book.services)
    where = {
        "changelog": o.changelog,
        "config": o.config,
        "inventory": o.inventory,
        "fleet": o.fleet,
    }
    headups.mention_hosts(with_hosts(found, o.book, **where))  # type: ignore[arg-type]


def head_again(walk: Walk) -> None:
    """Show what is gone on with: whose run it is, and who was at it."""
    now = walk.record.now
    people = " and ".join(dict.fromkeys(runner.actor for runner in now.runners[:-1]))
    said = f"run {now.run}, until now by {people}; all of it: opskit log {now.run}"
    text.mention(f"  {said}", colour="bright_black", wrap=True)


def plan(
    name: str, *, environment: str | None, given: Mapping[str, str], step: str, as_json: bool
) -> int:
    """Show what a runbook would do, and where; runs nothing and records nothing."""
    from opskit.runbook.run import step_of
    from opskit.runbook.values import demand_known, fill

    config = wiring.read_config()
    book = _book(config, name)
    demand_known(book, given)
    inventory = wiring.open_inventory(config, environment)
    known = {each.name: each.default for each in book.parameters if each.default} | dict(given)
    first = book.steps.index(step_of(book, step)) if step else 0
    with wiring.open_changelog(config) as changelog:
        where = opening.placing(inventory, changelog, known)
        filled = partial(fill, values=known)
        return following.show_plan(
            book, book.steps[first:], where=where, fill=filled, as_json=as_json
        )


def go_on(run: str, *, mode: str, take_over: bool, as_json: bool) -> int:
    """Go on with a run that was left."""
    from opskit.runbook.folding import fold
    from opskit.runbook.past import demand_free
    from opskit.runbook.resume import demand_open, settle_all

    config = wiring.read_config()
    with opening.shared(config) as changelog:
        book, events = _past(config, changelog, run)
        where, now = events[0].header.environment, fold(book.steps, events)
        opening.demand_answerable(auto=mode == "auto")
        demand_open(now)
        if not take_over:
            demand_free(
                changelog, now
            )  # before hosts are asked, and again when it is written down
        with opening.opened(config, changelog, book, where, as_json=as_json) as o:
            with o.hands.listening():
                head_up(o, events[0].header.rollout)
            walk = _reopen(o, events, mode=mode, take_over=take_over)
            head_again(walk)
            end = _followed(walk, partial(settle_all, walk))
            return following.show_end(book, end, command="runbook resume", as_json=as_json)


def put_back(
    run: str, *, clear: str | None, why: str | None, dry_run: bool, take_over: bool, as_json: bool
) -> int:
    """Put back what a run has left open, or say that it is none."""
    from opskit.runbook import undo
    from opskit.runbook.folding import fold

    config = wiring.read_config()
    with opening.shared(config) as changelog:
        book, events = _past_or_pageless(config, changelog, run, clear=bool(clear) or dry_run)
        where, now = events[0].header.environment, fold(book.steps, events)
        if not (now.liabilities or clear):
            return following.show_open(now, as_json=as_json)
        opening.demand_answerable(auto=bool(clear) or dry_run, else_=UNDONE)
        with opening.opened(config, changelog, book, where, as_json=as_json) as o:
            walk = _reopen(
                o, events, take_over=take_over, undo=True, written=not dry_run, unasked=bool(clear)
            )
            if dry_run:
                undo.show(walk)
                return following.show_open(walk.record.now, as_json=as_json)
            end = undo.clear(walk, clear, why or "") if clear else undo.undo(walk)
            return following.show_end(book, end, command="runbook undo", as_json=as_json)


def give_up(run: str, *, why: str, take_over: bool, as_json: bool) -> int:
    """Write that nobody goes on with a run."""
    from opskit.runbook.resume import abort

    config = wiring.read_config()
    with opening.shared(config) as changelog:
        record = changelog.run(run)
        book, events = _past_or_pageless(config, changelog, run, clear=True)
        end = abort(
            book, changelog, events=events, environment=record.environment, why=why[:1000],
            redactor=lambda: wiring.redactor(config), take_over=take_over,
        )  # fmt: skip
        return following.show_end(book, end, command="runbook abort", as_json=as_json)


def _past_or_pageless(
    config: Config, changelog: Changelog, prefix: str, *, clear: bool
) -> tuple[Runbook, tuple[Event, ...]]:
    """Give a run's page and events as `_past` does; to `clear` what it left, a page that is gone, or cannot be read any more, is not needed."""
    from opskit.runbook.past import events_of

    try:
        return _past(config, changelog, prefix)
    except (UnknownNameError, ConfigError) as error:
        record = changelog.run(prefix)
        if clear:
            return _pageless(record), events_of(changelog, record, config.changelog)
        without = f"without its page: opskit runbook undo {record.id} --clear STEP -m WHY"
        error.hint = "\n".join(filter(None, (error.hint, without)))
        raise


def _pageless(record: RunRecord) -> Runbook:
    from pathlib import Path

    from opskit.runbook.model import Runbook

    return Runbook(record.runbook, record.title, Path(record.file), record.digest, (), services=record.services)  # fmt: skip


def _book(config: Config, name: str | Path) -> Runbook:
    from opskit.runbook import shelf

    return shelf.open_book(shelf.find(config.root, str(name)))


def _warn(book: Runbook) -> None:
    """Say how much of a page is most likely not meant as it is written."""
    from opskit.runbook.parse import read

    if found := read(book.file).problems:
        first = f"{book.file.name}:{found[0].line}: {found[0].what}"
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        text.mention(f"{first}{more}; see: opskit runbook lint", colour="yellow", wrap=True)


def _past(config: Config, changelog: Changelog, prefix: str) -> tuple[Runbook, tuple[Event, ...]]:
    """Give the page of a run as it is here and now, and the run's events; raises UnknownNameError, ConfigError."""
    from opskit.runbook.past import events_of, file_of

    record = changelog.run(prefix)
    file = file_of(changelog, record, config.root)
    book = _book(config, file or record.runbook)
    if book.id != record.runbook:
        book = _book(config, record.runbook)
    return book, events_of(changelog, record, config.changelog)


def _followed(walk: Walk, first: Callable[[], object] = tuple) -> End:
    """Follow it; says how to go on where the changelog cannot be written."""
    try:
        return walk.go(first)
    except ChangelogError as error:
        again = f"when it can be written again: opskit runbook resume {walk.record.run}"
        error.hint = "\n".join(filter(None, (error.hint, again)))
        raise


def _begin(opened: Opened, **how: object) -> Walk:
    from opskit.runbook.run import begin
    from opskit.runbook.talk import LeftError

    try:
        return begin(
            opened.book, opened.changelog, opened.hands, opened.person,
            environment=opened.environment.name, refuse_unshared=opened.config.changelog.offline == "refuse", **how,  # type: ignore[arg-type]
        )  # fmt: skip
    except LeftError:
        raise InterruptedRunError("left before the first step: nothing was done") from None


def _reopen(opened: Opened, events: tuple[Event, ...], **how: object) -> Walk:
    """Go on with a run as everybody knows it by now: hosts were asked since its `events` were read."""
    from opskit.runbook.resume import reopen
    from opskit.runbook.talk import LeftError

    run = events[0].header.rollout
    hands = _noting(opened.hands, opened, run)
    try:
        return reopen(
            opened.book, opened.changelog, hands, opened.person,
            events=opened.reload(run), environment=opened.environment.name, reload=partial(opened.reload, run), **how,  # type: ignore[arg-type]
        )  # fmt: skip
    except LeftError:
        raise InterruptedRunError(f"left before it went on: run {run} is as it was") from None


def _noting(hands: Hands, opened: Opened, run: str) -> Hands:
    """Give hands that know the rollouts of a run."""
    from opskit.runbook.past import rollouts_during

    return replace(hands, rollouts=partial(rollouts_during, opened.changelog, run))
