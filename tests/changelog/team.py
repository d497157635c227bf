"""Laptops of several people, each with an SSH key of its owner, and what a thief does with one of them."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog import Changelog
from opskit.changelog.canonical import encode
from opskit.changelog.enrolling import enroll
from opskit.changelog.event import Header, chained, sealed
from opskit.changelog.packet import Packet
from opskit.changelog.signing import load_key
from opskit.config.model import ChangelogSettings
from tests.changelog.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from opskit.changelog import Event
    from opskit.changelog.standing import Standing


@dataclass
class Team:
    """Laptops, each with a person's key; all know the same file of signers."""

    folder: Path
    laptops: dict[str, Changelog]

    @property
    def settings(self) -> ChangelogSettings:
        return ChangelogSettings(allowed_signers=self.folder / "allowed_signers")

    def allow(self, *lines: str) -> None:
        (self.folder / "allowed_signers").write_text("".join(f"{each}\n" for each in lines))

    def key(self, name: str) -> Path:
        file = self.folder / name
        return file if file.exists() else Keys(self.folder).make(name)

    def laptop(self, name: str) -> Changelog:
        if name not in self.laptops:
            file = self.folder / f"laptop-{name}" / "changelog.db"
            self.laptops[name] = Changelog(file, actor=f"{name}@laptop")
        return self.laptops[name]

    def enroll(self, name: str, *, key: str = "", days: int = 30) -> Event:
        settings = ChangelogSettings(signing_key=self.key(key or name))
        return enroll(self.laptop(name), settings, days=days).event

    def note(self, name: str) -> Event:
        return self.laptop(name).append("note", {"text": f"by {name}"})

    def sees(self, name: str, event: Event) -> Standing:
        """Give the standing of an event as one laptop sees it, after it got all that the others have."""
        mine = self.laptop(name)
        for other in self.laptops.values():
            lines: list[str] = []
            other.export(lines.append)
            mine.take_in(lines)
        return mine.standings([event.hash.hex()], self.settings)[event.hash.hex()]


def received(changelog: Changelog, event: Event, at: float) -> None:
    """Note that an upstream's receipt gives that time for an event, in seconds since 1970."""
    with sqlite3.connect(changelog.file, isolation_level=None) as db:
        db.execute("INSERT OR IGNORE INTO log VALUES ('ab', 'file:///x', 1, 1, NULL, NULL, NULL)")
        db.execute(
            "INSERT INTO place SELECT n, 'ab', n, ? FROM event WHERE hash = ?",
            (int(at * 1000), event.hash),
        )
    db.close()


def another(changelog: Changelog, event: Event) -> Packet:
    """Give another event at the same place, as a copy of the laptop would write it."""
    return _signed(changelog, json.loads(event.signed), {"text": "the other side"}, event.prev)


def forged(
    changelog: Changelog, after: Event, kind: str, body: Mapping[str, object], **header: object
) -> Packet:
    """Give an event after one of a laptop's, as somebody writes it who has the laptop and another program."""
    fields = {**json.loads(after.signed), "seq": after.header.seq + 1, "kind": kind, **header}
    return _signed(changelog, fields, body, after.hash)


def _signed(
    changelog: Changelog, fields: dict[str, object], told: Mapping[str, object], prev: bytes
) -> Packet:
    key = load_key(changelog.file.parent, bytes.fromhex(str(fields["w"])))
    assert key is not None
    nonce, body = b"0" * 16, encode(told)
    fields = {**fields, "body": sealed(nonce, body)}
    signed = Header.decode(json.dumps(fields).encode()).encode()
    return Packet(
        writer=key.writer,
        key=key.public,
        seq=int(str(fields["seq"])),
        prev=prev,
        header=signed,
        signature=key.sign(chained(prev, signed)),
        nonce=nonce,
        body=body,
    )
