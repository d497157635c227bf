"""`opskit changelog writers`: which laptops write here, and who vouches for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.changelog.enroll import moment_of
from opskit.cli.render import envelope, table, text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog.judging import WriterRecord
    from opskit.cli.render.text import Cell

HEADER = ("WRITER", "STANDING", "WHO", "MACHINE", "UNTIL", "EVENTS", "REASON")

WAY = "its owner, or whoever has that key now? See runbooks/changelog-disaster.md, step 4"


@click.command()
@options.as_json
def writers(*, as_json: bool) -> int:
    """List who writes here, and whose SSH key vouches for it now.

    A writer is the changelog of one machine, which signs its events with a key of its own; * is this machine's. Its owner's SSH key signs for it, as
    `allowed_signers` in opskit.toml says, for some weeks each time.
    """
    config = vouching.warned(wiring.read_config(whole=False))
    with sharing.open_changelog(config) as changelog:
        found = changelog.writers(config.changelog)
    if as_json:
        return envelope.show("changelog writers", {"writers": [_as_data(each) for each in found]})
    if not found:
        text.mention("nobody has written into this changelog yet")
        return 0
    table.show(HEADER, [_row(each) for each in found])
    for each in found:
        if each.barred:
            what = f"warning: writer {each.writer[:12]} is new, and its SSH key {each.key} is that of a revoked one"
            text.mention(f"{what}; {WAY}", colour="red")
    return 0


def _row(record: WriterRecord) -> tuple[Cell, ...]:
    mark = "*" if record.here else " "
    who = record.standing.principal or (f"({record.role})" if record.role else "")
    return (
        f"{mark} {record.writer[:12]}",
        text.Status(record.standing.state),
        who,
        record.machine,
        f"{moment_of(record.expires).astimezone():%Y-%m-%d}" if record.expires else "",
        str(record.events),
        record.standing.reason,
    )


def _as_data(record: WriterRecord) -> Mapping[str, object]:
    return {
        "writer": record.writer,
        "here": record.here,
        "role": record.role,
        "events": record.events,
        "standing": record.standing.state,
        "principal": record.standing.principal,
        "reason": record.standing.reason,
        "key": record.key,
        "barred": record.barred,
        "machine": record.machine,
        "issued": moment_of(record.issued) if record.issued else None,
        "expires": moment_of(record.expires) if record.expires else None,
    }
