"""The engineer's SSH key vouches for what a command writes, as far as that can be had without waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli.render import text

if TYPE_CHECKING:
    from opskit.changelog import Changelog
    from opskit.config.model import ChangelogSettings, Config


def keep_enrolled(
    changelog: Changelog, settings: ChangelogSettings, *, tokens: bool = True
) -> None:
    """Enrol this machine if it is time to; what is in the way is one line of warning, and nothing waits for it.

    Without `tokens`, nobody is asked for a touch.
    """
    if settings.allowed_signers is None:
        return
    from opskit.changelog.enrolling import keep_enrolled

    if warning := keep_enrolled(changelog, settings, on_touch=say_touch, tokens=tokens):
        text.mention(f"warning: {warning}", colour="yellow")


def warned(config: Config) -> Config:
    """Say in one line why nothing is attested, if that is because of the files that opskit.toml names; gives `config`."""
    settings = config.changelog
    if settings.allowed_signers is not None:
        from opskit.changelog.signers import trouble

        if why := trouble(settings.allowed_signers, settings.revoked_keys):
            text.mention(f"warning: {why}", colour="yellow")
    return config


def say_touch(key: str) -> None:
    """Say which token waits for a finger."""
    text.mention(f"touch the token of {key} when it blinks", colour="yellow")
