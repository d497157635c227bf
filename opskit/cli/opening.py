"""One entry of the changelog, opened by the beginning of its id: a rollout, a run of a runbook, a note or any other event."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.cli import sharing
from opskit.cli.render import envelope
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    from opskit.changelog import Changelog, RolloutRecord, RunRecord
    from opskit.changelog.showing import Shown
    from opskit.config.model import Config

RETRIES_AMONG = 500  # rollouts of the same service since


def open_one(changelog: Changelog, prefix: str, config: Config, *, as_json: bool) -> int:
    """Show one rollout or run, or the note or other event whose id starts so."""
    from opskit.changelog import RunRecord
    from opskit.changelog.event import BISECT_STARTED
    from opskit.cli.render import records, rollout

    try:
        found = changelog.record(prefix)
    except UnknownNameError as error:
        shown = _event_instead(changelog, prefix, error)
        if shown.event.header.kind == BISECT_STARTED:
            return _open_bisection(changelog, shown.event.id, config, as_json=as_json)
        return _open_event(changelog, shown, config, as_json=as_json)
    (record,) = changelog.judged([found], config.changelog, whole=True)
    if isinstance(record, RunRecord):
        return _open_run(changelog, record, config, as_json=as_json)
    if as_json:
        about = sharing.lag_of(config, changelog)
        return envelope.show("log", {"rollout": records.as_whole(record), **about})
    rollout.show(record, datetime.now(UTC), retried_by=_retries_of(changelog, record))
    return 0


def _open_event(changelog: Changelog, shown: Shown, config: Config, *, as_json: bool) -> int:
    """Show an event, and the verdicts on it."""
    from opskit.blame.judging import verdicts_on
    from opskit.cli.render import event, opinions

    standing = changelog.standing(shown.event, config.changelog)
    given = changelog.judged(verdicts_on(changelog, shown.event.id), config.changelog)
    if as_json:
        data = {"event": event.as_data(shown, standing), "verdicts": list(given)}
        return envelope.show("log", data)
    event.show(event.plain(shown, standing))
    opinions.show(given)
    return 0


def _open_run(changelog: Changelog, record: RunRecord, config: Config, *, as_json: bool) -> int:
    """Show a run, and the rollouts and notes that say that they were done in it."""
    from opskit.changelog import Filter
    from opskit.cli.render import records, run

    inside = changelog.judged(changelog.entries(Filter(during=record.id)), config.changelog)[::-1]
    if as_json:
        told = [records.as_data(entry) for entry in inside]
        data = {**records.as_whole(record), "inside": told}
        return envelope.show("log", {"run": data, **sharing.lag_of(config, changelog)})
    run.show(record, inside, datetime.now(UTC))
    return 0


def _open_bisection(changelog: Changelog, id_: str, config: Config, *, as_json: bool) -> int:
    """Show a bisection: what was tried, what came of it, and how to go on."""
    from opskit.blame.bisect.record import recorded
    from opskit.cli.render import bisection

    one = recorded(changelog, id_, config.changelog)
    if as_json:
        return envelope.show("log", {"bisection": one, **sharing.lag_of(config, changelog)})
    bisection.page(one)
    return 0


def _retries_of(changelog: Changelog, record: RolloutRecord) -> list[str]:
    """Give the rollouts that did what this one left undone, the oldest first."""
    from opskit.changelog import Filter

    wanted = Filter(service=record.service, environment=record.environment, since=record.at)
    found = changelog.rollouts(wanted._replace(limit=RETRIES_AMONG))
    return [other.id for other in reversed(found) if record.id in other.retries]


def _event_instead(changelog: Changelog, prefix: str, error: UnknownNameError) -> Shown:
    """Give the only event whose id starts so; raises the error of the rollout where that says more."""
    if error.what.startswith("several"):
        raise error from None
    try:
        return changelog.show(prefix)
    except UnknownNameError:
        raise error from None
