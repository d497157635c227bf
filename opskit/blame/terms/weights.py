"""Every number of the score, with where it comes from.

"Tuned" means: changed step by step as long as the mean logarithm of the belief in the truth grew on 2,100 of the simulated fleets with the
seeds `tests.eval.fleets.TUNING`, then rounded; what is reported is measured on others (`python -m tests.eval blame`).
"""

from __future__ import annotations

OUTSIDE = 0.3
"""How many troubles no change has caused: "roughly 70% of outages are due to changes in a live system" (Site Reliability Engineering, 2016, chapter 1)."""

TRUST = 0.85
"""What is weighed (time, hosts, well, lag, text) counts for so much of its bits: pieces of evidence are seldom independent. Tuned: with it,
what is believed at 80 % is right more nearly as often."""

SOON = ((5.0, 0.36), (16.0, 0.37), (400.0, 0.25), (6000.0, 0.02))
"""From a change to its trouble, where the onset is known: a mixture of exponential decays, (mean in minutes, part). Tuned; the
longest so that what is three days old still counts, which is as far as Gandalf looks back (NSDI 2020)."""
NOTICED = ((5.0, 0.1), (25.0, 0.27), (105.0, 0.32), (500.0, 0.28), (6000.0, 0.03))
"""The same from a change until somebody says "it is there now": what passes until anybody notices is in it. Tuned."""
SAMPLED = 3
"""Over so many hosts of a change its time is averaged, evenly from the first to the last: more change nothing that can be read."""
PACE_OVER = 16.0
"""A fleet's pace is what was changed lately: what is so many hours old counts for 1/e. Tuned."""
PACE_EVENTS, PACE_HOURS = 2.0, 5.0
"""To those, so many changes in so many hours are added: just when something is broken, people change things. Tuned."""

CLOCKS = 120.0
"""By so many seconds may clocks differ before "seen before it" clears anything. A choice: with NTP they differ by less than one, and two
minutes forgive one that is without. Where a person typed the time, it is as many as they left out (`opskit.changelog.when.fineness`)."""
WENT_BACK = 30.0
"""By so many seconds at most they may differ before "its hosts had gone back from it" does. A choice: it is seldom that trouble shows just then."""
FEW, STRAY_OF = 4, 20
"""From so many onsets on the very first is not taken for the first, and of so many one more is left out: see STRAYS."""

SHOWS = 0.94
"""How surely a check finds a host that a change has broken ill. Tuned."""
ALL = 0.6
"""How often a bad change breaks every host that it is on; else a part of them, any part as likely as another. Tuned."""
MOSTLY = 0.7
"""Of a part of the hosts, a larger one is likelier: the part's density grows with this power of it. Tuned."""
ANYWAY = 0.008
"""How often a host is found ill that has nothing to do with it. Tuned."""
EVERYWHERE, ONE = 0.35, 0.2
"""What no change did is on all hosts of a service, on one, or else on any part of them. Tuned."""
ALIKE = 10.0
"""By so many bits at most who is ill and who is well tell a change from the outside: a rack or a zone may be ill whose hosts have just this
change in common, too. Tuned."""
NAMED_ALL = 0.5
"""How often hosts that somebody named, without looking at the others, are all that are ill; else they are some of many. A guess."""
MISNAMED = 0.07
"""How often a host is named as ill that is so for another reason. Tuned."""

SCATTER = 0.3
"""Trouble that takes long to show takes long to reach all: by that part of its lag hosts differ. Tuned."""
SOONEST = 30.0
"""The least time (seconds) by which hosts differ. A guess."""
ELAPSED = 600.0
"""For so many seconds trouble lasts before somebody asks, where nobody knows. A guess."""

SHARED = 0.05
"""How often a change harms hosts that it was not on: bad data, a message that all read. Tuned."""
SHARED_UNKNOWN = 0.2
"""The same where nobody knows which services are ill: it may be one that the ill ones need. Tuned."""
SHARED_BELOW = 0.9
"""The same where it is on hosts of an ill service, and of one that this needs. Tuned."""

SCALES = (10.0, 60.0, 300.0, 1800.0, 7200.0)
"""How far apart (seconds) the times from change to onset of several hosts may lie; each is as likely as another."""
STRAYS = 0.05
"""How many onsets are of something else. Tuned."""
CLOCKS_OFF, OFF_BY = 0.02, 900.0
"""How often a host's clock is off by more than CLOCKS, and by how many seconds at most. A guess."""
LOGGED_HOSTS = 24
"""Of so many hosts at most onsets are compared: hosts of one fleet are not so many witnesses as they are hosts."""

KIND = {
    "deploy": 0.0, "drift": 0.0, "replace": -0.7, "runbook": -1.0, "task": -1.0, "exec": -1.0,
    "rollback": -1.5, "restart": -1.5, "reboot": -1.5, "drain": -2.0, "restore": -2.0,
    "note": -2.5, "thaw": -6.0,
}  # fmt: skip
"""Bits by kind: what brings new code before what does something by hand, before what takes what is known. A guess until verdicts tell."""
UNKNOWN_KIND = -1.0
"""The same for a kind that a later opskit wrote."""
REACTIONS = ("restart", "exec", "drain", "rollback")
"""What people try when something is broken: it comes shortly before somebody asks who broke it, and is on just the hosts that are ill."""
REACTS, REACTED = 2.0, 10.0
"""How much likelier such a change is an answer to the trouble than none, if it was made just now, and after how many minutes that is 1/e of it. Tuned."""
OUTCOME = {
    "failed": 1.0,
    "partial": 1.0,
    "interrupted": 1.0,
    "unfinished": 1.0,
    "abandoned": 1.0,
    "reverted": 1.0,
}
"""Bits by outcome: what did not end well has shown that something is wrong with it. A guess."""
OVERRIDDEN = 0.6
"""Bits for a rule that did not count (a freeze, something that cannot be taken back). A guess."""
STEP_BELOW = -1.3
"""Bits for each step that a service is needed by the ill one. A guess."""
PASSED_ON = 0.5
"""How often what is ill says the words of the trouble of a service that it needs; else it says only that this failed. A guess: in the simulated fleets it always does, and from 0.5 to 1 they tell no difference beyond chance."""
ABOVE = -2.0
"""Bits for a service that is ill and needs one that is ill itself: one in four, say, of what breaks a service breaks what it needs, too. A guess."""
BESIDE = -3.5
"""Bits for a service that only shares the hosts. Tuned."""
GONE = -3.0
"""Bits for a change that was taken back before the trouble was seen, where nobody knows when it began: what it did may have stayed. A guess."""

PASSED = -2.0
"""Bits for a change after which the very health check that fails now passed on all ill hosts that have it: three of four that break
what it looks at show that at once, in the rollout's own check. A guess."""

FAINT = 1e-4
"""Suspects with less than this share of the belief are not told about term by term. A choice: one in ten thousand is read by nobody."""
