"""A case: a simulated fleet, what was done there, what broke, what somebody knows of it, and what is true."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.eval import evidence, fleets, knowing, troubles
from tests.eval.fleets import WINDOW

if TYPE_CHECKING:
    from tests.eval.knowing import Known


@dataclass(frozen=True)
class Case:
    """`culprit` is the id of the guilty candidate, "" if it was nothing in the changelog; `contains` whether that is in the evidence."""

    seed: int
    known: Known
    culprit: str
    how: str
    contains: bool


def case(seed: int, *, innocent: bool = False) -> Case | None:
    """Make the case of a seed; None if its fleet gave no occasion for a trouble. `innocent` if no change is to have caused it."""
    dice = random.Random(seed)
    there = fleets.fleet(dice)
    done = fleets.changes(dice, there, WINDOW + fleets.DAY / 3)
    outside = dice.random() < troubles.OUTSIDE or innocent
    found = troubles.trouble(dice, there, done, outside=outside)
    if found is None or found.asked > WINDOW + fleets.DAY / 3:
        return None
    done = [*done, *troubles.around(dice, there, found)]
    known = knowing.known(dice, there, done, found)
    culprit = found.culprit.id if found.culprit else ""
    return Case(seed, known, culprit, found.how, evidence.contains(known, culprit))
