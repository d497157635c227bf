"""What came of a rollout that a bisection made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.bisect.local import Brought
from opskit.errors import InterruptedRunError, OpskitError

if TYPE_CHECKING:
    from opskit.rollout.report import Report


def came(report: Report, host: str) -> Brought:
    """Give what came of a deploy to the host; raises OpskitError where that says nothing of the commit."""
    if report.outcome == "done":
        return Brought()
    if report.outcome == "interrupted":
        raise InterruptedRunError("interrupted")
    own = next((each for each in report.hosts if each.host == host), None)
    if own is not None and own.outcome == "reverted":
        return Brought(None, f"it does not come up: {own.error}", own.output)
    raise OpskitError(f"{host}: {report.reason or report.outcome}", hint=own.hint if own else "")
