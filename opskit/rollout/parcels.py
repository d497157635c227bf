"""The parcels of one deploy: each made once, however many hosts get it, on disk and not in memory."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.errors import OpskitError
from opskit.rollout.manifest import by_content, step_between
from opskit.rollout.pack import Parcel, pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from opskit.rollout.artifact import Artifact, File
    from opskit.rollout.manifest import Manifest, Step

WHOLE, CHANGE, QUESTION, REST = "whole", "change", "question", "rest"
NAME = len("0" * 64 + "  ")  # where it begins in a line of a manifest
MOST_MOVED = 500  # files that a host copies one by one, a process each


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which parcel: these files, for hosts whose live release has this manifest (None: nothing is known of it).

    `kind`: whole; change, from the base; question, to a host that is to find out what it has; rest, for one that has
    found out, and has the new manifest already. `entries` is how many files, folders and links such a base holds of which the
    artifact has every one, 0 if it has not.
    """

    kind: str
    files: frozenset[File]
    base: Manifest | None = None
    entries: int = 0


@dataclass(slots=True)
class _Made:
    lock: threading.Lock = field(default_factory=threading.Lock)
    parcel: Parcel | None = None
    users: int = 0


class Parcels:
    """Makes parcels of one artifact in a folder; any number of hosts may ask at the same time."""

    def __init__(self, artifact: Artifact, folder: Path) -> None:
        self.artifact = artifact
        self.zipped = True
        """Whether parcels that are made from now on are."""
        self._folder = folder
        self._lock = threading.Lock()
        self._made: dict[tuple[Wanted, bool], _Made] = {}
        self._changes: dict[str, Wanted] = {}
        self._odd = frozenset(file for file in artifact.files if file.odd)
        self._number = 0
        self._packer: threading.Thread | None = None

    def whole(self) -> Wanted:
        """Give all of the artifact."""
        return Wanted(WHOLE, frozenset(self.artifact.files))

    def change(self, base: Manifest) -> Wanted:
        """Give what a live release with the manifest `base` has not, under whatever name."""
        if base.digest not in self._changes:
            missing = self.artifact.missing_in(base.lines)
            moved = {new for _, new in self._renamed(base)}
            files = frozenset(file for file in missing if file.name not in moved)
            self._changes[base.digest] = Wanted(CHANGE, files, base, self._entries(base))
        return self._changes[base.digest]

    def question(self, base: Manifest | None) -> Wanted:
        """Give next to nothing: the host is to find out what it has."""
        return Wanted(QUESTION, self._odd, base)

    def rest(self, lines: tuple[bytes, ...]) -> Wanted:
        """Give the files of these lines of the manifest, all if they are none of it."""
        found = self.artifact.among(lines) or frozenset(self.artifact.files)
        return Wanted(REST, found | self._odd)

    @contextlib.contextmanager
    def ahead(self, wanted: Wanted) -> Iterator[None]:
        """Pack a parcel as it is, not zipped, while the block goes on; what goes wrong with it is said to who asks for it."""

        def pack() -> None:
            with contextlib.suppress(OpskitError), self._used(wanted, zipped=False):
                pass

        self._packer = threading.Thread(target=pack, daemon=True, name="parcels")
        self._packer.start()
        try:
            yield
        finally:
            self.settle()

    def settle(self) -> None:
        """Wait until nothing is packed ahead any more."""
        if self._packer is not None:
            self._packer.join()

    def parcel(self, wanted: Wanted) -> AbstractContextManager[Parcel]:
        """Give a parcel for the block; the rests are removed when nobody uses them, each is another. Raises OpskitError."""
        return self._used(wanted, zipped=self.zipped)

    @contextlib.contextmanager
    def _used(self, wanted: Wanted, *, zipped: bool) -> Iterator[Parcel]:
        with self._lock:
            made = self._made.setdefault((wanted, zipped), _Made())
            made.users += 1
        try:
            with made.lock:
                if made.parcel is None:
                    made.parcel = self._pack(wanted, zipped=zipped)
            yield made.parcel
        finally:
            with self._lock:
                made.users -= 1
                if wanted.kind == REST and not made.users:
                    del self._made[wanted, zipped]
                    if made.parcel is not None:
                        made.parcel.file.unlink()

    def _pack(self, wanted: Wanted, *, zipped: bool) -> Parcel:
        with self._lock:
            self._number += 1
            to = self._folder / f"parcel-{self._number}.tar"
        moved = self._renamed(wanted.base) if wanted.base else ()
        manifest = None if wanted.kind == REST else self._manifest(wanted.base)
        try:
            return pack(
                self.artifact,
                wanted.files,
                to=to,
                manifest=manifest,
                moved=moved,
                zipped=zipped,
            )
        except OSError as error:
            what = f"{error.filename or to}: cannot be packed: {error.strerror}"
            hint = "is there room in the temporary folder? TMPDIR names another"
            raise OpskitError(what, hint=hint) from None

    def _entries(self, base: Manifest) -> int:
        new = self.artifact
        names = {line[NAME:] for line in new.manifest.lines}
        if self._odd or not all(line[NAME:] in names for line in base.lines):
            return 0
        return len(base.lines) + len(new.folders) + len(new.links) + 1

    def _manifest(self, base: Manifest | None) -> bytes | Step:
        step = step_between(base, self.artifact.manifest) if base else None
        return step or self.artifact.manifest.data

    def _renamed(self, base: Manifest) -> tuple[tuple[str, str], ...]:
        """Give (name there, name here) of files whose content the live release has under another name."""
        names, there = by_content(base), set(base.lines)
        new = (f for f in self.artifact.files if f.line not in there and not f.odd)
        moved = [(names[file.digest], file.name) for file in new if file.digest in names]
        return tuple(moved[:MOST_MOVED])
