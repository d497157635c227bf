"""`opskit changelog redact`: take away what an event tells, because a secret stands in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.render import envelope, text
from opskit.errors import AttestationError, UsageError

if TYPE_CHECKING:
    from opskit.changelog import Changelog, Event
    from opskit.config.model import ChangelogSettings

HINT = "add -m/--why TEXT (not the secret!)"


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
    `opskit log --json` give it. Where allowed_signers are configured, a machine may redact what it wrote itself; what
    others wrote only if its owner's SSH key signs for it. Where none are, everybody may redact everything.
    """
    reason = (why or "").strip()
    if not reason:
        raise UsageError("a redaction wants its reason", hint=HINT)
    config = wiring.read_config(whole=False)
    with sharing.open_changelog(config) as changelog:
        found = changelog.show(event).event
        _demand_heeded(changelog, config.changelog, found)
        options.ask(_question(found), yes=yes)
        said = changelog.redact(found.hash.hex(), why=reason)
        _say_where_it_stays(changelog)
    if as_json:
        hashes = {"redacted": found.hash.hex(), "by": said.hash.hex()}
        return envelope.show("changelog redact", hashes)
    text.say(f"redacted {found.id}, recorded as {said.id}")
    return 0


def _question(event: Event) -> str:
    what = f"{event.header.kind} by {event.header.actor}"
    return f"remove for ever what {event.id} ({what}) tells?"


def _say_where_it_stays(changelog: Changelog) -> None:
    """Say why the others have it still, if what was appended cannot be pushed."""
    if changelog.unshared and (missing := changelog.unshared()):
        what = f"gone from this machine, and nowhere else before it is pushed: {missing}"
        text.mention(what, colour="yellow")


def _demand_heeded(changelog: Changelog, settings: ChangelogSettings, event: Event) -> None:
    """Enrol this machine if that is needed.

    Raises ChangelogError for an event that must stay whole, AttestationError where no other laptop would obey.
    """
    from opskit.changelog.redaction import demand_redactable

    demand_redactable(event)
    if settings.allowed_signers is None:
        return
    from opskit.changelog.enrolling import keep_enrolled
    from opskit.changelog.standing import FORKED, REVOKED

    writer = changelog.me().writer.hex()
    here = next(each for each in changelog.writers(settings) if each.here)
    if event.header.writer == writer and here.standing.state not in (REVOKED, FORKED):
        vouching.keep_enrolled(changelog, settings, tokens=False)
        return
    if warning := keep_enrolled(changelog, settings, on_touch=vouching.say_touch):
        raise AttestationError(
            f"nothing redacted: {warning}",
            hint="what others wrote is taken away only if your SSH key signs for this machine",
        )
