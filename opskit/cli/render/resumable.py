"""What can be resumed, as people and programs read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli.render import envelope, terminal, text
from opskit.cli.render.log import colour_of, what, when
from opskit.cli.render.marks import who
from opskit.cli.render.releases import releases
from opskit.rollout.resumable import command, is_reverted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from opskit.changelog import RolloutRecord


def show(records: Sequence[RolloutRecord], now: datetime, *, as_json: bool) -> int:
    """Show each with the command that goes on with it; gives 0 if there is none, else 1."""
    exit_code = 1 if records else 0
    if as_json:
        return envelope.show("resume", {"resumable": [*map(_data, records)]}, exit_code=exit_code)
    for record in records:
        _show(record, now)
    if records:
        text.say("as the changelog knows; who resumes one asks its hosts")
    else:
        text.say("no rollout is left half-way: nothing can be resumed")
    return exit_code


def _show(record: RolloutRecord, now: datetime) -> None:
    by, where = who(record), f" in {record.environment}"
    about = " ".join(filter(None, (what(record), releases(record)))) + where
    told = f"{record.id}  {about}, by {by}, {when(record.at, now)}: {record.outcome}"
    lines = [*([f"why: {record.why}"] if record.why else []), _stand(record)]
    text.say(terminal.visible(told, one_line=True), colour=colour_of(record), bold=True)
    for line in lines:
        text.say(terminal.visible(f"  {line}", one_line=True), wrap=True)
    back = " (with --revert to take it back)" if _can_go_back(record) else ""
    text.say(f"  to go on: {command(record)}{back}")


def _stand(record: RolloutRecord) -> str:
    """Say where the hosts stand: `web01 unknown, web[02-04] not reached`."""
    found: dict[str, list[str]] = {}
    for host in record.hosts:
        found.setdefault(host.outcome, []).append(host.name)
    return ", ".join(f"{text.folded(names)} {outcome}" for outcome, names in found.items())


def _can_go_back(record: RolloutRecord) -> bool:
    """Tell whether it may be taken back instead, as nothing in the changelog speaks against it."""
    one_way = bool(record.to and record.to.irreversible)
    return record.action in ("deploy", "rollback") and not one_way and not is_reverted(record)


def _data(record: RolloutRecord) -> dict[str, object]:
    names = ("id", "action", "service", "environment", "actor", "machine", "at", "outcome", "why")
    return {
        **{name: getattr(record, name) for name in names},
        "hosts": {host.name: host.outcome for host in record.hosts},
        "reverting": is_reverted(record),
        "command": command(record),
    }
