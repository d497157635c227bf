"""Where an upstream's file lies: what both a file here and a file on a host can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    Made = Literal["", "file", "folder"]
    """What had to be made for a file to be there: nothing, itself, or its folder, too."""

MISSING = "is the share mounted? if this changelog is new: opskit changelog init"
DENIED = "whoever made it lets you in: opskit changelog init shows them how"
FIXED = "may only be appended to, so nothing is taken away there"
UNFIX = "an administrator may allow it for a moment: chattr -a"
ODD = "is no file, but a pipe, a folder or the like"
IS_IT_RIGHT = "is `upstream` in opskit.toml right?"
FULL = "is the disk there full?"
WAIT = 10
"""Seconds to wait for the lock; it is held for as long as it takes to append and sync, never for a network."""
MOST_CLAIMS = 2000


@dataclass(frozen=True, slots=True)
class Look:
    """The file at one moment at which nobody writes: its length, its machine's clock (0: none), the bytes that were asked for."""

    size: int
    now_ms: int
    parts: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Order:
    """What must hold for an append: it is that log, and behind `since` it has nothing of `writer` from event `first` on."""

    log: str
    writer: bytes
    first: int
    since: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What looks like an event of a writer, by the beginning of its line alone: its number, its hash, where it would begin."""

    seq: int
    hash: bytes
    start: int


@dataclass(frozen=True, slots=True)
class Claims:
    """A writer's newest claims from some number on, in the file's order, and the file's length.

    There are at most MOST_CLAIMS of them; with `most` there may be more in the file: somebody flooded it.
    """

    size: int
    found: Sequence[Claim]
    most: bool = False


class Place(Protocol):
    """A file that only grows. Every method raises UpstreamError."""

    name: str
    chunk: int
    """Bytes to ask for at once."""

    def look(self, *ranges: tuple[int, int]) -> Look:
        """Look at the file, and give the bytes between those offsets, as far as it has them."""

    def claims(self, writer: bytes, first: int) -> Claims:
        """Give what a writer seems to have in the file from its event `first` on."""

    def append(self, order: Order, data: bytes) -> int | None:
        """Append what `framed` gave, stamped; gives where it begins, None if `order` does not hold.

        All of it is on the disk then. When this raises, all, some or nothing of it may be.
        """

    def bodies(self, event: bytes) -> list[tuple[int, int]]:
        """Give start and end of every line that begins like the body of an event, whole or torn."""

    def overwrite(self, start: int, data: bytes) -> None:
        """Fill the place where `data` stands, or somebody has filled it; on the disk when this returns."""

    def create(self, data: bytes) -> Made:
        """Make the file with `data` in it, and its folder if only that is missing."""
