"""A run of a runbook whose questions are answered from a list, on this machine or on test hosts, in a changelog of its own."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opskit.changelog import open_changelog
from opskit.config.model import ChangelogSettings, Ssh
from opskit.fleet import open_fleet
from opskit.fleet.inventory import Inventory
from opskit.runbook.acting import Hands
from opskit.runbook.folding import fold
from opskit.runbook.parse import parse
from opskit.runbook.past import events_of
from opskit.runbook.resume import differences, reopen, settle
from opskit.runbook.run import begin
from opskit.runbook.talk import LeftError, Reply
from tests.fleet.opening import host_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opskit.changelog import Changelog, Event
    from opskit.runbook.model import Runbook
    from opskit.runbook.progress import Progress
    from opskit.runbook.talk import Fact, Question
    from opskit.runbook.walk import End, Walk
    from tests.support.hosts import Hosts

FRONT = "---\nopskit: 1\nid: page\n{more}---\n# Page\n"
GO, YES, NO = Reply("go"), Reply("yes"), Reply("no")
LEAVE = Reply("leave")


class Killed(BaseException):
    """The run dies here."""


def book_of(body: str, more: str = "") -> Runbook:
    """Give the runbook of these steps; `more` are lines of its front matter."""
    page = parse(FRONT.format(more=more) + body, Path("page.md"))
    assert page.runbook is not None, page.problems
    return page.runbook


def say(text: str) -> Reply:
    return Reply("text", text)


def choose(label: str) -> Reply:
    return Reply("choice", label)


@dataclass
class Scripted:
    """Answers questions from a list, the first one first; a Killed or LeftError in it is raised. What was told is kept."""

    replies: list[Reply | BaseException]
    asked: list[Question] = field(default_factory=list)
    told: list[Fact] = field(default_factory=list)
    heard: dict[str, bytes] = field(default_factory=dict)
    rested: list[float] = field(default_factory=list)
    shells: list[str] = field(default_factory=list)
    patient: bool = True

    def tell(self, fact: Fact) -> None:
        self.told.append(fact)

    def ask(self, question: Question) -> Reply:
        self.asked.append(question)
        if not self.replies:
            raise LeftError
        reply = self.replies.pop(0)
        if isinstance(reply, BaseException):
            raise reply
        assert reply.key in question.keys, (question, reply)
        return reply

    @contextlib.contextmanager
    def watching(self, _hosts: Sequence[str]) -> Iterator[Callable[[str, str, bytes], None]]:
        def watch(host: str, _stream: str, data: bytes) -> None:
            self.heard[host] = self.heard.get(host, b"") + data

        yield watch

    def rest(self, seconds: float, _what: str) -> bool:
        self.rested.append(seconds)
        return self.patient

    def shell(self, host: str, _env: Mapping[str, str]) -> None:
        self.shells.append(host)

    @property
    def kinds(self) -> list[str]:
        return [question.kind for question in self.asked]

    def facts(self, kind: type) -> list[Any]:
        return [fact for fact in self.told if isinstance(fact, kind)]


@dataclass
class Stage:
    """Where runs happen: a folder, a changelog, test hosts if there are any."""

    folder: Path
    hosts: Hosts | None = None
    name: str = "runs"
    let_in: Callable[[Sequence[str], str], None] = lambda _hosts, _user: None
    web: tuple[str, ...] = ()
    """The hosts of the group web, all if left out."""

    def changelog(self, actor: str = "ana", state: str = "") -> Changelog:
        return open_changelog(state or self.name, actor=actor)

    @contextlib.contextmanager
    def hands(self) -> Iterator[Hands]:
        known = {n: host_of(self.hosts, n) for n in self.hosts.names} if self.hosts else {}
        inventory = Inventory("test", known, {"web": self.web or tuple(known)})
        with open_fleet(inventory, Ssh()) as fleet:
            yield Hands(
                fleet=fleet,
                folder=self.folder,
                tasks=self.folder / "tasks.py",
                select=lambda selector: tuple(h.name for h in inventory.select(selector)),
                let_in=self.let_in,
            )

    def run(
        self,
        book: Runbook,
        *replies: Reply | BaseException,
        mode: str = "run",
        given: Mapping[str, str] | None = None,
        start: str = "",
        talk: Scripted | None = None,
    ) -> tuple[End, Scripted]:
        """Follow a runbook from its beginning with these answers."""
        talk = talk or Scripted([*replies])
        with self.changelog() as changelog, self.hands() as hands:
            walk = begin(
                book, changelog, hands, talk, environment="test", mode=mode, given=given or {}, start=start
            )  # fmt: skip
            end = walk.go()
        self.demand_agreed(book, end.now.run)
        return end, talk

    def demand_agreed(self, book: Runbook, run: str) -> None:
        """See that who follows the page and who has only the changelog say the same is open."""
        with self.changelog() as changelog:
            record = changelog.run(run)
        mine = {(owed.step, owed.part) for owed in fold(book.steps, record.events).liabilities}
        assert {(owed.step, owed.part) for owed in record.liabilities} == mine

    def resume(
        self,
        book: Runbook,
        run: str,
        *replies: Reply | BaseException,
        actor: str = "ana",
        **how: Any,
    ) -> tuple[End, Scripted]:
        """Go on with a run with these answers."""
        talk = Scripted([*replies])
        with self.reopened(book, run, talk, actor=actor, **how) as walk:
            found = differences(book, fold(book.steps, walk.record.events[:-1]))
            end = walk.go(lambda: settle(walk, found))
        self.demand_agreed(book, run)
        return end, talk

    @contextlib.contextmanager
    def reopened(
        self, book: Runbook, run: str, talk: Scripted, *, actor: str = "ana", **how: Any
    ) -> Iterator[Walk]:
        with self.changelog(actor) as changelog, self.hands() as hands:
            events = events_of(changelog, changelog.run(run), ChangelogSettings())
            yield reopen(
                book, changelog, hands, talk, events=events, environment="test",
                reload=lambda: changelog.run(run).events, **how,
            )  # fmt: skip

    def events(self, run: str = "") -> list[Event]:
        """Give the events of a run, of the newest one if none is named, the oldest first."""
        with self.changelog() as changelog:
            return list((changelog.run(run) if run else changelog.runs()[0]).events)

    def now(self, book: Runbook, run: str = "") -> Progress:
        return fold(book.steps, self.events(run))


def whats(events: Sequence[Event]) -> list[str]:
    """Give what happened, a word for each event: `started`, `began`, `answered ask`, `finished done`."""
    said = []
    for event in events:
        body, kind = event.body, event.header.kind.removeprefix("run.")
        words = [str(body["what"]) if kind == "step" else kind]
        words += [str(body[name]) for name in ("outcome", "kind", "how") if name in body]
        said.append(" ".join(words))
    return said
