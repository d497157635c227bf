"""Of several who went on with a run at once, whose turn it is: the first by the order of the changelog, which the others did not know of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.event import RUN_RESUMED

if TYPE_CHECKING:
    from opskit.changelog.event import Event


class Turns:
    """Takes the events by which somebody began a run, or went on with it, in their order."""

    def __init__(self) -> None:
        self._last = ""

    def is_lost(self, event: Event) -> bool:
        """Take the next one; tells whether whoever wrote it was too late: he did not know of the one whose turn it was."""
        knows = event.body.get("knows")
        told = event.header.kind == RUN_RESUMED and isinstance(knows, list) and bool(self._last)
        if told and self._last not in knows:  # type: ignore[operator]
            return True
        self._last = event.id
        return False
