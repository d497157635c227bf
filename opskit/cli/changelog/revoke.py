"""`opskit changelog revoke`: from some event on, what a writer says counts for nobody, and its SSH key vouches for nobody new."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.render import envelope, text
from opskit.errors import AttestationError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog import Changelog, Event
    from opskit.changelog.judging import WriterRecord
    from opskit.config.model import ChangelogSettings

SHORTEST = 4


@click.command()
@click.argument("writer")
@click.option("--after", metavar="EVENT", help="Its last event that counts; else the newest here.")
@click.option("--all", "everything", is_flag=True, help="None of its events counts.")
@click.option(
    "--keep-key",
    is_flag=True,
    help="Its SSH key is in good hands: it goes on vouching for new laptops.",
)
@options.why
@options.yes
@options.as_json
def revoke(
    writer: str,
    *,
    after: str | None,
    everything: bool,
    keep_key: bool,
    why: str | None,
    yes: bool,
    as_json: bool,
) -> int:
    """Mark what a writer says as revoked, from some event on.

    For a laptop that was lost or a key that was stolen. WRITER is the beginning of an id that `opskit changelog writers` shows. Nothing is removed;
    `opskit log` marks its later events as revoked. The SSH key that signed for it may be lost with it: from now on that vouches for no new writer, unless
    you say --keep-key (an old laptop, a key on a token), now or later; what ends the key for good is shown. Where allowed_signers are
    configured it counts only if you sign for your own machine.
    """
    from opskit.changelog import enrolling

    reason = _checked(why, after, everything=everything)
    config = wiring.read_config(whole=False)
    with sharing.open_changelog(config) as changelog:
        found = the_one(writer, changelog.writers(config.changelog))
        last = 0 if everything else _last(changelog, found, after)
        keys = {} if keep_key else changelog.keys_of(found.writer)
        options.ask(_question(found, last, keys), yes=yes)
        _demand_believed(changelog, config.changelog)
        event = enrolling.revoke(
            changelog, found.writer, last_seq=last, why=reason, keep_keys=keep_key
        )
    return _show(found, event, keys, config.changelog, as_json=as_json)


def _show(
    writer: WriterRecord,
    event: Event,
    keys: Mapping[str, set[str]],
    settings: ChangelogSettings,
    *,
    as_json: bool,
) -> int:
    """Say what is revoked, and how the keys that had signed for it are ended for good."""
    from opskit.cli.changelog import ending

    ends = ending.of(keys, writer.writer, settings, event)
    last = event.body["last_seq"]
    if as_json:
        said = {"writer": writer.writer, "last_seq": last, "event": event.id, "keys": ends}
        return envelope.show("changelog revoke", said)
    text.say(f"{_named(writer)} is revoked after its event {last}, recorded as {event.id}")
    ending.show(ends, writer.writer, settings)
    return 0


def _named(writer: WriterRecord) -> str:
    return f"writer {writer.writer[:12]} ({writer.machine or writer.role or 'unknown machine'})"


def _question(writer: WriterRecord, last: int, keys: Mapping[str, set[str]]) -> str:
    from opskit.changelog.sshkeys import fingerprint

    names = ", ".join(map(fingerprint, keys))
    more = f", and have SSH key {names} vouch for nobody new" if keys else ""
    return f"revoke what {_named(writer)} wrote after its event {last}{more}?"


def _checked(why: str | None, after: str | None, *, everything: bool) -> str:
    """Give the reason; raises UsageError if there is none, or if the options contradict each other."""
    if not (why or "").strip():
        raise UsageError("a revocation wants its reason", hint="add -m/--why TEXT")
    if after and everything:
        raise UsageError("--after and --all exclude each other", hint="leave one out")
    return (why or "").strip()


def the_one(prefix: str, writers: Sequence[WriterRecord]) -> WriterRecord:
    """Give the only writer whose id starts so; raises UnknownNameError."""
    found = [each for each in writers if each.writer.startswith(prefix.lower())]
    if len(prefix) < SHORTEST or not found:
        hint = (
            f"give at least {SHORTEST} characters of an id that `opskit changelog writers` shows"
        )
        raise UnknownNameError(f"no writer {prefix!r}", hint=hint)
    if len(found) > 1:
        which = ", ".join(each.writer[:16] for each in found)
        raise UnknownNameError(f"several writers start with {prefix!r}", hint=f"one of: {which}")
    return found[0]


def _last(changelog: Changelog, writer: WriterRecord, after: str | None) -> int:
    if not after:
        return writer.events if writer.revoked_after is None else writer.revoked_after
    header = changelog.show(after).event.header
    if header.writer != writer.writer:
        what = f"{after} is an event of writer {header.writer[:12]}"
        raise UsageError(what, hint=f"name one of writer {writer.writer[:12]}")
    return header.seq


def _demand_believed(changelog: Changelog, settings: ChangelogSettings) -> None:
    """Enrol this machine if that is needed; raises AttestationError where nobody would believe it."""
    from opskit.changelog.enrolling import keep_enrolled

    if warning := keep_enrolled(changelog, settings, on_touch=vouching.say_touch):
        raise AttestationError(
            f"nothing revoked: {warning}", hint="a revocation counts only if your SSH key signs"
        )
