"""`opskit changelog redact`: take away what an event tells, because a secret stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, wiring
from opskit.cli.render import envelope, text
from opskit.errors import UsageError

if TYPE_CHECKING:
    from opskit.changelog import Event


@click.command()
@click.argument("event")
@options.why
@options.yes
@options.offline
@options.as_json
def redact(event: str, *, why: str | None, yes: bool, as_json: bool) -> int:
    """Remove what one event tells, such as a secret, everywhere.

    Here, upstream, and on every laptop at its next sync: for a secret that got into a reason, a note or some output. What is left is who, when and which kind; the chain
    still verifies. It cannot be taken back. EVENT is the beginning of its hash, as a rollout's page and
    `opskit log --json` give it.
    """
    if not (why or "").strip():
        raise UsageError(
            "a redaction wants its reason", hint="add -m/--why TEXT (not the secret!)"
        )
    config = wiring.read_config()
    with sharing.open_changelog(config) as changelog:
        found = changelog.show(event).event
        options.ask(_question(found), yes=yes)
        said = changelog.redact(found.hash.hex(), why=(why or "").strip())
    if as_json:
        hashes = {"redacted": found.hash.hex(), "by": said.hash.hex()}
        return envelope.show("changelog redact", hashes)
    text.say(f"redacted {found.id}, recorded as {said.id}")
    return 0


def _question(event: Event) -> str:
    what = f"{event.header.kind} by {event.header.actor}"
    return f"remove for ever what {event.id} ({what}) tells?"
