"""What a command opens that follows a runbook: its page, the fleet, the changelog, and whoever sits at the terminal."""

from __future__ import annotations

import contextlib
import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.cli import sharing, sudo, vouching, wiring
from opskit.cli.hiding import hidden
from opskit.cli.render import terminal
from opskit.errors import OpskitError, RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from opskit.changelog import Changelog, Event
    from opskit.cli.runbook.person import Person
    from opskit.cli.session import Session
    from opskit.config.model import Config, Environment
    from opskit.config.secret import Secret
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Inventory
    from opskit.rollout.secrets import Reader
    from opskit.runbook.acting import Hands
    from opskit.runbook.model import Action, Runbook

    Listening = Callable[[], AbstractContextManager[object]]

NEWS = 10.0
"""Seconds after which it is looked again what others did: approved, or taken over."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What is open while a runbook is followed."""

    config: Config
    environment: Environment
    inventory: Inventory
    changelog: Changelog
    fleet: Fleet
    book: Runbook
    person: Person
    hands: Hands

    def reload(self, run: str) -> Sequence[Event]:
        """Give the events of a run that count as everybody knows them by now: the upstream is looked at, if it answers."""
        from opskit.runbook.past import events_of

        if self.changelog.look:
            self.changelog.look()
        return events_of(self.changelog, self.changelog.run(run), self.config.changelog)


ALONE = "run it on a terminal; --auto does what needs nobody, and stops at what does"


def demand_answerable(*, auto: bool, else_: str = ALONE) -> None:
    """Raise RefusedError where nobody can answer what a runbook asks, and it is not to go on alone; `else_` is what to do then."""
    if not auto and not terminal.is_answerable():
        raise RefusedError("a runbook asks, and nobody is there to answer", hint=else_)


@contextlib.contextmanager
def opened(
    config: Config,
    changelog: Changelog,
    book: Runbook,
    environment: str | None,
    *,
    as_json: bool,
) -> Iterator[Opened]:
    """Open the fleet for a runbook, and hear signals, for the block. Raises UsageError."""
    from opskit.cli.runbook.person import Person
    from opskit.cli.runbook.signals import Signals
    from opskit.cli.session import Session

    inventory, where = wiring.open_inventory(config, environment), config.environment(environment)
    signals = Signals()
    with wiring.open_fleet(config, inventory) as fleet, hidden(fleet.vault), signals.installed():
        vouching.keep_enrolled(changelog, config.changelog)
        asked = Session(config, where, fleet, changelog, (), {})
        hands = _hands(asked, inventory, signals.listening)
        person = Person(book, inventory, signals, as_json=as_json)
        yield Opened(config, where, inventory, changelog, fleet, book, person, hands)


def reason(where: Environment, why: str | None) -> str:
    """Give the reason, which an environment may ask for; raises UsageError."""
    said = (why or "").strip()
    if not said and where.require_why:
        raise UsageError(f"environment {where.name} asks for a reason", hint="add -m/--why TEXT")
    if len(said) > 2000:
        raise UsageError("the reason is longer than 2000 characters")
    return said


def placing(
    inventory: Inventory, changelog: Changelog, values: Mapping[str, str]
) -> Callable[[Action], tuple[tuple[str, ...], str]]:
    """Give what tells on which hosts a command would run, with these values; or on none, and why that is not known."""
    from opskit.runbook.values import fill

    def where(action: Action) -> tuple[tuple[str, ...], str]:
        if action.on == "local":
            return ("local",), ""
        try:
            return wiring.select(inventory, changelog, fill(action.on, values)), ""
        except OpskitError as error:
            return (), str(error)

    return where


@contextlib.contextmanager
def shared(config: Config) -> Iterator[Changelog]:
    """Give the changelog for the block; what others do meanwhile is seen soon."""
    with sharing.open_changelog(config, every=NEWS) as changelog:
        yield changelog


def _hands(asked: Session, inventory: Inventory, listening: Listening) -> Hands:
    from opskit.rollout.secrets import Reader
    from opskit.runbook.acting import Hands

    config, fleet = asked.config, asked.fleet
    reader = Reader(config.root)

    @functools.cache
    def secrets() -> Mapping[str, Secret]:
        found = reader.all(asked.environment.secrets)
        fleet.vault.hide(found.values())
        return found

    return Hands(
        fleet=fleet,
        folder=config.root,
        tasks=config.tasks,
        select=functools.partial(wiring.select, inventory, asked.changelog),
        let_in=functools.partial(_let_in, asked, reader),
        secrets=secrets,
        listening=listening,
    )


def _let_in(asked: Session, reader: Reader, hosts: Sequence[str], user: str) -> None:
    """See to it that sudo lets us in on hosts; raises SudoError."""
    from opskit.rollout.sudo import let_in

    ask, again = sudo.asking(asked, reader), asked.environment.sudo_password is None
    if refused := let_in(asked.fleet, hosts, [user], ask=ask, again=again):
        raise refused[0]
