"""How a run stops before its end: an outcome and a reason, raised from wherever that is decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ABORTED = "aborted"


class StoppedError(Exception):
    """The run stops here; `outcome` is failed, aborted or suspended. `waits` says for what it waits: {"for", "step", "part", "text"}; `interrupted`: because of a signal."""

    def __init__(
        self,
        outcome: str,
        reason: str,
        *,
        waits: Mapping[str, object] | None = None,
        interrupted: bool = False,
    ) -> None:
        super().__init__(reason)
        self.outcome = outcome
        self.reason = reason
        self.waits = waits
        self.interrupted = interrupted
