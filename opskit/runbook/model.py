"""What a runbook says: frozen values without a word of Markdown left in what is decided by them.

A page is read from top to bottom. What a human decides is visible text (`**Ask:**`, `**Confirm:**`, …, `- [ ]`), what a machine
needs beside it is an HTML comment before a fence: `<!-- opskit: on=@web timeout=30s mutates=no -->`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import date
    from pathlib import Path

LOCAL = "local"
"""Where a fence runs that names no hosts: on the operator's own machine, in the folder of opskit.toml."""
SH, PYTHON, TASK, OPSKIT = "sh", "python", "task", "opskit"
LANGUAGES = {"sh": SH, "bash": SH, "shell": SH, "python": PYTHON, "task": TASK, "opskit": OPSKIT}
"""What can be run, by the first word of a fence: a shell's script, Python, a Fabric task, an opskit command without a shell."""
EXACT, CONTAINS, REGEX = "exact", "contains", "regex"
NEXT = ""
"""The target of a decision that goes on with what follows."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a run needs: given with `-p NAME=VALUE`, asked for, or its default. Reaches commands as `$NAME`.

    `pattern` is a regular expression for the whole value; `env` the variable of the operator's own environment that has it
    already; `required` whether an empty one is no answer. A `secret` one is never written down, and asked again on resume.
    """

    name: str
    ask: str = ""
    default: str = ""
    pattern: str = ""
    env: str = ""
    required: bool = False
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One thing in a step, in its order; `line` is where it stands in the file, from 1."""

    line: int


@dataclass(frozen=True, slots=True)
class Prose(Part):
    """What is only read: Markdown as it stands. A `**Note:**` is prose, too."""

    text: str


@dataclass(frozen=True, slots=True)
class Ask(Part):
    """`**Ask:** `NAME` - Which server is slow?`: its answer is `$NAME` from there on. `pattern` is that of a parameter so called."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Confirm(Part):
    """`**Confirm:** Is …?`: yes, or the run stops there. Behind a `> [!CAUTION]` of its step, `typed`: the step's id is typed out."""

    text: str
    typed: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """One way on from a decision: what it is called, and the id of the step that it leads to (`NEXT`: what follows)."""

    label: str
    target: str


@dataclass(frozen=True, slots=True)
class Decide(Part):
    """`**Decide:** … go to [Roll back](#4-roll-back)`: each link is a choice; the last one (`NEXT`) always goes on with what follows."""

    text: str
    choices: tuple[Choice, ...]


@dataclass(frozen=True, slots=True)
class Wait(Part):
    """`**Wait:** 5m`, or `**Wait:** until `queue` is 0, every 5s, at most 5m, else go to [Escalate](#5-escalate)`.

    With a `name`, the fence of the same step that captures it is run again every `every` seconds until it `is` (or, `negated`, is not)
    `value`, for at most `seconds`; then the run goes on at step `otherwise`, or fails if that is "".
    """

    text: str
    seconds: float
    name: str = ""
    value: str = ""
    negated: bool = False
    every: float = 5.0
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Approve(Part):
    """`**Approve:** …`: somebody else says yes, from another laptop; until then the run is suspended."""

    text: str


@dataclass(frozen=True, slots=True)
class Check(Part):
    """`- [ ] …`: the operator looks, and says that it is so. `evidence`: and says what was seen, as the text ends in `(evidence)`."""

    text: str
    evidence: bool = False


@dataclass(frozen=True, slots=True)
class Expect:
    """What a fence must print, on every host: the next fence, whose comment says `expect=exact|contains|regex`."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class Action(Part):
    """A fence that is run: `text` in `language`, on the hosts of the selector `on` or `LOCAL`, `batch` hosts at once (0: all).

    `capture` names what it prints, without the last line's end. `rollback` is the id of the step that undoes it, "" if nothing does.
    `sudo` is the user that it runs as on hosts, "" for the login's own. `timeout` is in seconds.
    """

    language: str
    text: str
    on: str = LOCAL
    batch: int = 0
    timeout: float = 600.0
    capture: str = ""
    mutates: bool = True
    rollback: str = ""
    sudo: str = ""
    expect: Expect | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """An H2 and what stands below it. `id` is the slug of its heading without its number, `digest` the SHA-256 of its source.

    `anchors` are all names that a link may call it by. `cautious`: it holds a `> [!CAUTION]`.
    """

    id: str
    title: str
    line: int
    parts: tuple[Part, ...]
    digest: str
    anchors: tuple[str, ...] = ()
    cautious: bool = False

    @property
    def actions(self) -> Iterator[Action]:
        """What of it is run."""
        return (part for part in self.parts if isinstance(part, Action))

    @property
    def mutates(self) -> bool:
        """Whether anything of it changes something."""
        return any(action.mutates for action in self.actions)


@dataclass(frozen=True, slots=True)
class Runbook:
    """A whole page. `id` is its front matter's, `intro` the prose before the first step, `digest` the SHA-256 of the file.

    `review_days` is how long a review is good for, None if the page does not say.
    """

    id: str
    title: str
    file: Path
    digest: str
    steps: tuple[Step, ...]
    intro: tuple[Prose, ...] = ()
    owner: str = ""
    services: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    last_reviewed_on: date | None = None
    review_days: int | None = None

    @property
    def procedure(self) -> str:
        """The SHA-256 of all its steps: whoever approves says yes to these, and to no others."""
        return hashlib.sha256("\n".join(step.digest for step in self.steps).encode()).hexdigest()

    def step(self, name: str) -> Step | None:
        """Give the step of that id, number (from 1) or anchor, None if there is none."""
        if name.isascii() and name.isdigit() and len(name) < 6:
            return self.steps[int(name) - 1] if 0 < int(name) <= len(self.steps) else None
        by_id = next((step for step in self.steps if step.id == name), None)
        return by_id or next((step for step in self.steps if name in step.anchors), None)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a page, and where; `fatal` ones keep it from being run."""

    file: Path
    line: int
    what: str
    hint: str = ""
    fatal: bool = True

    def __str__(self) -> str:
        """Give `file:line: what`, as editors and CI read it."""
        return f"{self.file}:{self.line}: {self.what}"


@dataclass(frozen=True, slots=True)
class Page:
    """What came of reading a file: the runbook, if nothing fatal was found, and all that was found.

    `places` are the lines of front matter's keys: `services`, `params.NAME`, …. `draft` is what could be read of a page that cannot be run:
    `lint` looks through it, nothing else.
    """

    runbook: Runbook | None
    problems: tuple[Problem, ...] = ()
    places: Mapping[str, int] = field(default=NOTHING, hash=False, compare=False)
    draft: Runbook | None = None

    @property
    def file(self) -> Path:
        """The file that was read: without a runbook, there is a problem that names it."""
        return self.runbook.file if self.runbook else self.problems[0].file
