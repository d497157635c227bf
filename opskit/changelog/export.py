"""A changelog as lines of JSON, and back.

The first line is `{"opskit":"changelog","version":1}`. Each other line is an event as `Packet.to_json` gives it, in the
order (clock, writer, number); then, with a field `"evidence"` ("fork" or "refused"), what was kept though it is no true
part of a chain. Nothing in it depends on the machine, so that the same events always give the same bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opskit.changelog.packet import Packet
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator

FIRST = '{"opskit":"changelog","version":1}'
LONGEST_LINE = 64 * 2**20


def export(connection: sqlite3.Connection, write: Callable[[str], object]) -> None:
    """Give every line to `write`, without its end."""
    write(FIRST)
    for row in connection.execute(statement("export")):
        write(Packet.of(row).to_json())
    for kind, packet in connection.execute(statement("evidence")):
        write(json.dumps({"evidence": kind, **json.loads(packet)}, sort_keys=True))


def read(lines: Iterable[str], wrong: list[str]) -> Iterator[Packet]:
    """Give the events of exported lines; what cannot be read is told, by the number of its line, to `wrong`."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            if (packet := _packet(line, number)) is not None:
                yield packet
        except (ValueError, RecursionError) as error:
            wrong.append(f"line {number}: {str(error)[:200]}")


def _packet(line: str, number: int) -> Packet | None:
    if len(line) > LONGEST_LINE:
        raise ValueError("too long for an event")
    if number == 1 and '"opskit"' in line:
        first = json.loads(line)
        if first.get("version") != 1:
            raise ValueError("written by a newer opskit: upgrade this one")
        return None
    return Packet.from_json(line)
