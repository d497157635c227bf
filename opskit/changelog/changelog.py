"""The changelog of one name on this machine: append to it, ask it, watch it, check it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, TypeVar

from opskit.changelog import query
from opskit.changelog.files import changelog_file
from opskit.changelog.ids import new_rollout_id
from opskit.changelog.machine import actor_here
from opskit.changelog.questions import Questions
from opskit.changelog.reader import Reader
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from opskit.changelog.claims import Picks
    from opskit.changelog.event import Event
    from opskit.changelog.exchange import Exchange
    from opskit.changelog.filtering import Filter
    from opskit.changelog.judging import Me, WriterRecord
    from opskit.changelog.logs import Alarm
    from opskit.changelog.packet import Packet
    from opskit.changelog.records import Entry
    from opskit.changelog.showing import Shown
    from opskit.changelog.standing import Standing
    from opskit.changelog.store import Store
    from opskit.changelog.taking import Taken
    from opskit.changelog.verify import Problem
    from opskit.config.model import ChangelogSettings

T = TypeVar("T")
E = TypeVar("E", bound="Entry")


def open_changelog(
    name: str,
    *,
    actor: str | None = None,
    settings: ChangelogSettings | None = None,
    on_wait: Callable[[str], None] | None = None,
) -> Changelog:
    """Open the changelog called `name`; nothing is created before the first append.

    `actor` is who appends, else `$OPSKIT_ACTOR`, else user@machine. `settings` say whose redactions are obeyed.
    `on_wait` is told, in words, what takes a while. Raises ChangelogError.
    """
    return Changelog(changelog_file(name), actor=actor, settings=settings, on_wait=on_wait)


class Changelog(Questions):
    """One local changelog; may be used from several threads. Every method raises ChangelogError."""

    def __init__(
        self,
        file: Path,
        *,
        actor: str | None = None,
        settings: ChangelogSettings | None = None,
        on_wait: Callable[[str], None] | None = None,
    ) -> None:
        self.file = file
        self._settings = settings
        self._actor = actor
        self._lock = threading.RLock()
        self._reader = Reader(file, on_wait)
        self._store: Store | None = None
        self.on_append: Callable[[Event], None] | None = None
        """Is told of every event that was appended and is durable; must not raise."""
        self.unshared: Callable[[], str] | None = None
        self.look: Callable[[], object] | None = None
        """Gives why what was appended is not upstream yet, "" if it is; None where nothing is shared."""

    def __enter__(self) -> Changelog:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def append(
        self,
        kind: str,
        body: Mapping[str, object],
        *,
        service: str = "",
        environment: str = "",
        rollout: str = "",
        action: str = "",
    ) -> Event:
        """Add an event, signed and chained; it is durable when this returns.

        Raises ChangelogError: then it is not there, or (if the disk fails twice) nobody can tell.
        """
        from opskit.changelog.store import Draft, Store

        draft = Draft(
            kind=kind, actor=actor_here(self._actor), body=body,
            service=service, environment=environment, rollout=rollout, action=action,
        )  # fmt: skip
        with self._lock:
            self._store = self._store or Store(self.file)
            event = self._store.append(draft)
        if self.on_append is not None:
            self.on_append(event)
        return event

    def make_ready(self) -> None:
        """Do now what the first question would: open the database, if there is one, and make an old index anew."""
        self._ask(lambda _: None)

    def new_rollout_id(self) -> str:
        """Give 10 characters that only the writer of this changelog can use; any others where it cannot be written."""
        try:
            writer = self.me().writer
        except ChangelogError:
            return new_rollout_id()
        return self._store.picks.new(writer) if self._store else new_rollout_id()

    def new_run_id(self) -> str:
        """Give the id of a run of a runbook, which only the writer of this changelog can begin; colleagues may go on with it."""
        writer = self.me().writer
        return self._store.picks.new_run(writer) if self._store else new_rollout_id()

    @property
    def picks(self) -> Picks | None:
        """What the ids of rollouts are made of; None before `me`, or an event, opened the changelog for writing."""
        return self._store.picks if self._store else None

    def show(self, prefix: str) -> Shown:
        """Give the event whose hash starts with `prefix` (4 hex digits or more); raises UnknownNameError."""
        from opskit.changelog.showing import shown_like, the_one

        return the_one(prefix, self._ask(lambda db: shown_like(db, prefix)) or ())

    def redact(self, event: str, *, why: str) -> Event:
        """Take away the body of the event of that hash (in hex), wherever it is; gives the event that says so. Raises UnknownNameError, and ChangelogError for what must stay whole."""
        from opskit.changelog import redaction

        return redaction.redact(self, self.show(event).event, why=why)

    def export(self, write: Callable[[str], object]) -> None:
        """Give all that is here to `write`, line by line; the same events give the same lines on every machine."""
        from opskit.changelog.export import export

        self._ask(lambda db: export(db, write))

    def take_in(self, lines: Iterable[str]) -> Taken:
        """Take in what `export` gave, each event checked; lines that cannot be read are among the refused."""
        from opskit.changelog.export import read

        wrong: list[str] = []
        taken = self.take_in_packets(read(lines, wrong))
        taken.refused[:0] = wrong
        return taken

    def take_in_packets(self, packets: Iterable[Packet]) -> Taken:
        """Take in events, each checked, in any order."""
        with contextlib.closing(self.exchange()) as exchange:
            return exchange.take_in(packets)

    def alarms(self) -> list[Alarm]:
        """Give what was ever wrong with an upstream, the oldest first."""
        if not self.file.exists():
            return []
        with contextlib.closing(self.exchange()) as exchange:
            return exchange.alarms()

    def exchange(self) -> Exchange:
        """Give the database's side of a sync; it is the caller's to close."""
        from opskit.changelog.exchange import Exchange

        return Exchange(self.file, self._settings)

    def verify(self, remarks: list[Problem] | None = None) -> list[Problem]:
        """Check all chains, hashes, signatures, bodies and the index; an empty list if all is well. `remarks` gets what is most likely not wrong."""
        from opskit.changelog.database import copied, in_words
        from opskit.changelog.verify import verify

        with in_words(self.file):
            return verify(lambda copy: self._ask(lambda db: copied(db, copy)) or False, remarks)

    def me(self) -> Me:
        """Give the writer that signs on this machine; it is made if there is none yet."""
        from opskit.changelog.judging import me
        from opskit.changelog.store import Store

        with self._lock:
            self._store = self._store or Store(self.file)
            return me(self._store)

    def standings(
        self, hashes: Iterable[str], settings: ChangelogSettings
    ) -> Mapping[str, Standing]:
        """Give the standing of events by their whole hashes (in hex): beginnings of two can be made to be the same.

        Those that are not here are left out. Files that cannot be read make nothing fail: nobody is attested then.
        """
        from opskit.changelog.judging import standings

        return standings(self.file, self._ask, hashes, settings)

    def standing(self, event: Event, settings: ChangelogSettings) -> Standing | None:
        """Give the standing of one event; None where nobody's signature is asked for."""
        asked = settings.allowed_signers is not None
        found = self.standings([event.hash.hex()], settings).get(event.hash.hex())
        return found if found and (asked or found.state in ("revoked", "forked")) else None

    def judged(
        self, entries: Iterable[E], settings: ChangelogSettings, *, whole: bool = False
    ) -> tuple[E, ...]:
        """Give entries with their standing: that of the event that began each, with `whole` of all events of rollouts."""
        if settings.allowed_signers is None and not self._ask(query.is_contested):
            return tuple(entries)
        from opskit.changelog.judging import judged

        asked, look = settings.allowed_signers is not None, self.standings
        return judged(entries, lambda e: look(e, settings), is_asked=asked, whole=whole)

    def writers(self, settings: ChangelogSettings) -> tuple[WriterRecord, ...]:
        """Give all writers, the one that signs here first, and who vouches for what they write now."""
        from opskit.changelog.judging import writers

        return writers(self.file, self._ask, settings)

    def barred(
        self, keys: Iterable[str], writer: str, settings: ChangelogSettings
    ) -> Mapping[str, str]:
        """Give, of public key lines, those that cannot vouch for a writer ("": a new one), and why."""
        from opskit.changelog.judging import barred

        return barred(self.file, self._ask, keys, writer, settings)

    def keys_of(self, writer: str) -> Mapping[str, set[str]]:
        """Give the SSH keys that signed for a writer, each with all writers for which it did; raises AttestationError, too."""
        from opskit.changelog.enrolments import keys_of

        return keys_of(self._ask, writer)

    def follow(self, wanted: Filter, *, pause: Callable[[], None]) -> Iterator[list[Entry]]:
        """Give what is there (the newest `wanted.limit`), then what is new or changed, without end and without a gap.

        Each list is the oldest first. `pause` is called between looks, and may raise to end it. One without a change reads one page of the file.
        """
        from opskit.changelog.following import Follower

        return Follower(Reader(self.file), wanted).follow(pause)

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._reader.close()
            if self._store:
                self._store.close()

    def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T | None:
        with self._lock:
            return self._reader.ask(question)
