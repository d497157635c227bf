"""Choosing by number what a rollback goes to, for the moment in which nobody remembers names."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opskit.cli.render import terminal, text
from opskit.errors import RefusedError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.cli.session import Session
    from opskit.config.service import Service
    from opskit.rollout.candidates import Candidate

MOST = 20


def chosen(session: Session, service: Service, to: str | None, *, pick: bool) -> str:
    """Give what was named, or what is picked from a list; "" for what was last good on each host.

    Raises UsageError, and RefusedError if nobody picks one or is there to do so.
    """
    if to is not None and pick:
        raise UsageError("--to names a release and --pick asks for one", hint="leave out one")
    if to is not None and not to.strip():
        raise UsageError("--to names no release", hint=f"opskit rollback {service.name} --pick")
    return _picked(session, service) if pick else (to or "").strip()


def _picked(session: Session, service: Service) -> str:
    from opskit.rollout.candidates import candidates
    from opskit.rollout.targets import survey

    found = survey(session.fleet, session.hosts, path=service.path)
    shown = candidates(found.states, session.changelog, service)[:MOST]
    if not shown:
        raise RefusedError(
            "there is nothing to go back to", hint="deploy a version that works: opskit deploy"
        )
    for line in lines(shown, len(found.states), datetime.now(UTC), terminal.screen_width()):
        text.mention(line)
    if not terminal.is_answerable():
        raise RefusedError(
            "nobody is there to pick a release", hint="name one: --to REVISION|LABEL|RELEASE"
        )
    return shown[_number(len(shown)) - 1].name


def lines(shown: Sequence[Candidate], hosts: int, now: datetime, width: int) -> list[str]:
    """Give two lines for each: what it is, how old and how good; whose it was, and why."""
    said = []
    for number, one in enumerate(shown, 1):
        age = text.ago(one.at, now) if one.at else "of unknown age"
        live = f", live on {one.live}" if one.live else ""
        first = f"{number:>2}  {one.title}  {age}  {_standing(one)}  on {one.there} of {text.plural(hosts, 'host')}{live}"
        whose = (
            f"{one.actor}: {one.why or 'no reason given'}"
            if one.actor
            else "not in this changelog"
        )
        more = [f"cannot be taken back: {one.irreversible}"] if one.irreversible else []
        more += [f"refused without --past-irreversible: {one.over}"] if one.over else []
        said += [first, *(f"    {line}" for line in (whose, *more))]
    return [text.cut(terminal.visible(line, one_line=True), width) for line in said]


def _standing(one: Candidate) -> str:
    if one.good and one.bad:
        return f"good on {one.good}, bad on {one.bad}"
    return "good" if one.good else "BAD"


def _number(most: int) -> int:
    """Ask until a number is typed; raises RefusedError for none."""
    while True:
        sys.stderr.write(f"back to which? [1-{most}, Enter for none]: ")
        sys.stderr.flush()
        answer = sys.stdin.readline()
        if not answer.strip():
            raise RefusedError("no release was picked; nothing was changed")
        if answer.strip().isdecimal() and 1 <= int(answer) <= most:
            return int(answer)
        text.mention(f"please type a number from 1 to {most}")
