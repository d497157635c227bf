"""Whose a rollout is: nobody can write events into the rollout of another writer.

The id of a rollout commits to the writer who began it: it is the first 50 bits of SHA-256("opskit.rollout.v1" || writer || pick),
in Crockford's base 32. `pick` is random and stands in the header of each event of the rollout, so that one look at an event
tells whether its writer may speak for that rollout, whatever came before it. A writer that took over from the owner (a
rebuilt or forked changelog) also gives `heir`: the owner's public key, and its signature over "opskit.heir.v1" || writer.

Events of one rollout and one owner make a *claim*, which is named so:

    k7x2m9qp4d.<owner>   the owner's: the id is bound to it
    k7x2m9qp4d@          what others wrote down again from receipts on hosts
    k7x2m9qp4d@<owner>   anybody else's, who only says that it is his

That a rollout was abandoned, anybody may say whose `heir` names the owner: it counts as long as the owner says nothing else.

Who goes on with somebody else's rollout that was interrupted proves that the hosts let him: `pick` is the public half of a
key, whose private half the rollout leaves on the hosts that it locks, and nowhere else. The resumer's `heir` names the owner and gives
that key's signature over "opskit.resume.v1" || id || writer. It counts for what a resumer writes: that he resumed, results of hosts, the end.
It does not begin a rollout, and says nothing in the name of the run that was before.

The id of a run of a runbook is made in the same way, of "opskit.run.v1" instead: no id is both a rollout's and a run's. What a runbook says
is done on no hosts of its own that could let somebody in, and any colleague may go on with it: the `heir` of his events names the
owner, and nothing else. They are *a guest's*: what he says of steps and of the end counts from his own `run.resumed` on, see `runs`; he begins no run.

<owner> is the first 16 hex digits of a writer. The first of these that is there, and the only one of its kind, is what people
mean by the id alone; the others are called by their whole name, and change nothing of what it says. What an id is bound
to takes 2^50 tries to hit for one rollout, and fewer for any of many: two that are bound are both called by their whole name.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

from opskit.changelog.body import text
from opskit.changelog.event import (
    ABANDONED,
    FINISHED,
    HOSTS,
    OPINIONS,
    RECOVERED,
    RESUMED,
    RUN,
    RUN_APPROVED,
    RUN_FINISHED,
    RUN_RESUMED,
    RUN_STARTED,
    RUN_STEP,
    STARTED,
    Header,
)
from opskit.changelog.ids import id_of, run_id_of
from opskit.changelog.sql import statement

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

    from opskit.changelog.event import Event

BOUND, OPEN = ".", "@"
HEIR, RESUME = b"opskit.heir.v1", b"opskit.resume.v1"
RESUMERS = (RESUMED, HOSTS, FINISHED)
"""The kinds of events that a resumer may write into the rollout of another writer."""
GUESTS = (RUN_RESUMED, RUN_STEP, RUN_FINISHED, RUN_APPROVED)
"""The kinds of events that anybody may write into the run of another writer."""

_WRITER = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[0-9a-z_-]{1,40}")
_CLAIM = re.compile(r"([0-9a-z_-]{1,40})(?:\.[0-9a-f]{16}|@(?:[0-9a-f]{16})?)")


def claim_of(header: Header) -> str:
    """Give the claim that an event is a part of; "" if it is a part of no rollout, as a note is not."""
    name = header.rollout
    if header.kind in OPINIONS or not _NAME.fullmatch(name):
        return ""
    if header.kind == RECOVERED:
        return f"{name}{OPEN}"
    owner = owner_of(header)
    return f"{name}{BOUND}{owner[:16]}" if owner else f"{name}{OPEN}{header.writer[:16]}"


def owner_of(header: Header) -> str:
    """Give the writer (in hex) that the id of an event's rollout is bound to, "" if the event cannot speak for that."""
    if not header.pick:
        return ""
    make = run_id_of if header.kind.startswith(RUN) else id_of
    if make(header.writer, header.pick) == header.rollout:
        return header.writer
    owner = guest_of(header) or abandoned_for(header) or resumed_for(header)
    if not owner:
        key, signature = (text(header.heir, name) for name in ("key", "signature"))
        owner = _owner_by_heir(key, signature, header.writer) if key else ""
    return owner if owner and make(owner, header.pick) == header.rollout else ""


def guest_of(header: Header) -> str:
    """Give the owner (in hex) of the run into which another writer writes as a guest; "" if the event is no guest's."""
    owner = text(header.heir, "owner") if header.kind in GUESTS else ""
    return owner if _WRITER.fullmatch(owner) and owner != header.writer else ""


def abandoned_for(header: Header) -> str:
    """Give the owner (in hex) of the rollout that another writer says is abandoned; "" if the event says no such thing."""
    owner = text(header.heir, "owner") if header.kind == ABANDONED else ""
    return owner if _WRITER.fullmatch(owner) else ""


def resumed_for(header: Header) -> str:
    """Give the owner (in hex) of the rollout that another writer goes on with by the key on its hosts; "" if that is not so."""
    owner, signature = (text(header.heir, name) for name in ("owner", "signature"))
    if header.kind not in RESUMERS or not (_WRITER.fullmatch(owner) and signature):
        return ""
    good = _is_let_in(header.pick, signature, header.rollout, header.writer)
    return owner if good and id_of(owner, header.pick) == header.rollout else ""


@functools.lru_cache(4096)
def _is_let_in(key: str, signature: str, rollout: str, writer: str) -> bool:
    """Tell whether the key of a rollout signed that a writer goes on with it."""
    from opskit.changelog.signing import is_signed

    if not _WRITER.fullmatch(key):
        return False  # of a rollout that left no key on hosts
    try:
        signed = bytes.fromhex(signature)
    except ValueError:
        return False
    return is_signed(bytes.fromhex(key), signed, _resumes(rollout, writer))


def _resumes(rollout: str, writer: str) -> bytes:
    return RESUME + rollout.encode() + bytes.fromhex(writer)


@functools.lru_cache(4096)
def _owner_by_heir(key: str, signature: str, writer: str) -> str:
    """Give the writer whose key signed that another one goes on for it, "" if it did not."""
    import hashlib

    from opskit.changelog.signing import is_signed

    try:
        public, signed = bytes.fromhex(key), bytes.fromhex(signature)
    except ValueError:
        return ""
    good = is_signed(public, signed, HEIR + bytes.fromhex(writer))
    return hashlib.sha256(public).hexdigest() if good else ""


def rollout_of(claim: str) -> str:
    """Give the id of the rollout that a claim is about."""
    found = _CLAIM.fullmatch(claim)
    return found[1] if found else claim


def meant(claims: Collection[str]) -> str:
    """Give the claim that people mean by the id alone, of all that there are; "" if none has the first word."""
    for of_a_kind in (
        [claim for claim in claims if BOUND in claim],
        [claim for claim in claims if claim.endswith(OPEN)],
        list(claims),
    ):
        if of_a_kind:
            return of_a_kind[0] if len(of_a_kind) == 1 else ""
    return ""


def is_beside(name: str) -> bool:
    """Tell whether a rollout or a run of that name is only said to be that of its id, which means another one: it does not count."""
    return OPEN in name


def may_end(events: Iterable[Event], writer: bytes) -> bool:
    """Tell whether it counts if a writer says that the rollout of these events is abandoned: not of another's unbound one."""
    headers = [event.header for event in events]
    return any(owner_of(header) or header.writer == writer.hex() for header in headers)


def may_resume(
    picks: Picks, events: Iterable[Event], rollout: str, writer: bytes, keys: Iterable[str]
) -> bool:
    """Tell whether it counts that a writer goes on with the rollout of these events, by a key that hosts gave if it is another's."""
    begun = next((event.header for event in events if event.header.kind == STARTED), None)
    if begun is None:
        return False
    owner = owner_of(begun)
    # every key is taken: a host that was reached may have lost its own, or lie
    let_in = [picks.take_key(rollout, begun.pick, key) for key in keys]
    if not owner or owner == writer.hex():
        return begun.writer == writer.hex()
    return any(let_in) or picks.is_heir(owner)


class Picks:
    """What the ids of our rollouts were made of: of new ones remembered, of others read where they began."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new: dict[str, tuple[str, str]] = {}
        self._keys: dict[str, str] = {}

    def new(self, writer: bytes) -> str:
        """Make an id that only this writer can use."""
        import secrets

        from opskit.changelog.signing import writer_key

        key = writer_key(secrets.token_bytes(32))
        pick = key.public.hex()
        rollout = id_of(writer.hex(), pick)
        self._new[rollout] = (writer.hex(), pick)
        self._keys[rollout] = key.private.hex()
        return rollout

    def new_run(self, writer: bytes) -> str:
        """Make an id of a run that only this writer can begin."""
        import secrets

        pick = secrets.token_hex(16)
        run = run_id_of(writer.hex(), pick)
        self._new[run] = (writer.hex(), pick)
        return run

    def key_of(self, rollout: str) -> str:
        """Give the private key (in hex) that a rollout leaves on its hosts, "" if it is not known here."""
        return self._keys.get(rollout, "")

    def take_key(self, rollout: str, pick: str, key: str) -> bool:
        """Remember the key that a host gave for a rollout of that pick; tells whether it is the right one."""
        from opskit.changelog.signing import writer_key

        right = _WRITER.fullmatch(key) and writer_key(bytes.fromhex(key)).public.hex() == pick
        if right:
            self._keys[rollout] = key
        return bool(right)

    def is_heir(self, owner: str) -> bool:
        """Tell whether the key of a writer lies here."""
        from opskit.changelog.signing import load_key

        return load_key(self._folder, bytes.fromhex(owner)) is not None

    def fields(
        self, connection: sqlite3.Connection, kind: str, rollout: str, writer: bytes
    ) -> Mapping[str, object]:
        """Give what a header needs beside the id to speak for a rollout; nothing if `writer` cannot."""
        if not rollout or kind in (*OPINIONS, RECOVERED):
            return {}
        owner, pick = self._new.get(rollout) or _begun(connection, kind, rollout)
        if not owner or owner == writer.hex():
            return {"pick": pick} if owner else {}
        from opskit.changelog.signing import load_key, writer_key

        key = load_key(self._folder, bytes.fromhex(owner))
        if key is not None:
            heir = {"key": key.public.hex(), "signature": key.sign(HEIR + writer).hex()}
        elif kind == ABANDONED or kind in GUESTS:
            heir = {"owner": owner}
        elif kind in RESUMERS and rollout in self._keys:
            lent = writer_key(bytes.fromhex(self._keys[rollout]))
            signature = lent.sign(_resumes(rollout, writer.hex())).hex()
            heir = {"owner": owner, "signature": signature}
        else:
            return {}
        return {"pick": pick, "heir": heir}


def _begun(connection: sqlite3.Connection, kind: str, rollout: str) -> tuple[str, str]:
    """Give the owner and the pick of a rollout, or the run, that is in this database; nothing for any other."""
    begins = RUN_STARTED if kind.startswith(RUN) else STARTED
    for (signed,) in connection.execute(statement("starts"), (rollout, begins)):
        try:
            header = Header.decode(signed)
        except ValueError:
            continue
        if owner := owner_of(header):
            return owner, header.pick
    return "", ""
