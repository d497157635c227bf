"""What happened in a step of a run, in the words that its log and its report have in common."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from opskit.changelog.runrecords import ANSWERED, BEGAN, CLEARED, MARKED, SKIPPED, UNDONE, WENT

if TYPE_CHECKING:
    from opskit.changelog.runrecords import Act, RunRecord

LONGEST = 80
"""Characters that are shown of a value."""
UNHEARD = "something that this opskit does not know"
HOW = {
    "back": "went back to",
    "jump": "jumped to",
    "decide": "decided for",
    "wait": "waited in vain, went to",
    "undo": "puts it back by",
}


def number_of(record: RunRecord, step: str) -> str:
    """Give a step with its number on the page, and its title: `step 2 (Drain the slow server)`."""
    ids = [each.id for each in record.steps]
    number = f" {ids.index(step) + 1}" if step in ids else ""
    title = bare(record.title_of(step))
    return f"step{number} ({title})" if title else f"step{number}"


def bare(title: str) -> str:
    """Give the title of a step without the number that its heading has."""
    return re.sub(r"^[0-9]+[.)]? +", "", title)


def limits(act: Act) -> str:
    """Give as whom a command was run, on how many hosts at once and for how long at most: `, as root, 2 at a time, at most 30 s`."""
    as_whom = f", as {act.sudo}" if act.sudo else ""
    batch = f", {act.batch} at a time" if act.batch else ""
    return f"{as_whom}{batch}{f', at most {act.timeout / 1000:g} s' if act.timeout else ''}"


def pair(name: str, value: str) -> str:
    """Give a value with its name, quoted as a shell would want it, on one line: `notice='Back at ten'`."""
    line = " ".join(value.split())
    short = line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
    return f"{name}={shlex.quote(short)}"


def of(record: RunRecord, act: Act) -> str:
    """Give what somebody said or decided in a step; of a command, what it is called."""
    why = f": {act.why}" if act.why else ""
    asked = " ".join(filter(None, (act.kind, act.name))) or "answer"
    question = f" ({act.text})" if act.text else ""
    words = {
        BEGAN: f"began to wait {act.awaited.most / 1000 if act.awaited else 0:g} s",
        ANSWERED: f"{asked}{question}: {'(secret, kept nowhere)' if act.secret else act.value}",
        SKIPPED: f"skipped{why}",
        MARKED: f"done by hand{why}",
        CLEARED: f"nothing is left to be undone{why}",
        WENT: f"{HOW.get(act.how, 'went to')} {number_of(record, act.to)}{question}{why}",
        UNDONE: f"undone by {number_of(record, act.rollback)}" if act.rollback else "undone",
    }
    return words.get(act.what, act.what or UNHEARD)
