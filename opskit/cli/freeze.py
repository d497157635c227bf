"""`opskit freeze`: from now on nothing is changed but by a rollback, on anybody's laptop."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, sharing, vouching, wiring
from opskit.cli.render import envelope, text
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.config.model import Config

LONGEST = 2000

everywhere = click.option(
    "--everywhere", is_flag=True, help="In all environments, not only in one."
)


@click.command()
@click.argument("service", required=False, shell_complete=complete.services)
@options.environment
@everywhere
@options.why
@click.option(
    "--until",
    metavar="TIME",
    help="When it ends by itself: 2h, 18:00, 'monday 8:00', a date; else opskit thaw ends it.",
)
@options.offline
@options.as_json
def freeze(
    service: str | None,
    *,
    environment: str | None,
    everywhere: bool,
    why: str | None,
    until: str | None,
    as_json: bool,
) -> int:
    """Refuse all changes but rollbacks from now on.

    Of one service, or of all that is in the environment: deploys, restarts, reboots, replacements, tasks and commands. A rollback is
    never refused, nor is what `opskit resume` and `opskit lb` do. The others' laptops obey as soon
    as they have heard of it from the upstream of the changelog. `opskit status` shows what is frozen.
    """
    from opskit.rollout.freeze import told

    config = wiring.read_config(whole=False)
    reason, ends = demanded(config, why), _ends(until)
    name, where = scope(config, service, environment, everywhere=everywhere)
    body = {"why": reason, "until": round(ends.timestamp() * 1000) if ends else 0}
    with sharing.open_changelog(config) as changelog:
        vouching.keep_enrolled(changelog, config.changelog, tokens=False)
        event = changelog.append("freeze", body, service=name, environment=where)
    if as_json:
        return envelope.show(
            "freeze", {"id": event.id, "service": name, "environment": where, **body}
        )
    text.say(f"frozen {event.id}{f': ends {told(ends)}' if ends else ''}")
    return 0


def demanded(config: Config, why: str | None) -> str:
    """Give the reason, without secrets; raises UsageError if there is none."""
    said = (why or "").strip()
    if not said:
        raise UsageError("a reason is needed, for those who wait", hint="add -m/--why TEXT")
    if len(said) > LONGEST:
        raise UsageError(f"the reason is longer than {LONGEST} characters")
    return wiring.redactor(config).text(said)


def scope(
    config: Config, service: str | None, environment: str | None, *, everywhere: bool
) -> tuple[str, str]:
    """Give the service and the environment that are meant, "" for all. Raises UsageError, UnknownNameError."""
    from opskit.config.lookup import named

    if everywhere and environment:
        raise UsageError("--everywhere is all environments", hint="leave out one of the two")
    if everywhere:
        if service:
            named("service", service, config.services)
        return service or "", ""
    where = config.environment(environment).name
    return (config.service(service, where).name if service else ""), where


def _ends(until: str | None) -> datetime | None:
    from opskit.changelog.when import parse_until

    return parse_until(until, datetime.now().astimezone()) if until is not None else None
