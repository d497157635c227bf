"""What is derived from events to answer fast: filled as they come, in any order, rebuilt when its shape changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog import database
from opskit.changelog.body import number, part, parts, text
from opskit.changelog.claims import OPEN, guest_of, rollout_of
from opskit.changelog.clock import COUNTER_BITS
from opskit.changelog.event import (
    ABANDONED,
    ENROLLED,
    FINISHED,
    HOSTS,
    RECOVERED,
    RESUMED,
    RUN,
    RUN_FINISHED,
    RUN_RESUMED,
    RUN_STARTED,
    RUN_STEP,
    SET_BACK,
    STARTED,
    Header,
    read_body,
)
from opskit.changelog.found import RUNBOOK, Found, about, found_of, hosts_of, seats_of
from opskit.changelog.search import words_of
from opskit.changelog.sql import script, statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping

SAYS_NOTHING = ("skipped", "unreachable")  # results of hosts that the rollout did not touch
TABLES = (
    "entry",
    "touched",
    "about",
    "joined",
    "drained",
    "result",
    "known_release",
    "actor",
    "words",
    "said",
    "unread",
    "stale",
)
RELEASE = ("release", "revision", "label")
RANKS = {STARTED: 2, RUN_STARTED: 2, RECOVERED: 1}
UNTOLD = (ENROLLED, SET_BACK)
ENDS = (FINISHED, ABANDONED, RECOVERED, RESUMED, RUN_FINISHED, RUN_RESUMED)


def rebuild(connection: sqlite3.Connection) -> None:
    """Make the index anew from all events, within the caller's transaction."""
    for table in (*TABLES, "index_version"):
        connection.execute(f"DROP TABLE IF EXISTS {table}")
    make(connection)
    fill(connection, connection.execute(statement("everything")))


def fill(
    connection: sqlite3.Connection, rows: Iterable[tuple[int, bytes, bytes, bytes, int]]
) -> None:
    """Take in all events, as the statement `everything` gives them."""
    for n, digest, signed, body, received_ms in rows:
        try:
            header = Header.decode(signed)
        except ValueError:
            continue
        add(connection, n, digest, header, read_body(body)[0], received_ms=received_ms)


def make(connection: sqlite3.Connection) -> None:
    """Make an empty index."""
    for piece in (*script("eras.sql"), *script("index.sql")):
        connection.execute(piece)
    connection.execute("INSERT INTO index_version VALUES (?)", (database.INDEX_VERSION,))


def add(
    connection: sqlite3.Connection,
    n: int,
    digest: bytes,
    header: Header,
    body: Mapping[str, object],
    *,
    received_ms: int = 0,
) -> None:
    """Take one event into the index; what is about the sharing only stays out of it, and so must a header that cannot be read.

    `received_ms` is when an upstream first received it, 0 if that is not known: nothing is placed much later than that.
    What nobody thought of in a stranger's event keeps that one out, and no other: it is kept, and `verify` names it.
    """
    if header.kind in UNTOLD:
        return
    try:
        _add(connection, found_of(n, digest, header, body, received_ms))
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError) as error:
        why = f"{type(error).__name__}: {error}"
        connection.execute(statement("unread"), (n, why))


def tell(connection: sqlite3.Connection, found: Found) -> int:
    """Bring what an event says into its entry, and into what is known of hosts; gives the entry. It may be told again."""
    entry = add_entry(connection, found)
    if not counts(connection, found):
        return entry
    _add_hosts(connection, entry, found)
    told = [(what, name, entry) for what, name in about(found)]
    connection.executemany(statement("add_about"), told)
    if found.header.kind in ENDS:
        settle(connection, found)
    return entry


def counts(connection: sqlite3.Connection, found: Found) -> bool:
    """Tell whether what an event says counts: of a guest's in a run, what comes after that one went on with it, see `runs`."""
    header = found.header
    if not guest_of(header):
        return True
    if header.kind == RUN_RESUMED:
        connection.execute(statement("join"), (found.claim, header.writer, header.seq))
    if header.kind not in (RUN_STEP, RUN_FINISHED):
        return True
    row = connection.execute(statement("joined"), (found.claim, header.writer)).fetchone()
    return row is not None and row[0] < header.seq


def _add(connection: sqlite3.Connection, found: Found) -> None:
    entry = tell(connection, found)
    if said := words_of(found.header, found.body):
        connection.execute(statement("add_words"), (found.n, said))
        connection.execute(statement("add_said"), (found.n, entry))


def add_entry(connection: sqlite3.Connection, found: Found) -> int:
    """Give the entry that an event belongs to; it is made, or told by this event, if none before it told more of it."""
    header, claim = found.header, found.claim
    rank = RANKS.get(header.kind, 0)
    row = _entry_of(connection, claim) if claim else None
    if claim and row is None:
        _outdo(connection, claim)
    if row is None or (-rank, header.hlc, found.hash) < (-row[1], *row[2:]):
        kind = _kind(connection, claim, header) if claim else header.kind
        names = (header.action, header.service, header.environment, header.actor)
        told = (found.n, claim or None, kind, *names, found.at_ms, header.hlc, found.hash, rank)
        connection.execute(statement("add_entry"), told)
    connection.execute(statement("add_actor"), (header.actor,))
    return int(row[0]) if row else found.n


def _kind(connection: sqlite3.Connection, claim: str, header: Header) -> str:
    """Give what an entry is: a rollout, a run of a runbook, or gone if it was recovered and the owner's own events are here."""
    if header.kind.startswith(RUN):
        return RUNBOOK
    if not claim.endswith(OPEN):
        return "rollout"
    bound = connection.execute(statement("is_bound"), {"rollout": rollout_of(claim)}).fetchone()
    return "gone" if bound else "rollout"


def _outdo(connection: sqlite3.Connection, claim: str) -> None:
    """Let the first of the owner's own events take the place of what was recovered of its rollout."""
    if OPEN in claim:
        return
    if connection.execute(statement("outdo"), (rollout_of(claim),)).rowcount:
        connection.execute(statement("forget_results_of"), (rollout_of(claim),))


def _entry_of(connection: sqlite3.Connection, rollout: str) -> tuple[int, int, int, bytes] | None:
    """Give the entry of a claim: its id, and the rank, the clock and the hash of the event that tells it."""
    row: tuple[int, int, int, bytes] | None
    row = connection.execute(statement("entry_of_rollout"), (rollout,)).fetchone()
    return row


def _add_hosts(connection: sqlite3.Connection, entry: int, found: Found) -> None:
    """Remember which hosts were touched, what is live on them since, and what releases are called."""
    kind = found.header.kind
    connection.executemany(statement("touch"), [(host, entry) for host in hosts_of(found)])
    connection.executemany(statement("drain"), [(*seat, entry) for seat in seats_of(found)])
    if found.claim and kind == STARTED:
        _learn_releases(connection, found.claim, found.body)
    elif found.claim and kind in (HOSTS, RECOVERED):
        add_results(connection, found)


def settle(connection: sqlite3.Connection, found: Found) -> None:
    """Bring into its entry what an event says of the end of a rollout."""
    header = found.header
    outcome, hlc = {
        FINISHED: _end(found),
        ABANDONED: ("abandoned", header.hlc),
        RESUMED: ("", header.hlc),  # open again
        RECOVERED: ("recovered", 1),  # anything else that is known of its end is better
        RUN_FINISHED: (text(found.body, "outcome") or "unknown", header.hlc),
        RUN_RESUMED: ("", header.hlc),
    }[header.kind]
    end = (hlc, outcome)
    owed = found.body.get("owes") if header.kind == RUN_FINISHED else None
    owes = 0 if owed == 0 and type(owed) is int else 1
    connection.execute(statement("settle"), (*end, owes, header.writer, found.claim, *end))


def _end(found: Found) -> tuple[str, int]:
    """Give the outcome that an end tells, and its clock: whoever went on has the last word over who was refused by hosts."""
    body, hlc = found.body, found.header.hlc
    if body.get("void") is True:
        was = text(body, "was")
        return was, hlc if was else 1
    return text(body, "outcome") or "unknown", 1 if body.get("lost") is True else hlc


def add_results(connection: sqlite3.Connection, found: Found) -> None:
    """Remember what an event says is live on hosts."""
    header = found.header
    if header.kind == RECOVERED:
        connection.executemany(statement("add_result"), _recovered_results(connection, found))
        return
    where = (header.service, header.environment)
    rows = [
        (*where, host, header.hlc, found.hash, release, found.claim, found.at_ms, _moved(result, release))
        for result in parts(found.body, "results")
        if (host := text(result, "host"))
        and (release := text(result, "live"))
        and text(result, "outcome") not in SAYS_NOTHING
    ]  # fmt: skip
    connection.executemany(statement("add_result"), rows)


def _recovered_results(connection: sqlite3.Connection, found: Found) -> list[tuple[object, ...]]:
    """Give what receipts say was live since, unless the owner's own events say it better."""
    if _kind(connection, found.claim, found.header) == "gone":
        return []
    where = (found.header.service, found.header.environment)
    times = [(host, max(number(host, "at"), 1)) for host in parts(found.body, "hosts")]
    return [
        (*where, name, min(at << COUNTER_BITS, found.latest), found.hash, to, found.claim, at, _moved(host, to))
        for host, at in times
        if (name := text(host, "name")) and (to := text(host, "to"))
    ]  # fmt: skip


def _moved(told: Mapping[str, object], release: str) -> int:
    return int(text(told, "from") != release)


def _learn_releases(
    connection: sqlite3.Connection, claim: str, body: Mapping[str, object]
) -> None:
    each = parts(body, "hosts")
    told = [part(body, "to"), *(part(host, key) for host in each for key in ("from", "to"))]
    known = {tuple(text(release, key) for key in RELEASE) for release in told}
    rows = [(claim, *release) for release in sorted(known) if release[0]]
    connection.executemany(statement("know_release"), rows)
