"""The fleet's runbooks as commands need them: read, looked through, with how old they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.cli import sharing, wiring
from opskit.cli.render import text
from opskit.errors import ChangelogError, ConfigError, OpskitError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from opskit.changelog import Changelog, RunRecord
    from opskit.config.model import Config
    from opskit.fleet.command import TaskInfo
    from opskit.fleet.inventory import Inventory
    from opskit.runbook.freshness import Freshness
    from opskit.runbook.model import Page, Problem, Runbook


@dataclass(frozen=True, slots=True)
class Listed:
    """A runbook as it is listed: its file, and, if it can be run, what it says and how old it is; else what is wrong with it."""

    file: Path
    book: Runbook | None
    freshness: Freshness | None
    problems: tuple[Problem, ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        """What it is about."""
        return self.book.services if self.book else ()

    @property
    def alerts(self) -> tuple[str, ...]:
        """The alerts that it answers."""
        return self.book.alerts if self.book else ()

    @property
    def is_stale(self) -> bool:
        """Whether it is too old, or cannot be run."""
        return self.book is None or bool(self.freshness and self.freshness.expired)


def all_books(service: str | None = None) -> tuple[Listed, ...]:
    """Give all runbooks of the fleet; raises UnknownNameError for a `service` that there is not."""
    from opskit.config.lookup import did_you_mean

    config = wiring.read_config()
    if service is not None and service not in config.services:
        hint = did_you_mean(service, config.services)
        raise UnknownNameError(f"there is no service {service[:80]!r}", hint=hint)
    found = pages(config, ())
    return _listed(config, found)


def one_book(name: str) -> tuple[Listed, str]:
    """Give a runbook, and the text of its file; raises UnknownNameError."""
    from opskit.runbook import shelf
    from opskit.runbook.parse import read

    config = wiring.read_config()
    file = shelf.find(config.root, name)
    return _listed(config, [read(file)])[0], file.read_text("utf-8", "replace")


def _listed(config: Config, found: Sequence[Page]) -> tuple[Listed, ...]:
    from opskit.runbook.freshness import freshness, written

    times, now = written([page.file for page in found]), datetime.now(UTC)
    with sharing.open_changelog(config) as changelog:
        proof = _proofs(config, changelog)
        return tuple(
            Listed(
                page.file,
                page.runbook,
                freshness(page.runbook, times[page.file], proof(page.runbook.id), now)
                if page.runbook and page.file in times
                else None,
                page.problems,
            )
            for page in found
        )


def _proofs(config: Config, changelog: Changelog) -> Callable[[str], RunRecord | None]:
    """Give what finds the last good run of a runbook; a changelog that cannot be read is told of once."""
    from opskit.runbook.freshness import proof_of

    broken: list[ChangelogError] = []

    def proof(runbook: str) -> RunRecord | None:
        try:
            return None if broken else proof_of(changelog, config.changelog, runbook)
        except ChangelogError as error:
            broken.append(error)
            text.mention(f"warning: {error}; when runbooks were run is not known", colour="yellow")
            return None

    return proof


def config_for(files: Sequence[Path]) -> Config | None:
    """Give opskit.toml; None if there is none, and files are named, which can be looked at alone."""
    from opskit.config.find import find

    try:
        find()
    except ConfigError:
        if not files:
            raise
        return None
    return wiring.read_config()


def pages(config: Config | None, files: Sequence[Path]) -> tuple[Page, ...]:
    """Give files as they were read, or all runbooks of the fleet if none is named."""
    from opskit.runbook import shelf
    from opskit.runbook.parse import read

    if files or config is None:
        return tuple(map(read, files))
    return shelf.pages(config.root)


def linted(
    found: Sequence[Page], config: Config | None, environment: str | None
) -> tuple[Problem, ...]:
    """Give what is wrong with pages; hosts are looked up in an environment, the default one if None."""
    from opskit.runbook.lint import lint

    inventory = _inventory(config, environment) if config else None
    tasks = _tasks(config, found) if config else None
    names = _commands()
    return tuple(
        problem
        for page in found
        for problem in lint(page, config, inventory=inventory, tasks=tasks, commands=names)
    )


def strict(problems: Sequence[Problem]) -> list[Problem]:
    """Give problems of which each counts, also what is only a warning to who runs the page."""
    return [replace(problem, fatal=True) for problem in problems]


def _inventory(config: Config, environment: str | None) -> Inventory | None:
    try:
        return wiring.open_inventory(config, environment)
    except UsageError as error:
        if environment is not None:
            raise
        text.mention(f"hosts are not looked up: {error}", colour="yellow")
        return None


def _tasks(config: Config, found: Sequence[Page]) -> Sequence[TaskInfo] | None:
    """Give the tasks of tasks.py, which is run for it; None where no page has one, or it cannot be read."""
    from opskit.fleet.tasks import list_tasks
    from opskit.runbook.model import TASK

    books = [book for page in found if (book := page.runbook or page.draft)]
    if not any(a.language == TASK for book in books for step in book.steps for a in step.actions):
        return None
    if not config.tasks.exists():
        return ()
    try:
        return list_tasks(config.tasks)
    except OpskitError as error:
        text.mention(f"tasks are not looked up: {error}", colour="yellow")
        return None


def _commands() -> frozenset[str]:
    """Give the names of opskit's commands, those of a group with it."""
    import click

    from opskit.cli.app import app

    groups = {n: c.commands for n, c in app.commands.items() if isinstance(c, click.Group)}
    inner = {f"{group} {name}" for group, names in groups.items() for name in names}
    return frozenset({*app.commands, *inner})
