"""What a release is made of, by content: lines of sha256sum's format, and the way from one such list to the next.

A host keeps the manifest of each of its releases. Its lines are sorted as bytes, so that a new one can be made there of
an old one by deleting lines, adding lines and sorting; its own SHA-256 says whether that came out right. What a host
says is data: of its manifest only those lines count that are ours as well.
"""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_BYTES = 64 * 1024 * 1024  # of a host's manifest: half a million files
MOST_DELETED = (
    2000  # lines; beyond, a whole manifest is sent, as sed looks at every deletion for every line
)
HEX = 64


@dataclass(frozen=True, slots=True)
class Manifest:
    """Sorted lines, one a regular file, each with its line feed; `digest` is the SHA-256 of all of them."""

    lines: tuple[bytes, ...] = field(compare=False, repr=False)
    digest: str

    @property
    def data(self) -> bytes:
        """The manifest as it stands in a file."""
        return b"".join(self.lines)


@dataclass(frozen=True, slots=True)
class Step:
    """How a host makes a new manifest of an old one: a script for `sed` that deletes lines, and lines to add."""

    deleted: bytes
    added: bytes


def manifest_of(lines: Iterable[bytes]) -> Manifest:
    """Give the manifest of these lines, in whatever order they come."""
    ordered = tuple(sorted(lines))
    return Manifest(ordered, hashlib.sha256(b"".join(ordered)).hexdigest())


def manifest_line(digest: str, name: str) -> bytes:
    """Give one line of a manifest, escaped as GNU coreutils' sha256sum writes and reads it."""
    line = f"{digest}  ./{name}"
    if is_odd(name):
        escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
        line = f"\\{digest}  ./{escaped}"
    return line.encode("utf-8", "surrogateescape") + b"\n"


def is_odd(name: str) -> bool:
    """Tell whether a name is one that tools of hosts disagree on: with a backslash or a line's end in it."""
    return "\\" in name or "\n" in name or "\r" in name


def read_manifest(packed: bytes, digest: str) -> Manifest | None:
    """Read what a host sent of a manifest, gzipped; None if it is not whole or not the one it was said to be."""
    try:
        reader = zlib.decompressobj(wbits=31)
        data = reader.decompress(packed, MOST_BYTES)
    except zlib.error:
        return None
    if not reader.eof or hashlib.sha256(data).hexdigest() != digest:
        return None
    if data and not data.endswith(b"\n"):
        return None
    # not `splitlines`: a line is what sed on the host takes for one
    return Manifest(tuple(line + b"\n" for line in data.split(b"\n")[:-1]), digest)


def step_between(old: Manifest, new: Manifest) -> Step | None:
    """Give how `new` is made of `old`; None where the whole of it is less work."""
    wanted, there = set(new.lines), set(old.lines)
    gone = [number for number, line in enumerate(old.lines, 1) if line not in wanted]
    if len(gone) > MOST_DELETED or len(there) != len(old.lines):
        return None
    added = b"".join(line for line in new.lines if line not in there)
    return Step(b"".join(_ranges(gone)), added)


def by_content(manifest: Manifest) -> dict[str, str]:
    """Give a plain name for each content of a manifest, without its `./`."""
    names = {}
    for line in manifest.lines:
        if line[HEX : HEX + 4] == b"  ./":
            digest = line[:HEX].decode("ascii", "replace")
            names[digest] = line[HEX + 4 : -1].decode("utf-8", "surrogateescape")
    return names


def _ranges(numbers: list[int]) -> list[bytes]:
    """Say numbers as sed deletes lines: `3d`, `7,9d`."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1][1] = number
        else:
            found.append([number, number])
    return [b"%dd\n" % a if a == b else b"%d,%dd\n" % (a, b) for a, b in found]
