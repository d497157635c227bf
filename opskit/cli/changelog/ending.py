"""What ends the SSH key of a revoked writer for good: the lines for allowed_signers or revoked_keys, ready to be pasted.

They are shown and not written: these files are as a rule in git, and shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.sshkeys import fingerprint
from opskit.cli.render import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog import Event
    from opskit.config.model import ChangelogSettings


@dataclass(frozen=True, slots=True)
class Line:
    """A line of allowed_signers as it should be, and its number."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """A public key with its fingerprint, its lines of allowed_signers that end now, and the writers it still vouches for."""

    fingerprint: str
    key: str
    allowed_signers: Sequence[Line]
    still_vouches_for: Sequence[str]


def of(
    keys: Mapping[str, set[str]], writer: str, settings: ChangelogSettings, event: Event
) -> list[End]:
    """Give how to end each SSH key that had signed for the writer that `event` revokes."""
    from opskit.changelog.judging import signers_of

    signers = signers_of(settings)
    return [
        End(
            fingerprint(key),
            key,
            [Line(*each) for each in signers.ended(key, event.at_ms // 1000)] if signers else [],
            sorted(writers - {writer}),
        )
        for key, writers in keys.items()
    ]


def show(ends: Sequence[End], writer: str, settings: ChangelogSettings) -> None:
    """Say what the keys may still do, and print the lines; nothing where no file says whose signatures count."""
    if settings.allowed_signers is None:
        return
    for end in ends:
        text.say(f"SSH key {end.fingerprint} had signed for it, and vouches for no new writer now")
        if others := ", ".join(each[:12] for each in end.still_vouches_for):
            text.say(f"it still vouches for {others}: revoke what is not its owner's, too")
        _show_lines(end, settings)
        safe = f"opskit changelog revoke {writer[:12]} --keep-key -m WHY"
        text.say(f"if nobody but its owner has that key: {safe}")


def _show_lines(end: End, settings: ChangelogSettings) -> None:
    for line in end.allowed_signers:
        text.say(f"to end it for good, line {line.number} of {settings.allowed_signers} becomes:")
        text.say(f"  {line.text}")
    named = (
        settings.revoked_keys or 'a file that opskit.toml names (revoked_keys = "revoked_keys")'
    )
    text.say(f"if nothing that it ever signed is to count, add this line to {named}:")
    text.say(f"  {end.key}")
