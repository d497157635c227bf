"""What one host says of a service: its live release, the releases it has, their marks, its locks."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import unquote

from opskit.changelog.records import title_of
from opskit.config.model import NOTHING
from opskit.errors import HostUnfitError
from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.irreversible import cleaned

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.fleet.remote import Remote
    from opskit.rollout.edits import Edits

MOST_DIGITS = 15
MOST_LABEL = 100
REVISION = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
DIGEST = re.compile(r"[0-9a-f]{64}")
RELEASE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
OWNER = re.compile(r"[0-9a-z]{1,40}(~[0-9a-z]{1,20})?")
MARGIN_KIB = 10 * 1024  # of free disk, beyond what a release takes


@dataclass(frozen=True, slots=True)
class Release:
    """One version of a service as a host knows it: `revision` is a full commit or content hash.

    `irreversible` says why it cannot simply be taken back, "" if it can.
    """

    id: str
    revision: str = ""
    label: str = ""
    irreversible: str = ""
    manifest: str = field(default="", compare=False)
    """The SHA-256 of its manifest, as the host has it."""

    @property
    def title(self) -> str:
        """How people name it: label and short revision."""
        return title_of(self.label, self.revision, self.id)


@dataclass(frozen=True, slots=True)
class HeldLock:
    """Who holds a host, and why; times in seconds by the host's own clock. `run` is there if somebody went on with it."""

    rollout: str
    actor: str
    since: int
    until: int
    action: str
    run: str = ""
    why: str = ""

    @property
    def owner(self) -> str:
        """The name of the lock on the host."""
        return f"{self.rollout}~{self.run}" if self.run else self.rollout


@dataclass(frozen=True, slots=True)
class HostState:
    """What a host said: `free` in KiB, `now` in seconds by its clock, `good` in the order of the marks.

    `incoming` are names of what began to come in, `kept` the KiB that it takes and gives back.
    `receipt` is the last whole one, see `Recorder.receipt`, `torn` whether one stands behind it that a full disk tore; `marks` are (mark, release, rollout), the newest last.
    """

    host: str
    live: str = ""
    releases: tuple[Release, ...] = ()
    good: tuple[str, ...] = ()
    bad: frozenset[str] = frozenset()
    locks: tuple[HeldLock, ...] = ()
    receipt: Mapping[str, object] = NOTHING
    torn: bool = False
    marks: tuple[tuple[str, str, str], ...] = ()
    free: int = 0
    kept: int = 0
    incoming: tuple[str, ...] = ()
    now: int = 0
    writable: bool = False
    blocked: bool = False
    lacks: tuple[str, ...] = ()
    detaches: bool = False
    """Whether a process can live on there by itself, as `confirm_within` needs."""
    edits: Edits | None = None
    """What was changed by hand in the live release, if that was asked for."""

    @property
    def current(self) -> Release | None:
        """The live release, or None if the host has none."""
        return self.find(self.live) if self.live else None

    def find(self, release: str) -> Release:
        """Give what the host knows of a release; of an unknown one, only its id."""
        return next((known for known in self.releases if known.id == release), Release(release))

    @property
    def proven(self) -> bool:
        """Whether the last change here ended well: what it left live was then marked good by it."""
        return self.marks[-1:] == (("good", self.live, self.receipt.get("rollout")),)

    def last_good(self) -> Release | None:
        """Give the release to go back to: marked good most recently, not bad, still there, not live.

        Nor one of the live revision: deployed twice, the first would be no way back from the second.
        """
        there = {release.id for release in self.releases} - self.bad - {self.live}
        leaves = self.find(self.live).revision
        ways = (self.find(name) for name in reversed(self.good) if name in there)
        return next((way for way in ways if not leaves or way.revision != leaves), None)


@dataclass(slots=True)
class _Reading:
    values: dict[str, str] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)
    marks: list[tuple[str, str, str]] = field(default_factory=list)
    locks: list[HeldLock] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    incoming: list[str] = field(default_factory=list)
    kept: int = 0
    receipt: Mapping[str, object] = NOTHING
    torn: bool = False

    def take(self, word: str, rest: str) -> None:
        if word == "release":
            name, _, info = rest.partition(" ")
            if RELEASE_NAME.fullmatch(name):
                self.releases.append(_release(name, info))
        elif word == "mark":
            mark, name, rollout = [*rest.split(" "), "", ""][:3]
            self.marks.append((mark, name, rollout))
        elif word == "lock":
            self.locks.extend(filter(None, [read_lock(rest)]))
        elif word == "receipt":
            found = _object(rest)
            self.receipt, self.torn = found or self.receipt, not found
        elif word == "lacks":
            self.lacks.append(rest)
        elif word == "incoming":
            kib, _, name = rest.partition(" ")
            self.incoming.append(name)
            self.kept += _int(kib)
        else:
            self.values[word] = rest


def read_probe(host: str, text: str) -> HostState:
    """Read what `layout.probe` printed; raises HostUnfitError when it did not come to its end."""
    reading = _Reading()
    for line in text.split("\n"):
        word, _, rest = line.partition(" ")
        reading.take(word, rest)
    values = reading.values
    if "end" not in values:
        raise HostUnfitError(host, "the host did not answer the probe as a POSIX sh would")
    good, bad = _standing(reading.marks)
    return HostState(
        host=host,
        live=values.get("live", "").removeprefix("releases/"),
        releases=tuple(reading.releases),
        good=good,
        bad=bad,
        locks=tuple(lock for lock in reading.locks if lock.until > _int(values.get("now", ""))),
        receipt=reading.receipt,
        torn=reading.torn,
        marks=tuple(reading.marks),
        free=_int(values.get("free", "")),
        kept=reading.kept,
        incoming=tuple(reading.incoming),
        now=_int(values.get("now", "")),
        writable="writable" in values,
        blocked="blocked" in values,
        lacks=tuple(reading.lacks),
        detaches="detaches" in values,
    )


def read_lock(data: str) -> HeldLock | None:
    """Read the content of a lock (see `lockfile.lock`); None for what is not one of ours."""
    parts = data.split(":")
    if len(parts) != 6 or parts[0] != "v1":
        return None
    if not OWNER.fullmatch(unquote(parts[1])):
        return None
    rollout, _, run = unquote(parts[1]).partition("~")
    action, _, why = parts[5].partition(";")
    times = (_int(parts[3]), _int(parts[4]))
    return HeldLock(rollout, unquote(parts[2]), *times, unquote(action), run, unquote(why))


def probe(remote: Remote, *, path: str) -> HostState:
    """Ask one host about the service at `path`; reads only."""
    result = remote.execute(Command(layout.probe(path), timeout=60, twice=True))
    return read_probe(remote.name, result.require("the probe").text)


def unfit(state: HostState, *, needed_kib: int = 0, waits: bool = False) -> str:
    """Say why a host cannot take a release, or nothing if it can; `waits` if it is to go back by itself."""
    if state.lacks:
        return f"lacks {', '.join(state.lacks)}"
    if waits and not state.detaches:
        return "lacks setsid, which confirm_within needs"
    if state.blocked:
        return "`current` is not a symbolic link: move it away first"
    if not state.writable:
        return "the service's path cannot be written by the login user"
    if state.free + state.kept < needed_kib:
        return f"{state.free // 1024} MiB free, {needed_kib // 1024} MiB needed"
    return ""


def _standing(marks: list[tuple[str, str, str]]) -> tuple[tuple[str, ...], frozenset[str]]:
    good: dict[str, None] = {}
    bad: set[str] = set()
    for mark, name, _ in marks:
        good.pop(name, None)
        if mark == "good":
            good[name] = None
            bad.discard(name)
        elif mark == "bad":
            bad.add(name)
    return tuple(good), frozenset(bad)


def _release(name: str, info: str) -> Release:
    """Read what a host says of a release; what opskit would never have written there is left out."""
    known = _object(info)
    revision, label = str(known.get("revision", "")), str(known.get("label", ""))
    irreversible = known.get("irreversible", "")
    revision, label, manifest = (
        str(known.get(key, "")) for key in ("revision", "label", "manifest")
    )
    return Release(
        name,
        revision if REVISION.fullmatch(revision) else "",
        label[:MOST_LABEL] if label.isprintable() else "",
        cleaned(irreversible) if isinstance(irreversible, str) else "",
        manifest if DIGEST.fullmatch(manifest) else "",
    )


def _object(text: str) -> Mapping[str, object]:
    """Read a line of JSON that a rollout left on the host; nothing for what is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return NOTHING
    return found if isinstance(found, dict) else NOTHING


def _int(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS else 0
