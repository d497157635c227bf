"""A changelog as lines of JSON, and back.

The first line is `{"opskit":"changelog","version":1}`. Each other line is an event as `Packet.to_json` gives it, in the
order (clock, writer, number); then, with a field `"evidence"` ("fork" or "refused"), what was kept though it is no true
part of a chain. Nothing in it depends on the machine, so that the same events always give the same bytes.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.changelog.event import Header, sealed
from opskit.changelog.packet import Packet
from opskit.changelog.sql import statement
from opskit.errors import ChangelogError

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
    """Give the events of exported lines; what cannot be read, or has another body than the signed one, is told to `wrong`.

    By the number of its line. Of an event whose body was altered, the rest is given.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.strip() == FIRST:
            continue
        try:
            packet = _packet(line)
        except (ValueError, RecursionError):
            wrong.append(f"line {number}: no event; it is cut off or was altered")
            continue
        if _has_another_body(packet):
            wrong.append(
                f"line {number}: not the body that was signed; the event is taken in without it"
            )
            packet = replace(packet, nonce=None, body=None)
        yield packet


def demand_first(line: str, file: str) -> None:
    """Raise ChangelogError if this is not how an export begins: then nothing of the file should be taken in."""
    try:
        first = json.loads(line)
    except (ValueError, RecursionError):
        first = None
    if not isinstance(first, dict) or first.get("opskit") != "changelog":
        raise ChangelogError(
            f"{file} is not an export of a changelog{'' if line else ': it is empty'}",
            hint="opskit changelog export FILE writes one",
        )
    if first.get("version") != 1:
        raise ChangelogError(
            f"{file} was written by a newer opskit", hint="upgrade opskit on this machine"
        )


def _packet(line: str) -> Packet:
    if len(line) > LONGEST_LINE:
        raise ValueError("too long for an event")
    return Packet.from_json(line)


def _has_another_body(packet: Packet) -> bool:
    """Tell whether the body is another one than the header says; a header that cannot be read says nothing."""
    if packet.nonce is None or packet.body is None:
        return False
    try:
        return Header.decode(packet.header).body != sealed(packet.nonce, packet.body)
    except ValueError:
        return False
