"""The lock of a run: on all the hosts that it protects, or on none."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from opskit.errors import LockedError
from opskit.fleet.command import Command
from opskit.rollout import layout, lockfile
from opskit.rollout.facts import Warned
from opskit.rollout.guarded import require
from opskit.rollout.probe import read_lock, read_probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from opskit.errors import OpskitError
    from opskit.fleet.command import Outcome
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.facts import Teller
    from opskit.rollout.probe import HeldLock, HostState

MOST_DEAD = 5  # runs whose locks are taken over from one host
LIFETIME = 900  # seconds after its last command that a run still holds a host


class Locks:
    """The locks of one run on the hosts of one service path.

    `is_dead` tells of a lock whether its owner certainly lives no more: it is taken over. `owner` names ours, `key` is what
    lets others go on with the rollout.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        path: str,
        owner: str,
        action: str,
        actor: str,
        is_dead: Callable[[HeldLock], bool],
        why: str = "",
        key: str = "",
    ) -> None:
        self.taken: set[str] = set()
        self.states: dict[str, HostState] = {}
        """What each host said under its lock, as it was taken."""
        self._is_dead = is_dead
        self._asked: set[str] = set()
        self._renewing = threading.Lock()
        self._fleet = fleet
        self._path = path
        self._owner = owner
        script = lockfile.lock(
            path,
            rollout=owner,
            actor=actor,
            action=action,
            seconds=LIFETIME,
            why=why,
            keyed=bool(key),
        )
        script += f"\n{layout.probe(path)}"
        given = f"{key}\n".encode() if key else b""
        self._command = Command(script, input=given, timeout=60, twice=True)

    def take(self, hosts: Sequence[str]) -> dict[str, OpskitError]:
        """Take the locks of `hosts`; gives the errors of those that could not be asked.

        The first host in sorted order decides between two runs, so it is asked alone. Raises
        LockedError when another run holds any of them; call `release` in any case.
        """
        errors: dict[str, OpskitError] = {}
        ordered = sorted(hosts)
        for group in filter(None, (ordered[:1], ordered[1:])):
            self._asked.update(group)
            for outcome in list(self._fleet.each(self._take_one, group)):
                self._note(outcome, errors)
        return errors

    def release(self, tell: Teller, *, keys: str = "") -> None:
        """Let go of all that was taken, and of `keys`; a host that cannot be told so lets go by itself later."""
        text = lockfile.unlock(self._path, rollout=self._owner, keys=keys)
        script = Command(text, timeout=60, twice=True)
        for outcome in self._fleet.run(script, sorted(self._asked)):
            if outcome.host in self.taken and not (outcome.value and outcome.value.ok):
                tell(Warned(f"{outcome.host}: still locked, for at most {LIFETIME // 60} min"))
        self.taken.clear()
        self.states.clear()
        self._asked.clear()

    def hand_over(self, remote: Remote) -> None:
        """Let go of one host, for a run of its own that is a part of this one; `take` it again afterwards. Raises OpskitError."""
        with self._renewing:  # a renewal at this moment would leave the lock behind
            self.taken.discard(remote.name)
            text = lockfile.unlock(self._path, rollout=self._owner)
            done = remote.execute(Command(text, timeout=60, twice=True))
        done.require("handing the lock over")

    @property
    def guard(self) -> str:
        """The opening of every script that changes a host under this lock."""
        return layout.guard(self._path, rollout=self._owner, seconds=LIFETIME)

    def demand(self, remote: Remote) -> None:
        """Renew the lock of a host, if it was taken; raises LockLostError if another run may have the host now, and HostError."""
        if remote.name in self.taken:
            require(remote.execute(Command(self.guard, timeout=60, twice=True)), "the lock")

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Renew the locks now and then while the block runs, however long a host's step takes."""
        over = threading.Event()
        keeper = threading.Thread(target=self._keep, args=(over,), daemon=True, name="locks")
        keeper.start()
        try:
            yield
        finally:
            over.set()
            keeper.join()  # a renewal after the release would leave a lock behind

    def _keep(self, over: threading.Event) -> None:
        while not over.wait(LIFETIME / 3):
            renewal = Command(self.guard, timeout=60, twice=True)
            with self._renewing:
                for _ in self._fleet.run(renewal, sorted(self.taken)):
                    pass  # a host that cannot be asked now is asked again in a while

    def _take_one(self, remote: Remote) -> HostState:
        """Take one host's lock; gives what the host says then. Raises LockedError, HostError."""
        said = ""
        for _ in range(MOST_DEAD):
            said = remote.execute(self._command).require("taking the lock").text
            holder, _ = read_held(said) if said.startswith("held ") else (None, 0)
            if holder is None or not self._is_dead(holder):
                break
            old = Command(
                lockfile.break_open(self._path, rollout=holder.owner), timeout=60, twice=True
            )
            remote.execute(old).require("taking over the lock of a dead run")
        if said.startswith("held "):
            raise locked(remote.name, said)
        self.taken.add(remote.name)
        return read_probe(remote.name, said)

    def _note(self, outcome: Outcome[HostState], errors: dict[str, OpskitError]) -> None:
        if isinstance(outcome.error, LockedError):
            raise outcome.error
        if outcome.error:
            errors[outcome.host] = outcome.error
        elif outcome.value:
            self.states[outcome.host] = outcome.value


def read_held(said: str) -> tuple[HeldLock | None, int]:
    """Read `held <whose> <now>`, as a lock's script prints it; None for what is not one of ours."""
    data, _, now = said.removeprefix("held ").strip().partition(" ")
    return read_lock(data), int(now) if now.isascii() and now.isdigit() else 0


def locked(host: str, said: str) -> LockedError:
    """Give the error that says who holds a host, from what its script said."""
    lock, now = read_held(said)
    if lock:
        return held_by(host, lock, now)
    return LockedError(f"{host} is locked by something else: {said.removeprefix('held ').strip()}")


def held_by(host: str, lock: HeldLock, now: int = 0) -> LockedError:
    """Give the error that says who holds a host; `now` is the time by the host's clock."""
    return LockedError(
        f"{host} is held by {describe(lock, now)}",
        hint=f"ask {lock.actor}, wait with --wait, or see `opskit log {lock.rollout}` where it was started; if that "
        f"machine is gone, the lock ends by itself at {clock(lock.until)}",
    )


def describe(lock: HeldLock, now: int = 0) -> str:
    """Say whose a lock is: `ana: deploy k3x9d0a2vm, since 14:02:11 (4 min): a fix for the cart`."""
    age = f" ({_span(now - lock.since)})" if now >= lock.since > 0 else ""
    why = f": {lock.why}" if lock.why else ""
    return f"{lock.actor}: {lock.action} {lock.rollout}, since {clock(lock.since)}{age}{why}"


def clock(seconds: float) -> str:
    """Give a time of day, in the time zone of this machine."""
    return time.strftime("%H:%M:%S", time.localtime(seconds))


def _span(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min"
