"""The parts of a runbook that is written by opskit: front matter, headings that no two steps share, commands of a run as fences."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.changelog.runrecords import BEGAN, ENDED
from opskit.config import checks
from opskit.errors import ConfigError
from opskit.runbook import anchors, names, quoting, rewriting
from opskit.runbook.model import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import date

    from opskit.changelog import RunRecord
    from opskit.changelog.runrecords import Act

REVIEW_IN = "3 months"
MOST_PARAMS = 50
NOTHING = ("## 1. Look", "Nothing was done.")
"""The only step of what did nothing."""
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NO_ID = re.compile(r"[^a-z0-9-]")


@dataclass(frozen=True, slots=True)
class Heading:
    """The heading of a step: its text as Markdown, and the anchor that leads to it, without its `#`."""

    text: str
    anchor: str


def front(
    name: str,
    *,
    services: Iterable[str] = (),
    owner: str = "",
    today: date | None = None,
    params: Mapping[str, str | None] | None = None,
) -> str:
    """Give front matter; `params` are names with their defaults, None for a secret. Services whose names are none are left out."""
    lines = ["---", "opskit: 1", f"id: {slug(name)}"]
    lines += [f"owner: {quoting.value(owner)}"] if owner.strip() else []
    known = [each for each in dict.fromkeys(services) if _passes(checks.name, each)]
    lines += [f"services: [{', '.join(map(quoting.value, known))}]"] if known else []
    if today:
        lines += [f"last_reviewed_on: {today.isoformat()}", f"review_in: {REVIEW_IN}"]
    if params:
        lines += ["params:", *(_param(*param) for param in params.items())]
    return "\n".join([*lines, "---"])


def slug(name: str) -> str:
    """Give a name as the id of a runbook."""
    return _NO_ID.sub("-", name.lower())[:100] or "run"


def headings(titles: Mapping[str, str]) -> Mapping[str, Heading]:
    """Give the headings of steps, numbered, by whatever names the titles; no two steps of them are called the same."""
    found: dict[str, Heading] = {}
    taken: set[str] = set()
    for number, (key, title) in enumerate(titles.items(), 1):
        plain = bare(quoting.one_line(title, 120))
        name = anchors.step_id(plain)
        if not name or name.isdigit() or name in taken:
            plain = f"{plain} (step {number})".strip()
            name = anchors.step_id(plain)
        taken.add(name)
        anchor = anchors.slug(f"{number}. {plain}")
        found[key] = Heading(f"## {number}. {quoting.inline(plain)}", anchor)
    return found


def by_step(record: RunRecord) -> Mapping[str, Sequence[Act]]:
    """Give what happened by the ids of steps, in the order of the page, then those that the page does not know."""
    found: dict[str, list[Act]] = {step.id: [] for step in record.steps}
    for act in record.acts:
        found.setdefault(act.step, []).append(act)
    return {step: acts for step, acts in found.items() if acts}


def values_of(record: RunRecord) -> Mapping[str, str | None]:
    """Give the values of a run that its commands use, by their names; None for a secret, which nobody has written down."""
    used: set[str] = set()
    for act in record.acts:
        used.update(_WORD.findall(f"{act.script} {act.on}"))
    given: dict[str, str | None] = {each.name: each.value for each in record.params}
    given |= {act.name: act.value for act in record.acts if act.kind == "ask"}
    given |= dict.fromkeys(record.secrets)
    captured = {act.capture.name if act.capture else act.captures for act in record.acts}
    fitting = [name for name in given if name in used - captured and _passes(names.variable, name)]
    return {name: given[name] for name in fitting[:MOST_PARAMS]}


def command_of(act: Act, record: RunRecord, back: Heading | None) -> str:
    """Give the command that began, as a fence, and what it must print; `back` is the step that undoes it, if that is on the page."""
    command = quoting.command(
        act.script, act.language, on=act.on or LOCAL, mutates=act.mutates,
        rollback=back.anchor if back and act.mutates else "", capture=captured(act, record),
        batch=act.batch, timeout=act.timeout / 1000, sudo=act.sudo,
    )  # fmt: skip
    expect = rewriting.expected(act.expect) if is_run(command) else ""
    return f"{command}\n\n{expect}".rstrip("\n")


def is_run(command: str) -> bool:
    """Tell whether a fence is one that is run."""
    return command.startswith("<!--")


class Again:
    """What a step asks and does, once each, as it is asked and done once more: by the acts in which that was done, in their order."""

    def __init__(self, record: RunRecord, find: Callable[[str], Heading | None]) -> None:
        self._record, self._find = record, find
        self._said: set[str] = set()
        self._captured: set[str] = set()

    def of(self, act: Act) -> str:
        """Give the paragraph or fence of an act, "" if it has none or that was given before."""
        said = rewriting.asked(act, self._find, self._captured)
        if not said and act.what == BEGAN and act.script.strip():
            back = self._find(act.rollback) if act.rollback != act.step else None
            said = command_of(act, self._record, back)
            if is_run(said):
                self._captured.add(captured(act, self._record))
        if said in self._said:
            return ""
        self._said.add(said)
        return said


def captured(act: Act, record: RunRecord) -> str:
    """Give the name that what an action printed was given, "" if none."""
    same = (
        each.capture.name
        for each in record.acts
        if each.what == ENDED and (each.step, each.part) == (act.step, act.part) and each.capture
    )
    name = act.captures or next(same, "")
    return name if _passes(names.variable, name) else ""


def _param(name: str, default: str | None) -> str:
    """Give the line of a parameter; a default that cannot stand in one line is left out."""
    more = ", secret: true" if default is None else ""
    if default is not None and quoting.one_line(default) == default:
        more = f", default: {quoting.value(default)}"
    return f"  {name}: {{ask: {quoting.value(f'What is {name}?')}{more}}}"


def bare(title: str) -> str:
    """Give a title without its own number."""
    found = anchors.NUMBER.match(title)
    return title[found.end() :] if found else title


def _passes(check: Callable[[str], str], value: str) -> bool:
    try:
        return bool(check(value))
    except ConfigError:
        return False
