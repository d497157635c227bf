"""The file of an upstream on a host that runs our scripts; `scripts` has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.upstream import scripts
from opskit.changelog.upstream.place import (
    DENIED,
    FIXED,
    FULL,
    IS_IT_RIGHT,
    MISSING,
    MOST_CLAIMS,
    ODD,
    UNFIX,
    WAIT,
    Claim,
    Claims,
    Look,
)
from opskit.errors import UpstreamError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.changelog.upstream.place import Made, Order

    Run = Callable[[str, bytes], tuple[int, bytes, str]]

CHUNK = 4 * 2**20
LARGEST = 2**43
LATEST = 253_402_300_799_999  # the last millisecond that a date can say

_SAID = {
    scripts.MISSING: ("is not there", MISSING),
    scripts.ODD: (ODD, IS_IT_RIGHT),
    scripts.DENIED: ("may not be read or written", DENIED),
    scripts.REPLACED: ("was replaced meanwhile", "try again"),
    scripts.CUT: ("did not get all that was sent", "try again; is the disk there full?"),
    scripts.FULL: ("cannot grow", FULL),
    scripts.BUSY: (f"is locked by somebody else for {WAIT} s", ""),
    scripts.FIXED: (FIXED, UNFIX),
    scripts.UNLOCKED: ("has grown: something writes there without taking the lock", ""),
}


class RemotePlace:
    """See `Place`. `run` takes a script and its standard input, and gives exit status, output and the end of its errors.

    A path that begins with `/~/` starts in the home of the login user.
    """

    chunk = CHUNK

    def __init__(self, host: str, path: str, run: Run) -> None:
        self.name = f"ssh://{host}{path}"
        self._path = path.removeprefix("/") if path.startswith("/~/") else path
        self._run = run

    def look(self, *ranges: tuple[int, int]) -> Look:
        """See Place."""
        size, now_ms, data = self._ask(scripts.look(self._path, ranges))
        if size > LARGEST or now_ms > LATEST:
            raise self._strange(f"ok {size} {now_ms}")
        parts: list[bytes] = []
        for start, end in ranges:
            begin = start // scripts.BLOCK * scripts.BLOCK
            stop = max(begin, min(size, -(-end // scripts.BLOCK) * scripts.BLOCK))
            whole, data = data[: stop - begin], data[stop - begin :]
            parts.append(whole[start - begin : max(start, min(end, size)) - begin])
        return Look(size, now_ms, parts)

    def claims(self, writer: bytes, first: int) -> Claims:
        """See Place."""
        size, _, data = self._ask(scripts.claims(self._path, writer, first))
        *lines, last = data.decode("ascii", "replace").splitlines() or [""]
        if not last.startswith("all "):
            raise self._strange(last)
        most = self._number(last[4:]) >= MOST_CLAIMS
        return Claims(size, [self._claim(line) for line in lines], most)

    def append(self, order: Order, data: bytes) -> int | None:
        """See Place."""
        script = scripts.append(self._path, order, length=len(data))
        status, out, said = self._run(script, data)
        if status == scripts.AHEAD:
            return None
        return self._answer(status, out, said)[0]

    def bodies(self, event: bytes) -> list[tuple[int, int]]:
        """See Place."""
        _, _, data = self._ask(scripts.bodies(self._path, event))
        lines = (line.split(" ") for line in data.decode("ascii", "replace").splitlines())
        return [(self._number(words[0]), self._number(words[-1])) for words in lines]

    def overwrite(self, start: int, data: bytes) -> None:
        """See Place."""
        self._ask(scripts.overwrite(self._path, start=start, length=len(data)), data)

    def create(self, data: bytes) -> Made:
        """See Place."""
        said, _, _ = self._ask(scripts.create(self._path, length=len(data)), data)
        if said == scripts.WITH_FOLDER:
            return "folder"
        return "file" if said else ""

    def _ask(self, script: str, data: bytes = b"") -> tuple[int, int, bytes]:
        return self._answer(*self._run(script, data))

    def _answer(self, status: int, out: bytes, said: str) -> tuple[int, int, bytes]:
        """Give the numbers of the first line, and what follows it."""
        if status in _SAID:
            what, hint = _SAID[status]
            if status == scripts.DENIED and (rights := said.strip().splitlines()[-1:]):
                what = f"{what}: {rights[0]}"
            raise UpstreamError(f"{self.name} {what}", hint=hint, output=said)
        if status != 0:
            last = said.strip().splitlines()[-1:] or [f"the script there ended with {status}"]
            raise UpstreamError(f"{self.name}: {last[0]}")
        line, _, rest = out.partition(b"\n")
        words = line.decode("ascii", "replace").split(" ")
        if len(words) != 3 or words[0] != "ok":
            raise self._strange(line.decode("utf-8", "replace"))
        return self._number(words[1]), self._number(words[2]), rest

    def _claim(self, line: str) -> Claim:
        words = line.split(" ")
        try:
            start = self._number(words[2]) + self._number(words[3])
            return Claim(self._number(words[0]), bytes.fromhex(words[1]), start)
        except (IndexError, ValueError):
            raise self._strange(line) from None

    def _number(self, word: str) -> int:
        if not (word.isascii() and word.isdigit() and len(word) <= 18):
            raise self._strange(word)
        return int(word)

    def _strange(self, said: str) -> UpstreamError:
        what = f"{self.name}: the host did not answer as a POSIX sh would: {said[:60]!r}"
        return UpstreamError(what)
