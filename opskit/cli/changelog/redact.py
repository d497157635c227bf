"""`opskit changelog redact`: take away what an event tells, because a secret stands in it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.render import envelope, text
from opskit.errors import AttestationError, ChangelogError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog, Event, RolloutRecord, RunRecord
    from opskit.config.model import ChangelogSettings

HINT = "add -m/--why TEXT (not the secret!)"
PARTLY = 3


@click.command()
@click.argument("event", metavar="EVENT|ROLLOUT")
@options.why
@options.yes
@options.offline
@options.as_json
def redact(event: str, *, why: str | None, yes: bool, as_json: bool) -> int:
    """Remove what one event tells, such as a secret, everywhere.

    Here, upstream, and on every laptop at its next sync: for a secret that got into a reason, a note or some output. What is left is who, when and which kind; the chain
    still verifies. It cannot be taken back. EVENT is the beginning of its hash, as a rollout's page and
    `opskit log --json` give it; the id of a ROLLOUT, or of a run, means all its events: reason, output and results, after which only the hosts know what it left there. Exit code 3 if the upstream keeps it, or has not got the
    redaction yet. Where allowed_signers are configured, a machine may redact what it wrote itself; what
    others wrote only if its owner's SSH key signs for it. Where none are, everybody may redact everything.
    """
    reason = (why or "").strip()
    if not reason:
        raise UsageError("a redaction wants its reason", hint=HINT)
    config = wiring.read_config(whole=False)
    with sharing.open_changelog(config) as changelog:
        found = _meant(changelog, event)
        for each in found:
            _demand_heeded(changelog, config.changelog, each)
        options.ask(_question(found), yes=yes)
        said = [changelog.redact(each.hash.hex(), why=reason) for each in found]
        missing = changelog.unshared() if changelog.unshared else ""
    left = [] if missing else _left(changelog, found)
    return _show(found, said, missing, left, as_json=as_json)


def _meant(changelog: Changelog, name: str) -> list[Event]:
    """Give the event whose hash begins so, or all of the rollout or the run whose id does that still tell something.

    Raises UnknownNameError, UsageError if both do, ChangelogError for what must stay whole or is gone.
    """
    from opskit.changelog.event import OPINIONS
    from opskit.changelog.redaction import demand_redactable, redactable

    try:
        record = changelog.record(name)
    except UnknownNameError:
        found = [changelog.show(name).event]
        demand_redactable(found[0])
        return found
    with contextlib.suppress(UnknownNameError):
        what = f"{_called(record)} begins so, and event {changelog.show(name).event.id}"
        raise UsageError(f"{name!r} means two things: {what}", hint="give more characters")
    if verdicts := ", ".join(v.id for v in record.verdicts if not v.damage):
        text.mention(f"verdicts on it are not a part of it: {verdicts}")
    if notes := ", ".join(note.hash[:10] for note in record.notes if not note.damage):
        text.mention(f"notes about it are not a part of it: {notes}")
    all_of_it = (*record.events, *getattr(record, "strange", ()))
    own = [each for each in all_of_it if each.header.kind not in OPINIONS]
    if found := redactable(own):
        return found
    raise ChangelogError(f"{_called(record)} tells nothing that could be redacted")


def _called(record: RolloutRecord | RunRecord) -> str:
    from opskit.changelog import RunRecord

    return f"{'run' if isinstance(record, RunRecord) else 'rollout'} {record.id}"


def _question(events: Sequence[Event]) -> str:
    told = ", ".join(f"{each.id} ({each.header.kind} by {each.header.actor})" for each in events)
    if len(events) == 1:
        return f"remove for ever what {told} tells?"
    return f"remove for ever what {len(events)} events tell: {told}?"


def _left(changelog: Changelog, events: Sequence[Event]) -> list[str]:
    """Give the hashes of those that the upstream keeps."""
    from opskit.changelog.kept import kept_upstream

    names = {each.hash.hex() for each in events}
    return [each for each in kept_upstream(changelog.file) if each in names]


def _show(
    events: Sequence[Event],
    said: Sequence[Event],
    missing: str,
    left: list[str],
    *,
    as_json: bool,
) -> int:
    """Say what is gone, and where it is not: `missing` is why what was appended is not pushed, `left` what the upstream keeps."""
    from opskit.changelog.kept import WHO, in_words

    code = PARTLY if missing or left else 0
    done = [
        {"redacted": event.hash.hex(), "by": by.hash.hex()}
        for event, by in zip(events, said, strict=True)
    ]
    if as_json:
        more = {"events": done, "not_pushed": missing, "kept_upstream": left}
        return envelope.show("changelog redact", {**done[0], **more}, exit_code=code)
    for event, by in zip(events, said, strict=True):
        text.say(f"redacted {event.id}, recorded as {by.id}")
    if missing:
        what = f"gone from this machine, and nowhere else before it is pushed: {missing}"
        text.mention(what, colour="yellow")
    if left:
        text.mention(f"{in_words(left)}; {WHO}", colour="red")
    return code


def _demand_heeded(changelog: Changelog, settings: ChangelogSettings, event: Event) -> None:
    """Enrol this machine if that is needed.

    Raises AttestationError where no other laptop would obey.
    """
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
