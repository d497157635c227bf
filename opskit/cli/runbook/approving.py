"""What is to be approved, shown to who is to say yes, and written down if they do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.render import approvals
from opskit.cli.runbook import opening
from opskit.errors import OpskitError

if TYPE_CHECKING:
    from opskit.changelog import Changelog, RunRecord
    from opskit.config.model import Config
    from opskit.runbook.model import Runbook


def approve(run: str, *, why: str | None, yes: bool, as_json: bool) -> int:
    """Show what a run waits for, ask, and write that it is approved; one that is already is only told of."""
    from opskit.runbook import approve as approving
    from opskit.runbook.past import events_of

    config = wiring.read_config()
    with sharing.open_changelog(config) as changelog:
        record = changelog.run(run)
        approving.demand_another(changelog, record.events)
        book = _page(config, changelog, record)
        found = approving.wanted(book, events_of(changelog, record, config.changelog))
        if found.given is not None:
            return approvals.show_given(record, found.step, found.given, as_json=as_json)
        reason = opening.reason(config.environment(record.environment or None), why)
        inventory = wiring.open_inventory(config, record.environment or None)
        where = opening.placing(inventory, changelog, found.values)
        approvals.mention(record, found, where=where)
        options.ask(f"approve this for {record.actor}?", yes=yes)
        vouching.keep_enrolled(changelog, config.changelog)
        event = approving.approve(changelog, record.events, why=reason)
        return approvals.show(record, event, as_json=as_json)


def _page(config: Config, changelog: Changelog, record: RunRecord) -> Runbook | None:
    """Give the page of a run as it is here, None if there is none that can be read."""
    from opskit.runbook import shelf
    from opskit.runbook.past import file_of

    try:
        file = file_of(changelog, record, config.root) or record.runbook
        book = shelf.open_book(shelf.find(config.root, str(file)))
    except OpskitError:
        return None
    return book if book.id == record.runbook else None
