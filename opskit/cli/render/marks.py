"""Who did what, who signed for it, and the marks of what nobody vouches for: the same words in the log and on its pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import OtherEntry, RolloutRecord

if TYPE_CHECKING:
    from opskit.changelog import Entry

ATTESTED = "attested"


def who(entry: Entry, *, in_short: bool = False) -> str:
    """Give who acted: what was typed; and who signed for it, where that is somebody else. In short: the users' names.

    Whoever wrote down what another did did not sign for that one.
    """
    is_heard = isinstance(entry, RolloutRecord) and entry.recorder
    return signed(entry.actor, "" if is_heard else entry.principal, in_short=in_short)


def signed(actor: str, principal: str, *, in_short: bool = False) -> str:
    """Give a name as it was typed, and who signed for it, where that is somebody else."""
    names = [actor, principal]
    users = [name.partition("@")[0] for name in names]
    typed, by = users if in_short else names
    is_other = users[1] and users[1].casefold() != users[0].casefold()
    return f"{typed} ({by})" if is_other else typed


def written_down(record: RolloutRecord) -> str:
    """Give who wrote a rollout down, if that is not who did it."""
    if not record.recorder:
        return ""
    return f"written down by {signed(record.recorder, record.principal)}"


def marks(entry: Entry) -> list[str]:
    """Give `[unattested]`, `[revoked]` or `[forked]` for what nobody vouches for, `[redacted]` for what is gone."""
    doubt = entry.standing if entry.standing != ATTESTED else ""
    gone = "" if isinstance(entry, OtherEntry) else entry.damage
    return [f"[{word}]" for word in (doubt, gone) if word]


def signature(entry: Entry) -> str:
    """Give who vouches for an entry, or why nobody does; nothing where nobody's signature is asked for."""
    if entry.doubt:
        by = f" (signed by {entry.principal})" if entry.principal else ""
        return f"{entry.standing}: {entry.doubt}{by}"
    if isinstance(entry, RolloutRecord) and entry.recorder and entry.principal:
        return written_down(entry)
    return entry.principal
