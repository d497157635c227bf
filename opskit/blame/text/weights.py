"""The numbers with which words are weighed, and where they come from.

Learned from the history of one public repository (openvswitch/ovs, 508 fixes that name the commit they repair): a softmax over
the 200 commits before each fix, by maximum likelihood with a little shrinking; `python -m tests.eval blame --tune` measures them.
In natural logarithms: `features` are 0..1, so each is what its best commit of the window gains.
"""

from __future__ import annotations

WEIGHTS = {
    "whole": 0.76,
    "fresh": 2.27,
    "functions": 1.22,
    "subject": 1.80,
    "rare": 2.36,
    "identifiers": 1.11,
    "head": 1.75,
    "head_paths": 2.72,
    "repairs": -1.70,
}
"""What comes in lines that are new counts most; a commit that repairs another is less often guilty than one that adds something."""
MANY = 0.5
"""A candidate of n commits is n to the power of it times as likely as one of a single commit. A guess between 0 (each change is as
dangerous) and 1 (each commit is)."""
AGE = 1.43
"""By how much the odds of a commit fall (natural logarithm) with every hundred commits after it; for the evaluation only: in blame, time is a term of its own."""
MOST_BITS = 10.0
"""Words alone never say more than that, for or against."""
OUTSIDE, OUTSIDE_SHARE = 4.0, 0.0
"""The fit (natural logarithm) of a cause that no candidate brought, and how it changes with the part of the symptom's words that the best commit says."""


def outside(share: float) -> float:
    """Give the fit of what no candidate brought, where the best commit says that part (0..1) of what the symptom says."""
    return OUTSIDE + OUTSIDE_SHARE * share
