"""Enrolling this machine's writer with the engineer's SSH key, keeping it enrolled, and revoking writers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import openssh, sshsig, standing
from opskit.changelog.attestation import Enrolment, statement_here
from opskit.changelog.event import ENROLLED, REVOKED
from opskit.changelog.files import read_small
from opskit.changelog.judging import signers_of
from opskit.errors import AttestationError, OpskitError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opskit.changelog.attestation import Statement
    from opskit.changelog.changelog import Changelog
    from opskit.changelog.event import Event
    from opskit.changelog.signers import Signers
    from opskit.config.model import ChangelogSettings

DAYS = 30
DAY = 86400
PROBE = b"opskit doctor asks whether this key signs"
RENEW_AT = 1 / 3  # of its time is left
KINDS = ("ed25519", "ecdsa", "rsa")
ASK = "ask whoever revoked it; how its owner goes on stands in runbooks/changelog-disaster.md, step 4"


@dataclass(frozen=True, slots=True)
class NewEnrolment:
    """A new enrolment: its event, what was signed, and as whom ("" where no allowed_signers are configured)."""

    event: Event
    statement: Statement
    principal: str


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that would sign, as ssh-add -l shows it, and as whom ("" if that was not tried)."""

    key: str
    principal: str
    line: str = ""
    """Its public key line, "" if that cannot be read."""


def enroll(
    changelog: Changelog,
    settings: ChangelogSettings,
    *,
    days: int = DAYS,
    on_touch: Callable[[str], object] | None = None,
    tokens: bool = True,
) -> NewEnrolment:
    """Let the engineer's SSH key sign that this machine's writer is theirs, for so many days; the event is durable then.

    The key is `settings.signing_key`, else the first that allowed_signers knows of the agent's and of ~/.ssh/id_*. `on_touch` is told of
    a key that wants to be touched; without `tokens`, none is asked. Raises AttestationError (no key could sign, or none counts; or
    the writer is revoked, and nobody can vouch for it), ChangelogError.
    """
    signers = signers_of(settings)
    me = changelog.me()
    _demand_believed(changelog, settings)
    trouble: list[AttestationError] = []
    keys = candidates(settings, signers)
    lines = [line for key in keys if (line := _public(key))]
    barred = changelog.barred(lines, me.writer.hex(), settings)
    for key in keys:
        line = _public(key)
        if line in barred:
            trouble.append(AttestationError(f"your {barred[line]}", hint=ASK))
            continue
        if not tokens and openssh.is_token(key):
            trouble.append(_untouched(line or str(key)))
            continue
        ends = [at for at in openssh.certificate_times(line) if at > me.now] if line else []
        expires = min([me.now + days * DAY, *ends])
        statement = statement_here(me.writer, me.key, me.log, issued=me.now, expires=expires)
        try:
            enrolment, principal = _signed(statement, key, signers, on_touch)
        except AttestationError as error:
            trouble.append(error)
            continue
        return NewEnrolment(changelog.append(ENROLLED, enrolment.body), statement, principal)
    raise trouble[0] if trouble else _nobody(signers)


def who_signs(settings: ChangelogSettings) -> Signer:
    """Find out which key would enrol this machine, and as whom; a token is not asked for a touch.

    Raises AttestationError.
    """
    signers = signers_of(settings)
    trouble: list[AttestationError] = []
    for key in candidates(settings, signers):
        line = _public(key)
        shown = openssh.fingerprint(line) if line else str(key)
        if openssh.is_token(key):
            return Signer(shown, "", line)
        try:
            signature = sshsig.sign(PROBE, key)
            principal = _counted(PROBE, signature, signers, int(time.time()))
        except AttestationError as error:
            trouble.append(error)
            continue
        return Signer(shown, principal, line)
    raise trouble[0] if trouble else _nobody(signers)


def keep_enrolled(
    changelog: Changelog,
    settings: ChangelogSettings,
    *,
    on_touch: Callable[[str], object] | None = None,
    tokens: bool = True,
) -> str:
    """Enrol this machine's writer if it is not, or has less than a third of its time left; never raises.

    Gives a warning, "" if all is well or nobody's signature is asked for (no allowed_signers).
    """
    if settings.allowed_signers is None:
        return ""
    try:
        me = changelog.me()
        mine = next(each for each in changelog.writers(settings) if each.writer == me.writer.hex())
        if mine.standing.state in (standing.REVOKED, standing.FORKED):
            return f"what follows counts for nobody: {mine.standing.reason}"
        if mine.left(me.now) < RENEW_AT:
            enroll(changelog, settings, on_touch=on_touch, tokens=tokens)
    except OpskitError as error:
        hint = f"; {error.hint}" if error.hint else ""
        return f"what follows is not attested: {error.what}{hint}"
    return ""


def revoke(
    changelog: Changelog, writer: str, *, last_seq: int, why: str, keep_keys: bool = False
) -> Event:
    """Write down that the events of `writer` (in hex) after its event `last_seq` count for nobody; raises ChangelogError, AttestationError.

    The SSH keys that had signed for it vouch from now on for nobody but the writers for which they have signed already:
    whoever has the laptop has them, too. With `keep_keys` they are in good hands, and go on. Where allowed_signers are
    configured all that counts only if this event itself is attested.
    """
    keys = changelog.keys_of(writer)
    kept = {each for writers in keys.values() for each in writers} - {writer}
    named = {"keys": [] if keep_keys else sorted(keys), "kept": [] if keep_keys else sorted(kept)}
    return changelog.append(REVOKED, {"writer": writer, "last_seq": last_seq, "why": why, **named})


def candidates(settings: ChangelogSettings, signers: Signers | None) -> list[Path | str]:
    """Give the keys to try, in order: key files, or public key lines of the agent's."""
    if settings.signing_key:
        return [settings.signing_key]
    held = openssh.agent_keys()
    there: list[Path | str] = [*held, *_files({_material(line) for line in held})]
    plain: list[Path | str] = []
    certificates: list[Path | str] = []
    for key in there:
        line = _public(key)
        if openssh.is_certificate(line):
            certificates.append(key)
        elif signers is None or signers.knows(line):
            plain.append(key)
    return [*plain, *(certificates if signers is None or signers.has_authorities else ())]


def _demand_believed(changelog: Changelog, settings: ChangelogSettings) -> None:
    """Raise AttestationError if whatever is written here counts for nobody, whoever vouches for it."""
    here = next((each for each in changelog.writers(settings) if each.here), None)
    if here and not here.barred and here.standing.state in (standing.REVOKED, standing.FORKED):
        hint = (
            ASK if here.standing.state == standing.REVOKED else "opskit doctor says how to go on"
        )
        raise AttestationError(f"nobody believes this machine: {here.standing.reason}", hint=hint)


def _signed(
    statement: Statement,
    key: Path | str,
    signers: Signers | None,
    on_touch: Callable[[str], object] | None,
) -> tuple[Enrolment, str]:
    """Sign, and look at once whether it counts; raises AttestationError."""
    said = statement.encode()
    signature = sshsig.sign(said.encode(), key, on_touch=on_touch)
    enrolment = Enrolment(statement, said, signature, sshsig.key_of(signature))
    return enrolment, _counted(said.encode(), signature, signers, statement.issued)


def _counted(data: bytes, signature: str, signers: Signers | None, at: int) -> str:
    """Give whose signature it is, "" where nobody asks; raises AttestationError if it does not count."""
    if signers is None:
        return ""
    verdict = sshsig.verify(data, signature, signers, at)
    if not verdict.principal:
        key = sshsig.key_of(signature)
        what = f"the signature of {openssh.fingerprint(key)} does not count: {verdict.reason}"
        raise AttestationError(what, hint=_how_to_add(key))
    return verdict.principal


def _files(held: set[str]) -> Iterator[Path]:
    """Give the public key files in ~/.ssh whose key the agent does not hold."""
    try:
        folder = Path.home() / ".ssh"
    except RuntimeError:  # there is no home
        return
    for kind in KINDS:
        for file in sorted(folder.glob(f"id_{kind}*.pub")):
            line = _public(file)
            if line and _material(line) not in held:
                yield file


def _public(key: Path | str) -> str:
    """Give a key's public half as a line, "" if it cannot be read."""
    if isinstance(key, str):
        return key
    public = key if key.suffix == ".pub" else key.with_name(f"{key.name}.pub")
    try:
        line = read_small(public).decode("utf-8", "replace").strip()
    except OSError:
        return ""
    return line if openssh.is_key(line) else ""


def _material(line: str) -> str:
    return line.split()[1]


def _nobody(signers: Signers | None) -> AttestationError:
    own: Sequence[str] = [*openssh.agent_keys(), *(_public(file) for file in _files(set()))]
    if not own:
        return AttestationError(
            "there is no SSH key to sign with",
            hint="load one into the agent with ssh-add, or make one: ssh-keygen -t ed25519",
        )
    name = signers.name if signers else "allowed_signers"
    return AttestationError(f"none of your SSH keys stands in {name}", hint=_how_to_add(own[0]))


def _untouched(key: str) -> AttestationError:
    shown = openssh.fingerprint(key) if openssh.is_key(key) else key
    return AttestationError(
        f"{shown} is on a token, which is not asked for a touch here",
        hint="touch it once for some weeks: opskit changelog enroll",
    )


def _how_to_add(key: str) -> str:
    line = " ".join(key.split()[:2])
    return f'a line that does: you@example.com namespaces="{sshsig.NAMESPACE}" {line}'
