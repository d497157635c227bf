"""What each exit code means; the help, the JSON envelope and the README all say it from here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Exit:
    """One exit code: the envelope's word for it, and a sentence for people."""

    status: str
    meaning: str


EXITS: Mapping[int, Exit] = {
    0: Exit("done", "All that was asked for was done."),
    1: Exit(
        "failed",
        "It was not done, or opskit could not find out whether it was; of `blame`: nothing in the changelog explains it.",
    ),
    2: Exit(
        "usage", "The command, opskit.toml or a name in them makes no sense; nothing was touched."
    ),
    3: Exit("partial", "A part was done and the rest was not; the report names both."),
    4: Exit("locked", "Another run holds the hosts; nothing was changed."),
    5: Exit("refused", "A gate, a rule or a person said no."),
    130: Exit("interrupted", "Ctrl-C, SIGTERM or SIGHUP ended the run."),
}
