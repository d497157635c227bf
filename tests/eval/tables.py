"""The figures of simulated fleets as tables of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.eval import measures
from tests.eval.knowing import LEVELS
from tests.eval.simulated import BASELINES

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.eval.simulated import Outcome

BINS = 10


def lines(found: Sequence[Outcome], more: Sequence[Outcome] = ()) -> Iterator[str]:
    """Give all tables, line by line; `more` are cases that no change has caused, where that is in the evidence."""
    told = [one for one in found if one.contains]
    yield from ranked("The answer is in the evidence", [*told, *more])
    yield from ranked("All cases, also those in which nobody could tell", found)
    yield from levels(told, found)
    yield from calibration(found)


def ranked(title: str, found: Sequence[Outcome]) -> Iterator[str]:
    """Give how often the guilty change was first, beside the baselines, and how often "nothing here" was right and wrong."""
    guilty = [one for one in found if one.guilty]
    others = [one for one in found if not one.guilty]
    yield f"{title}: {len(guilty)} troubles that a change caused"
    yield row("", "top-1", "top-3", "MRR")
    yield _ranks("opskit blame", [one.place for one in guilty])
    for number, name in enumerate(BASELINES):
        yield _ranks(name, [one.baselines[number] for one in guilty])
    right = measures.rate(sum(one.nothing for one in others), len(others))
    wrong = measures.rate(sum(one.nothing for one in guilty), len(guilty))
    yield f'  "nothing here", rightly: {right} of {right.n} troubles that no change caused (baselines: never)'
    yield f'  "nothing here", wrongly: {wrong} of {wrong.n} troubles that a change caused'
    yield ""


def _ranks(name: str, places: Sequence[int]) -> str:
    first, three = measures.top(places, 1), measures.top(places, 3)
    return row(name, str(first), str(three), str(measures.reciprocal(places)))


def row(name: str, *cells: str) -> str:
    return (f"  {name:<24}" + "".join(f"{cell:<24}" for cell in cells)).rstrip()


def levels(told: Sequence[Outcome], found: Sequence[Outcome]) -> Iterator[str]:
    """Give the same by what was known, shortly."""
    yield "By what was known"
    yield row("", "top-1, in evidence", "top-1, all", "nothing, in evidence", "nothing, all")
    for level in LEVELS:
        yield row(
            level,
            *(
                _share([one for one in some if one.level == level and one.guilty == guilty])
                for guilty in (True, False)
                for some in (told, found)
            ),
        )
    yield ""


def _share(found: Sequence[Outcome]) -> str:
    hits = sum(one.place == 1 if one.guilty else one.nothing for one in found)
    return f"{hits / len(found):.3f} (n {len(found)})" if found else "-"


def calibration(found: Sequence[Outcome]) -> Iterator[str]:
    """Give how often it was right when it was so sure, of a suspect and of nothing."""
    yield "When it is so sure, is it right so often? (all cases)"
    yield row("belief", "it names a suspect", "it says nothing here")
    for number in range(BINS):
        low = number / BINS
        cells = [
            _right([one for one in found if one.nothing == nothing and _bin(one) == number])
            for nothing in (False, True)
        ]
        yield row(f"{low:.1f} to {low + 1 / BINS:.1f}", *cells)
    yield f"  expected calibration error: {expected_error(found):.3f}"
    yield ""


def _bin(one: Outcome) -> int:
    return min(int(one.sure * BINS), BINS - 1)


def _right(found: Sequence[Outcome]) -> str:
    if not found:
        return "-"
    return f"{sum(one.right for one in found) / len(found):.2f} (n {len(found)})"


def expected_error(found: Sequence[Outcome]) -> float:
    """Give how far, on average over cases, being right is from being sure, in ten bins of sureness."""
    apart = 0.0
    for number in range(BINS):
        there = [one for one in found if _bin(one) == number]
        apart += abs(sum(one.right - one.sure for one in there))
    return apart / len(found) if found else 0.0
