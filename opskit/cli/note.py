"""`opskit note`: something worth knowing later, written into the changelog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, sharing, vouching, wiring
from opskit.cli.render import envelope, text
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.config.model import Config

LONGEST = 10_000


@click.command()
@click.argument("words", metavar="TEXT", nargs=-1)
@click.option(
    "-s",
    "--service",
    metavar="NAME",
    shell_complete=complete.services,
    help="The service that it is about.",
)
@options.environment
@options.hosts
@click.option("--rollout", metavar="ID", help="The rollout, or the run, that it is about.")
@options.offline
@options.as_json
def note(
    words: tuple[str, ...],
    *,
    service: str | None,
    environment: str | None,
    hosts: str | None,
    rollout: str | None,
    as_json: bool,
) -> int:
    """Write a note into the changelog.

    It stands in `opskit log` between the rollouts, and with --rollout on that rollout's own page
    too.
    """
    said = _checked(" ".join(words))
    config = wiring.read_config(whole=False)
    where = config.environment(environment).name
    about = config.service(service, where).name if service else ""
    body = {**_said(config, said), "hosts": _names(config, where, hosts)}
    with sharing.open_changelog(config) as changelog:
        its = changelog.record(rollout).id if rollout else ""
        vouching.keep_enrolled(changelog, config.changelog, tokens=False)
        event = changelog.append("note", body, service=about, environment=where, rollout=its)
    if as_json:
        return envelope.show("note", {"id": event.id, "environment": where, **body})
    text.say(f"noted {event.id}")
    return 0


def _checked(said: str) -> str:
    if not said.strip():
        raise UsageError(
            "the note is empty", hint='write it like: opskit note "the cache was cold"'
        )
    if len(said) > LONGEST:
        raise UsageError(f"the note is longer than {LONGEST} characters")
    return said


def _said(config: Config, said: str) -> dict[str, object]:
    """Give what is said, and during which run of a runbook, without secrets."""
    from opskit.changelog.machine import during_here

    redactor = wiring.redactor(config)
    told = {"text": said, **during_here()}
    return {name: redactor.text(value) for name, value in told.items()}


def _names(config: Config, environment: str, selector: str | None) -> list[str]:
    if not selector:
        return []
    return [host.name for host in wiring.open_inventory(config, environment).select(selector)]
