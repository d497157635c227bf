"""How the operator wants a change to be made: what the options say that all commands share which change hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Needed = Literal["now", "later", "never"]
"""When a command needs the secrets of what it is about: a dry run shows where they are, and reads none."""
NEEDLESS = ("lb", "unlock")
"""Commands on a service that run nothing of it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen for one run of a command."""

    command: str
    why: str | None
    dry_run: bool
    yes: bool
    as_json: bool
    override_freeze: str | None = None
    no_drain: bool = False
    wait: str | None = None
    sudo: str = ""
    """As whom what was typed runs by sudo, "" for not by sudo; a service says that itself."""

    @property
    def secrets(self) -> Needed:
        """When the secrets are needed of what is changed."""
        if self.command in NEEDLESS:
            return "never"
        return "later" if self.dry_run else "now"
