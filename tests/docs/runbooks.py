"""The README's tables of what a runbook may say; which words there are, the code knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.runbook import attributes
from opskit.runbook.page import front, keywords, parameters

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

FRONT: Mapping[str, tuple[str, str]] = {
    "opskit": ("opskit: 1", "the version of the format; must be there"),
    "id": ("id: site-slow", "what it is called, in the changelog, too: a-z, 0-9, `-`; must be there"),
    "owner": ("owner: ana", "who looks after the page"),
    "services": ("services: [site]", "what it is about: services of opskit.toml, or one"),
    "alerts": ("alerts: [SiteSlow]", "the alerts that it answers; `opskit runbook list --alert` finds it"),
    "last_reviewed_on": ("last_reviewed_on: 2026-11-26", "when somebody last read it critically"),
    "review_in": ("review_in: 3 months", "for how long a review, a run and a drill are good: days, weeks, months, years"),
    "params": ('params: {server: {ask: "Which one?"}}', "values that a run needs, a table for each: see the next lines"),
}  # fmt: skip
PARAMS: Mapping[str, tuple[str, str]] = {
    "ask": ('ask: "Which server is slow?"', "the question; `-p server=web01` answers it beforehand"),
    "default": ("default: web01", "the value if nothing else is said"),
    "pattern": ('pattern: "web[0-9]+"', "a regular expression that the whole value must match"),
    "env": ("env: SERVER", "the variable of your own environment that has it already"),
    "required": ("required: true", "an empty value is no answer"),
    "secret": ("secret: true", "typed unseen, written down nowhere, asked again by `resume`; has no default"),
}  # fmt: skip
WORDS: Mapping[str, tuple[str, str]] = {
    "Ask": ("**Ask:** `server` - Which one is busy?", "the answer is `$server` from there on"),
    "Confirm": ("**Confirm:** Is the other one well?", "yes, or the run stops; behind a `> [!CAUTION]`, the step's name is typed out"),
    "Decide": ("**Decide:** Is it up? Then go to [Look](#1-look).", "each link is a way on, and so is the next line"),
    "Wait": ("**Wait:** until `queue` is 0, every 5s, at most 5m, else go to [Look](#1-look)", "runs the command of this step that captures `queue` until it says so; or just `**Wait:** 5m`"),
    "Approve": ("**Approve:** May the database be stopped?", "somebody else says yes, from another laptop: `opskit runbook approve RUN` shows what is run then, and asks; until then the run is suspended"),
    "Rollback": ("**Rollback:** [Look](#1-look)", "the step that undoes all that this one changes and that names no other itself"),
    "Note": ("**Note:** It takes a minute.", "only read"),
}  # fmt: skip
BOX = (
    "- [ ] It is quiet again (evidence)",
    "somebody looks and says that it is so; `(evidence)` at its end: and what was seen",
)
COMMENTS: Mapping[str, tuple[str, str]] = {
    "on": ("on=@web", "the hosts, as `-H` takes them; on your machine without it"),
    "local": ("local", "on your machine, in the folder of opskit.toml"),
    "batch": ("on=@web batch=2", "so many hosts at once; all if left out"),
    "timeout": ("timeout=30s", "when it is ended; 10 minutes if left out"),
    "capture": ("capture=queue", "what it prints is `$queue` from there on"),
    "mutates": ("mutates=no", "it changes nothing: a drill runs it, nothing must be undone, and an opskit in it that would ask before it changes something is refused"),
    "rollback": ('rollback="#3-bring-it-back"', "the step that undoes it; until then, `opskit status` names what is open"),
    "sudo": ("on=@web sudo=deploy", "as that user; `sudo` alone is root"),
    "expect": ("expect=contains", "stands alone, before the fence that the command above must print: `exact`, `contains`, `regex`"),
}  # fmt: skip


def front_matter() -> list[tuple[str, ...]]:
    """Give the rows of front matter, with those of params."""
    _demand_all(FRONT, front._READERS)
    _demand_all(PARAMS, parameters._READERS)
    rows = [(f"`{example}`", what) for example, what in FRONT.values()]
    return [*rows, *((f"`… {example}`", what) for example, what in PARAMS.values())]


def words() -> list[tuple[str, ...]]:
    """Give the rows of words that begin a paragraph."""
    _demand_all(WORDS, keywords.WORDS)
    return [(f"`` {example} ``", what) for example, what in (*WORDS.values(), BOX)]


def comments() -> list[tuple[str, ...]]:
    """Give the rows of what a comment may say."""
    _demand_all(COMMENTS, attributes._READERS)
    return [(f"`{example}`", what) for example, what in COMMENTS.values()]


def _demand_all(told: Mapping[str, object], known: Collection[str]) -> None:
    assert list(told) == list(known), "tests/docs/runbooks.py tells what the code knows"
