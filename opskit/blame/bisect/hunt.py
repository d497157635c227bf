"""The hunt itself: both ends first, then what git says, until one commit is left, or only those that cannot be tested."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.blame.bisect.record import FOUND, REFUSED, UNCLEAR
from opskit.blame.bisect.search import BAD, GOOD, WORDS, Known, Next, next_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from opskit.blame.bisect.record import Bisection, Tested
    from opskit.blame.bisect.search import Range

    Try = Callable[[str, str], Tested]
    """Tries a commit; what is said of it before is its role, or how many are left."""


@dataclass(frozen=True, slots=True)
class Hunted:
    """How it ended: found, unclear (only commits that cannot be tested are left beside the first suspect), or refused, with a reason."""

    outcome: str
    suspects: tuple[str, ...] = ()
    reason: str = ""


def hunt(where: Range, one: Bisection, try_: Try) -> Hunted:
    """Try commits until it is clear which one is the first bad one; what was tested before is not tried again.

    Refused if the good end is not good, or the bad one not bad. Raises what `try_` raises, and SourceError.
    """
    words = {test.sha: test.word for test in one.tests if test.word in WORDS}
    for sha, wanted in ((one.good, GOOD), (one.bad, BAD)):
        word = words.get(sha) or try_(sha, f"is it {wanted}, as you say?").word
        if word != wanted:
            said = "cannot be tested" if word not in (GOOD, BAD) else f"is {word}"
            return Hunted(REFUSED, (), f"{sha[:10]} is said to be {wanted}, and {said}")
    known = known_of(one.good, one.bad, one.tests)
    while (now := next_of(where, known)).try_:
        known = known.learned(now.try_, try_(now.try_, in_words(now)).word)
    return Hunted(UNCLEAR if now.suspects[1:] else FOUND, now.suspects)


def known_of(good: str, bad: str, tests: Iterable[Tested]) -> Known:
    """Give what tests tell, in their order."""
    known = Known(bad, (good,))
    for test in tests:
        if test.sha not in (good, bad) and test.word in WORDS:
            known = known.learned(test.sha, test.word)
    return known


def in_words(now: Next) -> str:
    """Say how much is left."""
    commits = "1 commit" if now.left == 1 else f"{now.left} commits"
    return f"{commits} left, about {now.steps} {'step' if now.steps == 1 else 'steps'}"
