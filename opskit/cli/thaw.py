"""`opskit thaw`: a freeze that somebody said ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import complete, options, sharing, vouching, wiring
from opskit.cli.freeze import demanded, everywhere, scope
from opskit.cli.render import envelope, text
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.changelog import Changelog
    from opskit.config.model import Config
    from opskit.rollout.freeze import Freeze


@click.command()
@click.argument("service", required=False, shell_complete=complete.services)
@options.environment
@everywhere
@options.why
@options.offline
@options.as_json
def thaw(
    service: str | None,
    *,
    environment: str | None,
    everywhere: bool,
    why: str | None,
    as_json: bool,
) -> int:
    """End a freeze that somebody said.

    That of the same service, or of the same environment. A window of opskit.toml ends by itself, or by a change of that file.
    """
    config = wiring.read_config(whole=False)
    reason = demanded(config, why)
    name, where = scope(config, service, environment, everywhere=everywhere)
    with sharing.open_changelog(config) as changelog:
        ended = _of_scope(changelog, config, name, where)
        vouching.keep_enrolled(changelog, config.changelog, tokens=False)
        body = {"why": reason, "freezes": [freeze.hash for freeze in ended]}
        event = changelog.append("thaw", body, service=name, environment=where)
    if as_json:
        return envelope.show(
            "thaw", {"id": event.id, "service": name, "environment": where, **body}
        )
    text.say(f"thawed {event.id}: {'; '.join(freeze.line for freeze in ended)}")
    return 0


def _of_scope(
    changelog: Changelog, config: Config, service: str, environment: str
) -> tuple[Freeze, ...]:
    """Give the freezes of exactly that; raises UsageError that names the others if there are none."""
    from opskit.rollout.freeze import said

    known = said(changelog, config.changelog)
    found = tuple(f for f in known if (f.service, f.environment) == (service, environment))
    if not found:
        others = "\n".join(freeze.line for freeze in known)
        raise UsageError(
            "there is no such freeze",
            hint=others or "`opskit status` shows windows of opskit.toml",
        )
    return found
