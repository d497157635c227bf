"""Whether the engineer's SSH key vouches for what this machine writes into the changelog."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.enrolling import ASK, who_signs
from opskit.changelog.judging import signers_of
from opskit.changelog.signers import in_words
from opskit.changelog.signing import key_file
from opskit.errors import AttestationError, ChangelogError
from opskit.rollout.doctor.finding import Finding, failed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import Changelog
    from opskit.changelog.judging import WriterRecord
    from opskit.config.model import ChangelogSettings

AREA = "signing"
MOST_LINES = 3


def check_signing(settings: ChangelogSettings, changelog: Changelog) -> Iterator[Finding]:
    """Say which key signs, as whom, and until when this machine is enrolled; a token is not asked for a touch."""
    if settings.allowed_signers is None:
        if settings.upstream:
            what = "the changelog is shared, and opskit.toml does not say whose signatures count"
            yield Finding(AREA, "warn", what, "set allowed_signers in [changelog]")
        return
    yield from _faults(settings)
    try:
        writers = changelog.writers(settings)
    except ChangelogError as error:
        yield failed(AREA, error)
        return
    here = next((each for each in writers if each.here), None)
    if here and here.standing.state in ("revoked", "forked"):
        what = f"nobody believes this machine: {here.standing.reason}"
        yield Finding(AREA, "bad", what, _way_out(here, changelog))
    yield from (_stranger(each) for each in writers if each.barred and not each.here)
    yield _key(settings, here, changelog)


def _way_out(here: WriterRecord, changelog: Changelog) -> str:
    """Give what to do next: a fork is nobody's fault; whoever was revoked may be a thief, who is told nothing more."""
    if here.standing.state == "revoked":
        return ASK
    key = key_file(changelog.file.parent, bytes.fromhex(here.writer))
    return f"without its key, opskit goes on as a new writer: mv {key} {key}.forked"


def _stranger(writer: WriterRecord) -> Finding:
    """Warn of a new writer with the SSH key of a revoked one: its owner may have gone on, or whoever has that key now."""
    what = f"writer {writer.writer[:12]} ({writer.machine}) is believed by nobody: {writer.standing.reason}"
    hint = "its owner, or whoever has that key now? See runbooks/changelog-disaster.md, step 4"
    return Finding(AREA, "warn", what, hint)


def _faults(settings: ChangelogSettings) -> Iterator[Finding]:
    """Name lines of the file of signers that count for nobody; a file that cannot be read is told with the key."""
    try:
        signers = signers_of(settings)
    except AttestationError:
        return
    faults = signers.faults() if signers else []
    hint = "it lets nobody sign: correct it, or take it out"
    for number, wrong in faults[:MOST_LINES]:
        yield Finding(AREA, "warn", f"{settings.allowed_signers}:{number}: {wrong}", hint)
    if len(faults) > MOST_LINES:
        what = f"{len(faults) - MOST_LINES} more lines of it let nobody sign"
        yield Finding(AREA, "warn", what, hint)


def _key(settings: ChangelogSettings, here: WriterRecord | None, changelog: Changelog) -> Finding:
    enrolled = here is not None and here.standing.state == "attested"
    until = f"enrolled until {in_words(here.expires)}" if here and enrolled else "not enrolled yet"
    try:
        signer = who_signs(settings)
    except AttestationError as error:
        return Finding(AREA, "warn", f"this machine is {until}, and {error.what}", error.hint)
    writer = here.writer if here else ""
    if signer.line and (why := changelog.barred([signer.line], writer, settings)):
        what = f"this machine is {until}, and your {why[signer.line]}"
        return Finding(AREA, "bad", what, ASK)
    who = f"{signer.principal} signs" if signer.principal else "you may sign"
    return Finding(AREA, "ok", f"{who} with {signer.key}; this machine is {until}")
