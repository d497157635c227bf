"""A tree as it is to stand on every host: looked at once, each file by its content."""

from __future__ import annotations

import hashlib
import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import SourceError
from opskit.rollout.digests import Digests
from opskit.rollout.manifest import Manifest, is_odd, manifest_line, manifest_of
from opskit.rollout.tree import entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.rollout.tree import Entry

BLOCK = 4096  # bytes; a file takes whole blocks of a disk


@dataclass(frozen=True, slots=True)
class File:
    """One regular file: `name` from the tree's top, `line` as it stands in the manifest."""

    name: str
    digest: str
    size: int
    program: bool
    line: bytes

    @property
    def odd(self) -> bool:
        """Whether its name is one that tools of hosts disagree on."""
        return is_odd(self.name)


@dataclass(frozen=True, slots=True)
class Artifact:
    """All that a release is made of; `links` are names, `info` is the line that a host keeps of it.

    `content` names the whole of it, modes and links too: equal trees have equal ones.
    """

    tree: Path
    files: tuple[File, ...]
    folders: tuple[str, ...]
    links: tuple[str, ...]
    manifest: Manifest
    content: str
    info: bytes

    @property
    def size(self) -> int:
        """How many bytes its files hold."""
        return sum(file.size for file in self.files)

    @property
    def room(self) -> int:
        """How many KiB it takes on a disk."""
        blocks = sum(-(-file.size // BLOCK) for file in self.files)
        return (blocks + len(self.folders) + len(self.links)) * (BLOCK // 1024)

    def missing_in(self, lines: Iterable[bytes]) -> frozenset[File]:
        """Give the files that have no line among these; odd ones always, as nobody compares them on a host."""
        there = set(lines)
        return frozenset(file for file in self.files if file.odd or file.line not in there)

    def among(self, lines: Iterable[bytes]) -> frozenset[File]:
        """Give the files whose lines these are."""
        wanted = set(lines)
        return frozenset(file for file in self.files if file.line in wanted)


def look_at(
    tree: Path,
    *,
    info: Mapping[str, str],
    found: Iterable[Entry] | None = None,
    digests: Digests | None = None,
) -> Artifact:
    """Look at all of `tree`; raises SourceError for what is neither file, folder nor link, and OSError.

    `found` is what `entries` gave of it, `digests` are those of its files, where they have been read already.
    """
    files, folders, links = [], [], []
    known = digests or Digests()
    for entry in entries(tree) if found is None else found:
        if entry.is_file:
            files.append(_file(entry, known))
        elif entry.is_folder:
            folders.append(entry.name)
        elif entry.is_link:
            links.append(entry.name)
        else:
            raise SourceError(f"{entry.name}: neither a file, a folder nor a link")
    manifest = manifest_of(file.line for file in files)
    told = {**info, "manifest": manifest.digest}
    return Artifact(
        tree,
        tuple(files),
        tuple(folders),
        tuple(links),
        manifest,
        _content(tree, manifest, [f.name for f in files if f.program], folders, links),
        json.dumps(told, sort_keys=True).encode() + b"\n",
    )


def calls(function: str, rows: Iterable[tuple[str, ...]]) -> bytes:
    """Give sh text that calls `function` once a row, each value quoted."""
    lines = (f"{function} {' '.join(map(shlex.quote, row))}\n" for row in rows)
    return "".join(lines).encode("utf-8", "surrogateescape")


def _file(entry: Entry, digests: Digests) -> File:
    name, digest = entry.name, digests.of(entry)
    line = manifest_line(digest, name)
    return File(name, digest, entry.state.st_size, entry.is_program, line)


def _content(
    tree: Path, manifest: Manifest, programs: list[str], folders: list[str], links: list[str]
) -> str:
    digest = hashlib.sha256(manifest.digest.encode())
    targets = [f"{name}\0{Path(tree, name).readlink()}" for name in links]
    for kind, names in (("program", programs), ("folder", folders), ("link", targets)):
        for name in names:
            digest.update(f"{kind}\0{name}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:40]
