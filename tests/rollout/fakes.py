"""A fleet without hosts, for what only order and timing can show: each piece of work runs when its turn comes.

`test_fakes.py` holds it to what the real fleet does.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType, SimpleNamespace
from typing import TYPE_CHECKING, Any

from opskit.config.secret import Redactor
from opskit.errors import HostError, OpskitError, UnreachableError
from opskit.fleet.command import Outcome, Result
from opskit.fleet.vault import Vault
from opskit.rollout import layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opskit.fleet.command import Command

PATH = "/srv/shop"


@dataclass
class FakeRemote:
    """A host that has a live release, answers the probe with it, and obeys until the fleet is cancelled."""

    name: str
    fleet: FakeFleet
    live: str = "r1"
    reachable: bool = True
    ran: list[str] = field(default_factory=list)
    answer: Callable[[str], int] = field(default=lambda _script: 0)

    @property
    def host(self) -> Any:
        return SimpleNamespace(name=self.name, vars=MappingProxyType({}))

    def execute(self, command: Command, **_: object) -> Result:
        if self.fleet.cancelled:
            raise HostError(self.name, "cancelled")
        if not self.reachable:
            raise UnreachableError(self.name, "no route")
        self.ran.append(command.script)
        said = ""
        if command.script.endswith(layout.probe(PATH)):
            said = f"now 1\nlive releases/{self.live}\nend\n"
        return Result(self.name, self.answer(command.script), said.encode(), b"", 0.0)


class FakeFleet:
    """Hosts by name; work is done one host after the other, in the thread that asks."""

    def __init__(self, *names: str) -> None:
        self.cancelled = False
        self.vault = Vault(Redactor())
        self.remotes = {name: FakeRemote(name, self) for name in names}

    def each(self, work: Callable[[Any], Any], hosts: Iterable[str]) -> Iterator[Outcome[Any]]:
        for name in dict.fromkeys(hosts):
            try:
                outcome = Outcome(name, 0.0, work(self.remotes[name]))
            except OpskitError as error:
                outcome = Outcome(name, 0.0, error=error)
            except Exception as error:
                outcome = Outcome(
                    name, 0.0, error=HostError(name, f"{type(error).__name__}: {error}")
                )
            yield outcome

    def run(self, command: Command, hosts: Iterable[str]) -> Iterator[Outcome[Result]]:
        return self.each(lambda remote: remote.execute(command), hosts)

    def cancel(self) -> None:
        self.cancelled = True

    def resume(self) -> None:
        self.cancelled = False
