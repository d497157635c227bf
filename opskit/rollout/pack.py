"""What travels to hosts: a tar, gzipped or not, of what is known of an artifact and of those of its files that a host lacks.

Its members, in order (see `incoming` for what a host does with them):

    manifest                 the whole list, or instead of it
    deleted, added           how it is made of the manifest that the host has
    info                     one line of JSON
    moved, odd, programs     sh, a call a line: content under another name, odd names, what can be run
    links                    a tar of the symbolic links, if there are any: they are made when all files are right
    tree/…                   every folder, then the files; `odd-<n>` those with odd names
    end                      nothing: without it, something broke off
"""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import tarfile
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from opskit.rollout.artifact import calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.rollout.artifact import Artifact, File
    from opskit.rollout.manifest import Step

CHUNK = 32 * 1024 - 64  # what OpenSSH takes in one packet: nothing is cut into pieces again
LEVEL = 1  # of gzip: two thirds of what level 6 saves, for a quarter of the time
STORED = 0
SAMPLE = 16 * 1024
BUFFER = 256 * 1024
MOST_NAMES = 100  # in one call: a process each
WORTH = 0.9  # of its size that a sample must shrink to


@dataclass(frozen=True, slots=True)
class Parcel:
    """An archive ready to be sent, gzipped or not, and the files of the artifact that are in it."""

    file: Path
    files: frozenset[File]
    zipped: bool

    @property
    def size(self) -> int:
        """How many bytes travel."""
        return self.file.stat().st_size

    def chunks(self) -> Iterator[bytes]:
        """Give the archive's bytes, anew for every host."""
        with self.file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk


def pack(
    artifact: Artifact,
    files: frozenset[File],
    *,
    to: Path,
    manifest: bytes | Step | None,
    moved: tuple[tuple[str, str], ...] = (),
    zipped: bool = True,
) -> Parcel:
    """Pack `files` of the artifact into the file `to`, `zipped` or as they are, behind what every host is told.

    `manifest` is all of it, the step to it, or None where the host has it; `moved` are (name in the host's live
    release, name in the new one). Raises OSError.
    """
    with to.open("wb") as raw, contextlib.ExitStack() as stack:
        stream = stack.enter_context(_Zipped(raw)) if zipped else None
        tar = stack.enter_context(_tar(raw, stream))
        _add_manifest(tar, manifest)
        _add_known(tar, artifact, moved)
        _add_path(tar, artifact.tree, "tree")
        for name in artifact.folders:
            _add_path(tar, artifact.tree / name, f"tree/{name}")
        for file, name in _named(artifact, files):
            if stream is not None:
                stream.level = _level(artifact.tree / file.name, file.size)
            _add_path(tar, artifact.tree / file.name, name)
        _add_bytes(tar, "end", b"")
    return Parcel(to, files, zipped)


def _add_manifest(tar: tarfile.TarFile, manifest: bytes | Step | None) -> None:
    if isinstance(manifest, bytes):
        _add_bytes(tar, "manifest", manifest)
    elif manifest is not None:
        _add_bytes(tar, "deleted", manifest.deleted)
        _add_bytes(tar, "added", manifest.added)


def _add_known(
    tar: tarfile.TarFile, artifact: Artifact, moved: tuple[tuple[str, str], ...]
) -> None:
    odd = [file for file in artifact.files if file.odd]
    programs = [f"./{file.name}" for file in artifact.files if file.program]
    _add_bytes(tar, "info", artifact.info)
    _add_bytes(tar, "moved", calls("moved", moved))
    rows = ((str(number), file.digest, file.name) for number, file in enumerate(odd, 1))
    _add_bytes(tar, "odd", calls("odd", rows))
    many = (tuple(programs[n : n + MOST_NAMES]) for n in range(0, len(programs), MOST_NAMES))
    _add_bytes(tar, "programs", calls("programs", many))
    _add_bytes(tar, "links", _links(artifact))


def _links(artifact: Artifact) -> bytes:
    """Give a tar of the symbolic links, nothing if there is none."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.GNU_FORMAT) as links:
        for name in artifact.links:
            _add_path(links, artifact.tree / name, name)
    return held.getvalue() if artifact.links else b""


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), 0o644
    tar.addfile(entry, io.BytesIO(data))


def _add_path(tar: tarfile.TarFile, path: Path, name: str) -> None:
    found = path.lstat()
    # who owns a file here says nothing of who owns it there, and no deploy brings set-user-id bits
    entry = tarfile.TarInfo(name)
    entry.mtime = found.st_mtime
    entry.mode = 0o755 if stat.S_ISDIR(found.st_mode) or found.st_mode & 0o111 else 0o644
    if stat.S_ISREG(found.st_mode):
        entry.size = found.st_size
        with path.open("rb", buffering=0) as stream:
            tar.addfile(entry, stream)
        return
    if stat.S_ISLNK(found.st_mode):
        entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
    else:
        entry.type = tarfile.DIRTYPE
    tar.addfile(entry)


def _named(artifact: Artifact, files: frozenset[File]) -> Iterator[tuple[File, str]]:
    """Give `files` in their order, with the names that they travel under."""
    odd = {file: number for number, file in enumerate((f for f in artifact.files if f.odd), 1)}
    for file in artifact.files:
        if file in files:
            yield file, f"odd-{odd[file]}" if file.odd else f"tree/{file.name}"


def _tar(raw: BinaryIO, stream: _Zipped | None) -> tarfile.TarFile:
    if stream is None:
        return tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT)
    return tarfile.open(fileobj=stream, mode="w|", format=tarfile.GNU_FORMAT, bufsize=BUFFER)


def _level(path: Path, size: int) -> int:
    """Look at a piece of a big file: what is packed already is not worth the time to try."""
    if size < 2 * SAMPLE:
        return LEVEL
    with path.open("rb") as stream:
        stream.seek((size - SAMPLE) // 2)
        sample = stream.read(SAMPLE)
    return LEVEL if len(zlib.compress(sample, LEVEL)) <= WORTH * len(sample) else STORED


class _Zipped(io.RawIOBase):
    """Writes gzip whose `level` may change: each change begins a new member, which every gzip reads on."""

    def __init__(self, raw: BinaryIO) -> None:
        self.level = LEVEL
        self._raw = raw
        self._of = LEVEL
        self._member = self._open(LEVEL)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if self.level != self._of:
            self._member.close()
            self._member, self._of = self._open(self.level), self.level
        return self._member.write(data)

    def close(self) -> None:
        if not self.closed:
            self._member.close()
        super().close()

    def _open(self, level: int) -> gzip.GzipFile:
        return gzip.GzipFile(
            fileobj=self._raw, mode="wb", compresslevel=level, mtime=0, filename=""
        )
