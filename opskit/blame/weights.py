"""Every number of the score, with where it comes from."""

from __future__ import annotations

from datetime import timedelta

OUTSIDE = 0.3
"""How many outages no change has caused: "roughly 70 % of outages are due to changes in a live system" (Site Reliability Engineering, O'Reilly 2016, chapter 1)."""

HALF_LIFE = timedelta(minutes=30)
SLOWEST = timedelta(days=3)
"""A change three days old still counts: the longest of the windows that Gandalf looks back (NSDI 2020)."""

SHOWS = 0.9
SHOWS_ANYWAY = 0.05
TOLERANCE = timedelta(minutes=2)
"""By so much may clocks differ before "seen before it" clears anything."""
