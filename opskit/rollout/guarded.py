"""What came of a script that a host runs only under this run's lock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.errors import LockLostError
from opskit.rollout import layout

if TYPE_CHECKING:
    from opskit.fleet.command import Result


def require(result: Result, what: str, *, lines: int = 10) -> Result:
    """Give the result of a guarded script that ended with 0; raises LockLostError, CommandFailedError with so many `lines`."""
    if result.exit == layout.LOCK_LOST and layout.LOST_WORDS.encode() in result.stderr:
        raise LockLostError(
            result.host,
            LockLostError.words,
            hint="this run slept through its lock, and another run may have come since: see `opskit log`",
        )
    return result.require(what, lines=lines)


def and_then(result: Result, what: str, *, lines: int = 10) -> bool:
    """Tell whether what was to follow a command in one script (see `layout.run_in_current`) was done as well.

    Raises LockLostError and CommandFailedError if the command itself failed.
    """
    if result.exit == layout.NOT_THEN and layout.NOT_THEN_WORDS.encode() in result.stderr:
        return False
    require(result, what, lines=lines)
    return True
