"""Records as they were: what the changelog could have told at an earlier time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.clock import moment
from opskit.changelog.folding import rollout
from opskit.changelog.runs import run

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from opskit.changelog.records import RolloutRecord
    from opskit.changelog.runrecords import RunRecord


def rollout_at(record: RolloutRecord, at: datetime) -> RolloutRecord | None:
    """Give a rollout as its events told it until `at`, None if there were none of it; nothing of it runs any more."""
    events = [event for event in record.events if moment(event.at_ms) <= at]
    return rollout(events, _is_over, name=record.id) if events else None


def run_at(record: RunRecord, at: datetime) -> RunRecord | None:
    """Give a run of a runbook as its events told it until `at`, None if there were none of it; it runs no more."""
    events = [event for event in record.events if moment(event.at_ms) <= at]
    return run(events, _is_over, name=record.id) if events else None


def _is_over(machine: Mapping[str, object], since_ms: int) -> bool:  # noqa: ARG001
    return False
