"""Where a run stands: each step by what happened in it, and what is still to be taken back.

It is told from events alone, for whoever has not got the page; whoever has goes by the page, too, and comes to the same.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from opskit.changelog.body import numbers, parts, text
from opskit.changelog.coverage import Coverage
from opskit.changelog.records import NOT_REACHED, RUNNING, UNKNOWN
from opskit.changelog.runrecords import (
    ANSWERED,
    BEGAN,
    CLEARED,
    DECIDE,
    DRILL,
    ENDED,
    MARKED,
    SKIPPED,
    UNDONE,
    WAIT,
    WENT,
    WHOLE,
    Liability,
    RunStep,
    Value,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from opskit.changelog.runrecords import Act

DONE = "done"
OVER = (DONE, SKIPPED, MARKED, ANSWERED)
"""What a part is of which nothing is left to do."""
GOOD = (DONE, MARKED, ANSWERED)
BAD = (UNKNOWN, "failed", "interrupted")
"""What a part may be that makes its step so, the worst first."""
REMARKS = ("caution", "shell", "value")
"""Kinds of answers that finish no part."""
_SENT = {DECIDE: ANSWERED, WAIT: SKIPPED}
"""What a part is that sent the run to another step."""


class Book:
    """What happened in one step: of each part the last word, and the number of the act that said so; `wanted` are the parts that ask for something."""

    def __init__(self) -> None:
        self.wanted: tuple[int, ...] = ()
        self.named: set[str] = set()
        """The words of what was run in it: values that it does not name make no difference to it."""
        self._words: dict[int, tuple[str, int]] = {}
        self._is_begun = self._is_undone = self._is_stale = False

    def take(self, act: Act, number: int) -> None:
        """Take the next thing that happened in it."""
        self._is_begun = True
        if self._is_stale:
            self.forget()
        if act.what == BEGAN:
            self.named |= words_of(act)
            self._is_undone = False
        if word := _word(act):
            self._words[act.part] = word, number

    def undo(self) -> None:
        """Take in that it is undone."""
        self._is_undone = True

    def forget(self) -> None:
        """Take in that it has yet to be done, from its beginning."""
        self._words.clear()
        self._is_stale = False

    def grow_stale(self) -> None:
        """Take in that it was done to undo something: in its turn it is done anew."""
        self._is_stale = True

    def done_since(self) -> int:
        """Give the number of the act from which on all of it was done; 0 if it was not, or something of it was skipped."""
        found = [self._words.get(n, ("", 0)) for n in self.wanted or (WHOLE,)]
        good = all(word in GOOD for word, _ in found)
        return min(number for _, number in found) if good else 0

    def state(self, *, is_running: bool) -> str:
        """Give where it stands, as `RunStep.state` says."""
        if self._is_undone:
            return UNDONE
        words = {n: word for n, (word, _) in self._words.items()}
        told = [words.get(n, "") for n in self.wanted or (WHOLE,)]
        if words.get(WHOLE) in OVER or all(word in OVER for word in told):
            return _over([words[WHOLE]] if words.get(WHOLE) in OVER else told)
        bad = next((word for word in BAD if word in words.values()), "")
        if bad == UNKNOWN and is_running:
            return RUNNING
        return bad or ("begun" if self._is_begun else NOT_REACHED)


def _over(told: Sequence[str]) -> str:
    """Give what a step is of which nothing is left: by hand if something was done so, skipped if nothing else happened."""
    if all(word == SKIPPED for word in told):
        return SKIPPED
    return MARKED if MARKED in told else DONE


def _word(act: Act) -> str:
    """Give what a part, or a step, is after this; "" for what alters nothing of that."""
    if act.what == BEGAN:
        return "" if act.rests else UNKNOWN
    if act.what == ENDED:
        return act.outcome if act.outcome in (DONE, *BAD) else UNKNOWN
    if act.what == ANSWERED:
        return "" if act.kind in REMARKS else ANSWERED
    if act.what == WENT:
        return _SENT.get(act.how, "")
    return act.what if act.what in (SKIPPED, MARKED) else ""


def words_of(act: Act) -> set[str]:
    """Give the words of what an action runs, and where."""
    return set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", f"{act.script} {act.on}"))


class Debt(NamedTuple):
    """A liability, the number of the act by which it began, all values of that moment, and the id of that event."""

    liability: Liability
    number: int
    values: Mapping[str, str]
    began: str
    on: str = ""
    bound: bool = False
    """Whether it was put back on others of its hosts already."""


class Ledger:
    """Takes the events of a run, the oldest first."""

    def __init__(self) -> None:
        self._titles: dict[str, str] = {}
        self._digests: dict[str, str] = {}
        self._order: list[str] = []
        self._books: dict[str, Book] = {}
        self._values: dict[str, str] = {}
        self._debts: list[Debt] = []
        self._coverage = Coverage()
        self._number = 0
        self._is_drill = False
        self._undoing = self._undone = ""
        """The step that is done to undo one liability, and no other of the same values."""

    def turn(self, body: Mapping[str, object]) -> None:
        """Take in that somebody begins, or goes on, by a page that has the steps that the body says."""
        self._is_drill |= text(body, "mode") == DRILL
        self._values |= {text(each, "name"): text(each, "value") for each in parts(body, "params")}
        told = {text(each, "id"): each for each in parts(body, "steps")}
        self._order = list(told) or self._order
        for name, each in told.items():
            self._titles[name] = " ".join(text(each, "title").split())
            self._digests[name] = text(each, "digest")
            self._book(name).wanted = numbers(each, "parts")

    def take(self, act: Act) -> None:
        """Take in what happened in a step."""
        self._number += 1
        if act.capture:
            self._values[act.capture.name] = act.capture.value
        if act.what == ANSWERED and act.name and not act.secret:
            self._values[act.name] = act.value
        self._book(act.step).take(act, self._number)
        self._cover(act)
        if act.what == BEGAN and act.mutates and act.rollback and not self._is_drill:
            self._owe(act)
        elif act.what in (UNDONE, CLEARED):
            self._close(act)
        elif act.what == WENT:
            self._go(act)
        if self._undoing and act.what != WENT and act.step != self._undoing:
            self._book(self._undoing).grow_stale()
            self._undoing = self._undone = ""
        if act.what != WENT and act.step != self._undoing:
            self._settle(act.step)

    def steps(self, *, is_running: bool) -> tuple[RunStep, ...]:
        """Give where each step stands: those of the page first, then those that it has not any more."""
        names = dict.fromkeys((*self._order, *self._books))
        return tuple(
            RunStep(
                id=name,
                title=self._titles.get(name, ""),
                digest=self._digests.get(name, ""),
                state=self._book(name).state(is_running=is_running),
            )
            for name in names
            if name
        )

    def liabilities(self) -> tuple[Liability, ...]:
        """Give what is still to be taken back, the newest first."""
        found = (debt.liability for debt in reversed(self._debts))
        return tuple(each._replace(title=self._titles.get(each.step, "")) for each in found)

    def _cover(self, act: Act) -> None:
        """Take in on which hosts a command was done."""
        if act.what == BEGAN:
            self._coverage.began(act.step, act.part, on=act.on, mutates=act.mutates)
        elif act.what == ENDED:
            good = (each.name for each in act.results if each.outcome == DONE)
            self._coverage.ended(act.step, act.part, good)
        elif act.what == MARKED:
            self._coverage.marked(act.step, act.part)

    def _book(self, step: str) -> Book:
        return self._books.setdefault(step, Book())

    def _go(self, act: Act) -> None:
        """Take in that the run goes to another step; what sent it there is over, and what it undid by then is undone."""
        if act.how in _SENT and act.to != act.step:
            self._settle(act.step, began=self._undone if act.step == self._undoing else "")
        self._come_to(act.to)
        self._undoing, self._undone = (act.to, act.began) if act.began else ("", "")

    def _come_to(self, step: str) -> None:
        """Take in that a step, and what follows it, has yet to be done."""
        later = self._order[self._order.index(step) :] if step in self._order else [step]
        self._coverage.forget(later)
        for name in later:
            self._book(name).forget()

    def _owe(self, act: Act) -> None:
        used = words_of(act) & self._values.keys()
        values = tuple(Value(name, self._values[name]) for name in sorted(used))
        found = Liability(act.step, act.part, act.rollback, act.at, act.actor, values=values)
        same = [each for each in self._debts if _is_same(each.liability, found)]
        hosts = (*(host for each in same for host in each.liability.hosts), *act.hosts)
        found = found._replace(hosts=tuple(dict.fromkeys(hosts)))
        self._debts = [each for each in self._debts if each not in same]
        self._debts.append(Debt(found, self._number, dict(self._values), act.hash[:10], act.on))

    def _close(self, act: Act) -> None:
        """End what somebody has undone, or says is none: of a part of a step, or of all of it."""
        step = act.of or act.step
        if act.what == UNDONE:
            self._book(step).undo()
        undone = [
            each
            for each in self._debts
            if each.liability.step == step
            and act.part in (WHOLE, each.liability.part)
            and act.began in ("", each.began)
        ]
        self._end(undone, act.rollback if act.what == UNDONE else "")

    def _settle(self, rollback: str, *, began: str = "") -> None:
        """End what a step undoes once all of it was done, after what it undoes began, and for the same values; or only what `began` names."""
        book = self._book(rollback)
        since = book.done_since()
        undone = [
            each
            for each in self._debts
            if each.liability.rollback == rollback
            and each.number <= since
            and (each.began == began if began else self._are_same(book, each))
        ]
        self._end(undone, rollback)

    def _end(self, undone: Sequence[Debt], rollback: str) -> None:
        """Keep of these what is left of them on hosts on which that step was not done."""
        kept = [self._left(each, rollback) if each in undone else each for each in self._debts]
        self._debts = [each for each in kept if each is not None]

    def _left(self, debt: Debt, rollback: str) -> Debt | None:
        had = debt.liability.hosts
        hosts = self._coverage.left(rollback, had, on=debt.on, bound=debt.bound)
        if not rollback or not hosts:
            return None
        liability = debt.liability._replace(hosts=hosts)
        return debt._replace(liability=liability, bound=debt.bound or hosts != had)

    def _are_same(self, book: Book, debt: Debt) -> bool:
        """Tell whether the values that a step names are still those of a debt."""
        named = book.named & debt.values.keys()
        return all(debt.values[name] == self._values.get(name, "") for name in named)


def _is_same(one: Liability, other: Liability) -> bool:
    """Tell whether an action is the same once more; a value that there was not yet makes no difference."""
    same = (one.step, one.part, one.rollback) == (other.step, other.part, other.rollback)
    return same and set(one.values) <= set(other.values)
