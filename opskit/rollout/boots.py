"""Which boot of a host it is: read before and after, so that it is certain that a host was gone and is back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opskit.errors import HostError, HostKeyError, HostUnfitError, NotBackError
from opskit.fleet.command import Command
from opskit.rollout.locks import clock
from opskit.rollout.stop import STOP_NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.fleet.remote import Remote
    from opskit.rollout.stop import Stop

BOOT_ID = "/proc/sys/kernel/random/boot_id"
LONGEST = 200  # characters of what names a boot
LOOK = 20.0  # seconds that one look may take, beyond the connection
PAUSES = (0.1, 2.0)  # seconds between two looks: the first, and the longest
SAME = "it still runs as before"


def script() -> str:
    """Print what no other boot of this host prints: Linux's boot id, else when it booted."""
    ways = (f"cat {BOOT_ID}", "sysctl -n kern.boottime", "who -b")
    tried = "\n".join(f'[ -n "$b" ] || b=$({way} 2>/dev/null) || b=' for way in ways)
    return f"b=\n{tried}\nprintf 'boot %s\\n' \"$b\""


def read(remote: Remote) -> str:
    """Give what names the boot of a host; raises HostUnfitError if it does not tell, HostError."""
    said = remote.execute(Command(script(), timeout=LOOK)).require("asking when it booted").text
    boot = " ".join(said.partition("boot ")[2].split())[:LONGEST]
    if not boot:
        raise HostUnfitError(
            remote.name,
            "does not tell when it booted, so nobody could tell that it has been away",
            hint=f"it has no {BOOT_ID}, and neither sysctl nor who says it",
        )
    return boot


class Wait:
    """Waits for one host, over a new connection at each look; `say` is told what it waits for, whenever that changes.

    At most `within` seconds. With `new_keys`, a host key that is not known yet may become known while it waits: the host
    may be another machine. Without, it is refused at once.
    """

    def __init__(
        self,
        remote: Remote,
        *,
        within: float,
        stop: Stop,
        say: Callable[[str], None],
        new_keys: bool = False,
    ) -> None:
        self._remote = remote
        self._within = within
        self._stop = stop
        self._say = say
        self._new_keys = new_keys
        self._until = time.time() + within
        self._end = time.monotonic() + within
        self._said = ""

    def until_back(self, old: str) -> str:
        """Return what names its boot, when it answers and that is not `old` ("" for any); raises NotBackError, HostError."""
        pause, longest = PAUSES
        while True:
            boot, why = self._look()
            if boot and boot != old:
                return boot
            self._tell(why or HostError(self._remote.name, SAME))
            if time.monotonic() + pause > self._end:
                raise self._over(why, old)
            if self._stop.wait(pause):
                raise HostError(self._remote.name, "interrupted while it was waited for")
            pause = min(2 * pause, longest)

    def _look(self) -> tuple[str, HostError | None]:
        self._remote.hang_up(keys=self._new_keys)
        try:
            return read(self._remote), None
        except HostKeyError as error:
            if not self._new_keys:
                raise
            return "", error
        except HostError as error:
            if self._stop.level >= STOP_NOW:
                raise
            return "", error

    def _tell(self, why: HostError) -> None:
        if why.what != self._said:
            self._said = why.what
            key = f"; {why.hint}" if isinstance(why, HostKeyError) else ""
            self._say(f"waits for it, at most until {clock(self._until)}: {why.what}{key}")

    def _over(self, why: HostError | None, old: str) -> NotBackError:
        what = f"not back within {self._within:g} s: {why.what if why else SAME}"
        hint = why.hint if why else f"it has not been away at all ({old})"
        return NotBackError(self._remote.name, what, hint=hint)
