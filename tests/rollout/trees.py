"""Trees made, sent to a place by shells or to hosts, and compared: names, bytes, links, what can be run."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.rollout import incoming
from opskit.rollout.artifact import look_at
from opskit.rollout.parcels import Parcels
from tests.rollout.shells import revision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.rollout.artifact import Artifact
    from opskit.rollout.manifest import Manifest
    from opskit.rollout.parcels import Wanted
    from tests.rollout.shells import Place

BUSYBOX = shutil.which("busybox")


def write(tree: Path, entries: Mapping[str, bytes | str | None]) -> Path:
    """Make a tree: bytes are files, those that begin with `#!` can be run; text is a link, None a folder."""
    for name, held in entries.items():
        path = tree / name
        if held is None:
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(held, str):
            path.symlink_to(held)
        else:
            path.write_bytes(held)
            path.chmod(0o755 if held.startswith(b"#!") else 0o644)
    tree.mkdir(exist_ok=True)
    return tree


def shape(tree: Path) -> dict[str, object]:
    """Give all that a tree is: of each path its kind, its mode and what it holds."""
    found: dict[str, object] = {}
    for folder, folders, files in os.walk(tree):
        for name in (*folders, *files):
            path = Path(folder, name)
            kind = path.lstat().st_mode
            held: object = None
            if stat.S_ISLNK(kind):
                held = str(path.readlink())
            elif stat.S_ISREG(kind):
                held = (bool(kind & 0o111), path.read_bytes(), path.stat().st_nlink)
            found[str(path.relative_to(tree))] = held
    return found


@dataclass(frozen=True)
class Sender:
    """This machine's side of staging, against a place that shells make: one release after the other."""

    place: Place
    scratch: Path
    tools: Path | None = None
    linked: bool = False

    def look(self, tree: Path, release: str) -> Artifact:
        return look_at(tree, info={"revision": revision(release)})

    def stage(
        self, tree: Path, release: str, *, base: str = "", known: Manifest | None = None
    ) -> int:
        """Bring a tree in, as a rollout does; gives how many files travelled. `known` is the base's manifest."""
        self.place.lock()
        artifact = self.look(tree, release)
        parcels = Parcels(artifact, self.scratch)
        wanted = parcels.change(known) if known else parcels.whole()
        travelled = 0
        for _ in range(4):
            travelled += len(wanted.files)
            word, lines = self.send(parcels, wanted, release, base=base)
            if word == incoming.PLACED:
                return travelled
            wanted = parcels.whole() if word == incoming.ANEW else parcels.rest(lines)
        raise AssertionError("it is never placed")

    def send(
        self, parcels: Parcels, wanted: Wanted, release: str, *, base: str = "", cut: int | None = None,
        expect: int = 0, rollout: str = "run1",
    ) -> tuple[str, tuple[bytes, ...]]:  # fmt: skip
        """Send one parcel, or its first `cut` bytes; gives the answer's word and lines."""
        what = self.place.expected(parcels.artifact, release, base if wanted.base else "", rollout)
        with parcels.parcel(wanted) as parcel:
            data = b"".join(parcel.chunks())[:cut]
        what = replace(what, zipped=parcel.zipped, entries=wanted.entries, linked=self.linked)
        script = incoming.stage(self.place.guard(rollout), what)
        done = self.place.run(script, input=data, expect=expect, path=self.tools)
        word, _, rest = done.stdout.partition(b"\n")
        return word.decode(), tuple(line + b"\n" for line in rest.split(b"\n") if line)

    def manifest(self, tree: Path) -> Manifest:
        return self.look(tree, "").manifest


def busybox_tools(folder: Path) -> Path:
    """Give a folder with every program of busybox."""
    folder.mkdir()
    assert BUSYBOX
    subprocess.run([BUSYBOX, "--install", "-s", str(folder)], check=True)
    return folder
