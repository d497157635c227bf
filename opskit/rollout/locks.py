"""The lock of a run: on all the hosts that it protects, or on none."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING

from opskit.errors import LockedError
from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.facts import Warned
from opskit.rollout.probe import read_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opskit.errors import OpskitError
    from opskit.fleet.command import Outcome
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.facts import Teller
    from opskit.rollout.probe import HeldLock, HostState

LIFETIME = 900  # seconds after its last command that a run still holds a host


class Locks:
    """The locks of one run on the hosts of one service path.

    `is_dead` tells of a rollout whether its process certainly lives no more: its locks are taken over.
    """

    def __init__(
        self,
        fleet: Fleet,
        *,
        path: str,
        rollout: str,
        action: str,
        actor: str,
        is_dead: Callable[[str], bool],
    ) -> None:
        self.taken: set[str] = set()
        self.states: Mapping[str, HostState] = {}
        """What the hosts said under the lock."""
        self._is_dead = is_dead
        self._asked: set[str] = set()
        self._fleet = fleet
        self._path = path
        self._rollout = rollout
        self._script = layout.lock(
            path, rollout=rollout, actor=actor, action=action, seconds=LIFETIME
        )

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

    def release(self, tell: Teller) -> None:
        """Let go of all that was taken; a host that cannot be told so lets go by itself later."""
        script = Command(layout.unlock(self._path, rollout=self._rollout), timeout=60)
        for outcome in self._fleet.run(script, sorted(self._asked)):
            if outcome.host in self.taken and not (outcome.value and outcome.value.ok):
                tell(Warned(f"{outcome.host}: still locked, for at most {LIFETIME // 60} min"))
        self.taken.clear()
        self._asked.clear()

    @property
    def guard(self) -> str:
        """The opening of every script that changes a host under this lock."""
        return layout.guard(self._path, rollout=self._rollout, seconds=LIFETIME)

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
            for _ in self._fleet.run(Command(self.guard, timeout=60), sorted(self.taken)):
                pass  # a host that cannot be asked now is asked again in a while

    def _take_one(self, remote: Remote) -> str:
        """Take one host's lock; gives what its script said: `taken`, or `held` and by whom."""
        script = Command(self._script, timeout=60)
        said = remote.execute(script).require("taking the lock").text
        holder = read_lock(said.removeprefix("held ").strip())
        if holder and self._is_dead(holder.rollout):
            old = Command(layout.unlock(self._path, rollout=holder.rollout), timeout=60)
            remote.execute(old).require("taking over the lock of a dead run")
            said = remote.execute(script).require("taking the lock").text
        return said

    def _note(self, outcome: Outcome[str], errors: dict[str, OpskitError]) -> None:
        if outcome.error:
            errors[outcome.host] = outcome.error
        elif outcome.value and outcome.value.startswith("held "):
            raise locked(outcome.host, outcome.value.removeprefix("held ").strip())
        else:
            self.taken.add(outcome.host)


def locked(host: str, data: str) -> LockedError:
    """Give the error that says who holds a host, from what its script said."""
    lock = read_lock(data)
    return (
        held_by(host, lock) if lock else LockedError(f"{host} is locked by something else: {data}")
    )


def held_by(host: str, lock: HeldLock) -> LockedError:
    """Give the error that says who holds a host."""
    return LockedError(
        f"{host} is held by {describe(lock)}",
        hint=f"ask {lock.actor}, or see `opskit log {lock.rollout}` where it was started; if that machine is "
        f"gone, the lock ends by itself at {_clock(lock.until)}",
    )


def describe(lock: HeldLock) -> str:
    """Say whose a lock is: `ana: deploy k3x9d0a2vm, since 14:02:11`."""
    return f"{lock.actor}: {lock.action} {lock.rollout}, since {_clock(lock.since)}"


def _clock(seconds: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(seconds))
