"""Many hosts at once: a bounded pool of threads, and every host's answer or error by its name."""

from __future__ import annotations

import contextlib
import functools
import queue
import threading
import time
from typing import TYPE_CHECKING, Generic, TypeVar

from opskit.config.lookup import named
from opskit.errors import HostError, OpskitError
from opskit.fleet.command import Outcome
from opskit.fleet.dial import Dialer
from opskit.fleet.guard import Guard
from opskit.fleet.remote import Remote
from opskit.fleet.running import Running
from opskit.fleet.vault import Vault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from types import TracebackType
    from typing import Self

    from opskit.config.model import Ssh
    from opskit.config.secret import Redactor
    from opskit.fleet.command import Command, Result
    from opskit.fleet.inventory import Inventory

T = TypeVar("T")


class Fleet:
    """The hosts of an inventory, connected as needed and kept connected until `close`."""

    def __init__(self, inventory: Inventory, ssh: Ssh, *, redactor: Redactor) -> None:
        self.inventory = inventory
        self.ssh = ssh
        self.vault = Vault(redactor)
        self._guard = Guard()
        self._running = Running()
        self._dialer = Dialer(ssh, self._guard, self._running)
        self._remotes: dict[str, Remote] = {}
        self._ahead: Outcomes[None] | None = None

    def each(
        self, work: Callable[[Remote], T], hosts: Iterable[str], *, parallel: int | None = None
    ) -> Outcomes[T]:
        """Do `work` on each of `hosts` (inventory names); gives outcomes as they come.

        At most `parallel` hosts at once, and never more than `ssh.parallel`. Whatever a host's
        work raises is its outcome's error and stops nobody else. The work begins at once. Raises UnknownNameError for an unknown host.
        """
        remotes = [self.remote(name) for name in dict.fromkeys(hosts)]
        self._dialer.ready()
        return self._begin(work, remotes, min(parallel or self.ssh.parallel, self.ssh.parallel))

    def approach(self, hosts: Iterable[str]) -> None:
        """Begin to connect with hosts that will be needed, while something else is done. Raises UnknownNameError.

        Their servers are called before what a connection is made with is imported: they make ready meanwhile.
        """
        remotes = [self.remote(name) for name in dict.fromkeys(hosts)]
        with self._dialer.readying:
            self._ahead = self._begin(Remote.approach, remotes, self.ssh.parallel)
            self._dialer.ready()

    def _begin(
        self, work: Callable[[Remote], T], remotes: list[Remote], parallel: int
    ) -> Outcomes[T]:
        outcomes = Outcomes(work, remotes, self.vault)
        for number in range(min(parallel, len(remotes))):
            threading.Thread(target=outcomes.work_on, daemon=True, name=f"fleet-{number}").start()
        return outcomes

    def run(
        self,
        command: Command,
        hosts: Iterable[str],
        *,
        watch: Callable[[str, str, bytes], None] | None = None,
    ) -> Outcomes[Result]:
        """Run `command` on each of `hosts`; `watch` gets (host, "stdout" or "stderr", bytes)."""

        def work(remote: Remote) -> Result:
            if watch is None:
                return remote.execute(command)
            return remote.execute(command, watch=lambda kind, data: watch(remote.name, kind, data))

        return self.each(work, hosts)

    def remote(self, name: str) -> Remote:
        """Give one host of the fleet; it connects when it is used. Raises UnknownNameError."""
        if name not in self._remotes:
            host = named("host", name, self.inventory.hosts)
            self._remotes[name] = Remote(host, self._dialer, self._running, self.vault)
        return self._remotes[name]

    @property
    def cancelled(self) -> bool:
        """Whether the fleet is cancelled and has not been resumed."""
        return self._running.cancelled

    def cancel(self) -> None:
        """End every running remote process group; the work raises HostError soon after.

        Returns at once and may be called in a signal handler; go on reading outcomes to
        see the ends. More work is refused until `resume`.
        """
        self._running.cancel(self._dialer.cut)

    def resume(self) -> None:
        """Allow work again after `cancel`."""
        self._running.resume()

    @contextlib.contextmanager
    def apart(self) -> Iterator[Fleet]:
        """Give another fleet of the same hosts and secrets for the block, with connections of its own: what cancels or resumes one, the other does not notice."""
        other = Fleet(self.inventory, self.ssh, redactor=self.vault.redactor)
        other.vault = self.vault
        try:
            yield other
        finally:
            other._hang_up()

    def close(self) -> None:
        """End all connections at once; waits for nobody."""
        self.vault.forget()
        self._hang_up()

    def _hang_up(self) -> None:
        self._dialer.close()
        self._guard.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Outcomes(Generic[T]):
    """Outcomes as they come, one for each host.

    A Ctrl-C while one is awaited loses none: go on iterating. When this is closed or dropped, hosts
    that have not begun are left alone.
    """

    def __init__(self, work: Callable[[Remote], T], remotes: list[Remote], vault: Vault) -> None:
        self._left = len(remotes)
        self._ready = queue.SimpleQueue[Outcome[T]]()
        self._waiting = queue.SimpleQueue[Remote]()
        for remote in remotes:
            self._waiting.put(remote)
        # The threads hold these, not this object: so that it is dropped when its reader drops it.
        self.work_on = functools.partial(_work_on, work, self._waiting, self._ready, vault)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Outcome[T]:
        if self._left == 0:
            raise StopIteration
        outcome = self._ready.get()
        self._left -= 1
        return outcome

    def close(self) -> None:
        """Begin with no more hosts."""
        with contextlib.suppress(queue.Empty):
            while True:
                self._waiting.get_nowait()

    __del__ = close


def _work_on(
    work: Callable[[Remote], T],
    waiting: queue.SimpleQueue[Remote],
    ready: queue.SimpleQueue[Outcome[T]],
    vault: Vault,
) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            ready.put(_outcome(work, waiting.get_nowait(), vault))


def _outcome(work: Callable[[Remote], T], remote: Remote, vault: Vault) -> Outcome[T]:
    """Do the work on one host; its error, even a bug's, is the outcome, without secrets."""
    began = time.monotonic()
    try:
        value = work(remote)
    except OpskitError as error:
        return Outcome(remote.name, time.monotonic() - began, error=vault.redactor.error(error))
    except BaseException as error:  # noqa: BLE001 - a host's error must reach the consumer, not stop the pool
        return Outcome(
            remote.name,
            time.monotonic() - began,
            error=_bug(remote.name, error, vault.redactor),
        )
    return Outcome(remote.name, time.monotonic() - began, value)


def _bug(host: str, error: BaseException, redactor: Redactor) -> HostError:
    words = " ".join(redactor.text(str(error)).split())
    wrapped = HostError(host, f"{type(error).__name__}: {words}")
    wrapped.__cause__ = error
    return wrapped
