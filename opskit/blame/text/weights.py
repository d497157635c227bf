"""The numbers with which words are weighed, and where they come from.

Learned from the history of one public repository (openvswitch/ovs, 508 fixes that name the commit they repair): a softmax over
the 200 commits before each fix, by maximum likelihood with a little shrinking; `python -m tests.eval blame --tune` measures them.
In natural logarithms: `features` are 0..1, so each is what its best commit of the window gains.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

WEIGHTS = {
    "whole": 1.13,
    "fresh": 2.03,
    "functions": 1.17,
    "subject": 1.55,
    "rare": 1.91,
    "identifiers": 0.82,
    "head": 1.67,
    "head_paths": 2.40,
    "repairs": -1.31,
}
"""What comes in lines that are new counts most; a commit that repairs another is less often guilty than one that adds something."""
SOLE = 4.0
"""A value in quotes that just one commit adds counts as so many times as rare: it came with that one, while the words around it are those of
whatever handles errors. A choice: from 4 on it outweighs a sentence around it. From 2 to 5 the five folds of that history have the guilty
deploy first in 0.799 to 0.805, without it in 0.795, which is chance."""
MANY = 0.5
"""A candidate of n commits is n to the power of it times as likely as one of a single commit. A guess between 0 (each change is as
dangerous) and 1 (each commit is)."""
AGE = 1.24
"""By how much the odds of a commit fall (natural logarithm) with every hundred commits after it; for the evaluation only: in blame, time is a term of its own."""
LEAST_BITS = -6.0
"""Words alone never say more than that against a candidate. A guess: who is ill rarely writes like who repairs."""
WHOLE = 25
"""Different words of a symptom from which on they may speak against a candidate as much as that; fewer say less, in proportion: one line of
an error has hardly a word that a commit must have. A guess."""
FITS, SAYS, ODDS = 0.59, 2.26, 0.13
"""The logarithm of the odds that any candidate is guilty rises by FITS with the mean fit, by SAYS with the logarithm of the part of the
symptom that the best commit says. From the same history: 254 fixes whose guilty commit is in the window, 362 whose is older, windows of
1, 3, 10 and 40 deploys (the first two for each alone are 0.62 to 0.66 and 1.6 to 2.5)."""
LEAST_ODDS, MOST_ODDS = -2.0, 4.0
"""Bounds of it: a long log says much that no commit does."""


def least(words: int) -> float:
    """Give the fewest bits that a symptom of so many different words gives a candidate."""
    return LEAST_BITS * min(1.0, words / WHOLE)


def outside(fits: Sequence[float], share: float) -> float:
    """Give the fit of what no candidate brought, from the candidates' fits and the part (0..1) of the symptom that the best commit says."""
    most = max(fits)
    usual = most + math.log(math.fsum(math.exp(fit - most) for fit in fits) / len(fits))
    odds = FITS * usual + SAYS * math.log(max(share, 1e-9)) + ODDS
    return usual - max(LEAST_ODDS, min(MOST_ODDS, odds))
