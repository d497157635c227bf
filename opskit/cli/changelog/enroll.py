"""`opskit changelog enroll`: sign with one's SSH key that what this machine writes is one's own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from datetime import datetime

    from opskit.changelog.enrolling import NewEnrolment

LONGEST = 366


@click.command()
@click.option(
    "--days",
    type=click.IntRange(1, LONGEST),
    default=30,
    show_default=True,
    help="How long it holds; a certificate's own end comes first.",
)
@options.as_json
def enroll(*, days: int, as_json: bool) -> int:
    """Sign with your SSH key for what this machine writes.

    With `allowed_signers` in opskit.toml, every rollout and note does that by itself when it is time; this is to see whether it works.
    The key is `signing_key`, else the first of your agent or of ~/.ssh that allowed_signers knows.
    """
    from opskit.changelog.enrolling import enroll

    config = wiring.read_config(whole=False)
    with sharing.open_changelog(config) as changelog:
        done = enroll(changelog, config.changelog, days=days, on_touch=vouching.say_touch)
    if as_json:
        return envelope.show("changelog enroll", _as_data(done))
    who = done.principal or "your key (no allowed_signers say whose that is)"
    until = f"{moment_of(done.statement.expires).astimezone():%Y-%m-%d %H:%M %Z}"
    text.say(f"{who} signs for {done.statement.machine} until {until}")
    return 0


def moment_of(at: int) -> datetime:
    """Give a time in seconds since 1970 as a datetime in UTC."""
    from opskit.changelog.clock import moment

    return moment(at * 1000)


def _as_data(done: NewEnrolment) -> dict[str, object]:
    return {
        "event": done.event.id,
        "writer": done.statement.writer,
        "principal": done.principal,
        "machine": done.statement.machine,
        "expires": moment_of(done.statement.expires),
    }
