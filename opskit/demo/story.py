"""The story that `opskit demo` tells: people, the commands that they call, what must come of each."""

from __future__ import annotations

from dataclasses import dataclass

BAD = "ROLLOUT"
"""Stands for the id of the rollout that was stopped."""
OFFER = "URL"
"""Stands for the address of the offer of the week, in the first shop."""
UNDO = "UNDO"
"""Stands for the command that `opskit blame` prints for the address above."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is told, who calls which command, its exit code, and the version that all shops then serve.

    `history` tells whether it is only told where the shop is deployed from git, or only where it is not: archives have no commits.
    """

    text: str
    actor: str
    command: tuple[str, ...]
    exit: int = 0
    serves: str = ""
    history: bool | None = None


STEPS = (
    Step(
        "Three hosts, each with an SSH server, a key and a home of its own.",
        "ana",
        ("hosts", "--ping"),
    ),
    Step(
        "Ana opens the shop: one host goes first; once it is healthy, the others follow.",
        "ana",
        ("deploy", "shop", "v1", "-m", "open the shop", "-y"),
        serves="v1",
    ),
    Step(
        "Her next version. The changelog keeps the reason, the commits and every host's result.",
        "ana",
        ("deploy", "shop", "v2", "-m", "oolong is in", "-y"),
        serves="v2",
    ),
    Step(
        "Ben's version is broken. The first host's health check finds it: that host is put back,"
        " the others stay on v2, and the exit code is not 0.",
        "ben",
        ("deploy", "shop", "v3", "-m", "prices per 100 g", "-y"),
        exit=5,
        serves="v2",
    ),
    Step("Who broke it? Chloe is on call and looks.", "chloe", ("log",)),
    Step("What was it? The commits and the host's own words are there.", "chloe", ("log", BAD)),
    Step(
        "How often did a shop answer with an error? A Fabric task of tasks.py counts in their logs.",
        "chloe",
        ("run", "answers", "-H", "@web", "-m", "how bad was it?", "--status", "500"),
    ),
    Step(
        "Any command runs on all hosts at once; equal output is shown once.",
        "chloe",
        (
            "exec",
            "-H",
            "@web",
            "-m",
            "is it the same everywhere?",
            "head -n 3 ~/shop/current/catalogue.json",
        ),
    ),
    Step(
        "The next version is mended, healthy, and so it comes to all three hosts.",
        "ben",
        ("deploy", "shop", "v4", "-m", "prices are numbers again, and autumn", "-y"),
        serves="v4",
    ),
    Step(
        "A restart goes batch by batch, too.",
        "ana",
        ("restart", "shop", "-m", "forget the sessions", "-y"),
        serves="v4",
    ),
    Step(
        "Customers call: the offer of the week is broken, though every host is healthy. Who broke it?"
        " opskit fetches the page, finds on which hosts it is broken, and weighs what was changed before.",
        "chloe",
        ("blame", "--url", OFFER),
        history=True,
    ),
    Step(
        "That names the rollout, the very commit, and whom to ask. Its last line undoes it; she pastes that.",
        "chloe",
        (UNDO, "-y"),
        serves="v2",
        history=True,
    ),
    Step(
        "The offer of the week is broken in it, so back to the version before, which was good on every host.",
        "chloe",
        ("rollback", "shop", "-m", "the offer of the week is broken", "-y"),
        serves="v2",
        history=False,
    ),
    Step("What runs where, asked from the hosts themselves.", "chloe", ("status",)),
    Step(
        "A note for whoever looks next.",
        "chloe",
        ("note", "v4 waits for a page that knows the special, see chloe"),
    ),
    Step("That is what stays: who did what, where, why, and what came of it.", "chloe", ("log",)),
)


def steps(*, history: bool) -> tuple[Step, ...]:
    """Give the story as it is told with the shop's history in git, or without it."""
    return tuple(step for step in STEPS if step.history in (None, history))
