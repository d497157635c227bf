"""A bisection as people and programs read it: each step as it goes, and in the end the commit, whom to ask, and what brought it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, TypedDict

from opskit.cli.render import envelope, terminal, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.blame.bisect.hunt import Hunted
    from opskit.blame.bisect.record import Bisection, Tested
    from opskit.blame.bisect.search import Next, Range

EXITS = {"found": 0, "unclear": 3, "refused": 5}
SHA = 10
SHOWN_OUTPUT = 5
COLOURS = {"good": "green", "bad": "red", "skip": "yellow"}


class Suspect(TypedDict):
    """What is told of a commit that may have broken it."""

    sha: str
    subject: str
    author: str
    rollouts: list[str]


def question(one: Bisection, now: Next) -> str:
    """Ask whether to begin."""
    where = f"deploy to {one.host}, about {now.steps + 2} times," if one.host else f"try about {now.steps + 2} commits here"  # fmt: skip
    return f"{where} to find which of {text.plural(now.left, 'commit')} broke it?"


def planned(one: Bisection, now: Next, *, as_json: bool) -> int:
    """Show what would be done; gives the exit code."""
    if as_json:
        data = {"good": one.good, "bad": one.bad, "host": one.host, "on_host": one.on_host, "next": now.try_, "left": now.left, "steps": now.steps}  # fmt: skip
        return envelope.show("bisect", {"plan": data})
    place = f"on {one.host}" if one.host else "in a folder here"
    _say(f"bisect {one.service} {place}: {text.plural(now.left, 'commit')} after {one.good[:SHA]}, up to {one.bad[:SHA]}")  # fmt: skip
    _say(f"the check runs on {one.host if one.on_host else 'this machine'}: {one.check}")
    _say(f"first the two ends, then about {text.plural(now.steps, 'step')}, the first with {now.try_[:SHA] or 'nothing'}")  # fmt: skip
    return 0


def begins(one: Bisection, *, as_json: bool) -> None:
    """Say what it is called, so that somebody can go on with it."""
    if not as_json:
        text.mention(f"bisection {one.id}; if it is killed: opskit bisect --resume {one.id}")


def trying(where: Range, sha: str, left: str, *, as_json: bool) -> None:
    """Say which commit is tried now, and how many are left."""
    if not as_json:
        _say(f"\n{sha[:SHA]} {_of(where, sha)[0]}: {left}", bold=True)


def tested(one: Tested, *, as_json: bool) -> None:
    """Say what came of a test."""
    if as_json:
        return
    code = f" (exit code {one.exit})" if one.exit > 0 else ""
    reason = f": {one.reason}" if one.reason else code
    _say(f"{one.sha[:SHA]} {'cannot be tested' if one.word == 'skip' else f'is {one.word}'}{reason}", colour=COLOURS[one.word])  # fmt: skip
    for line in one.output.splitlines()[-SHOWN_OUTPUT:] if one.word != "good" else ():
        _say(f"  | {line}")


def stopped(one: Bisection, *, as_json: bool) -> None:
    """Say how to go on."""
    if not as_json:
        text.mention(f"to go on: opskit bisect --resume {one.id}", colour="yellow")


def ended(one: Bisection, *, as_json: bool) -> int:
    """Say that everything is as it was; gives the exit code."""
    if as_json:
        return envelope.show("bisect", {"id": one.id, "outcome": "stopped"})
    _say(f"bisection {one.id} is stopped" + (f"; {one.host} is as it was" if one.host else ""))
    return 0


def over(one: Bisection, *, as_json: bool) -> int:
    """Say that it was over before, and nothing is to be put back; gives the exit code."""
    if as_json:
        return envelope.show("bisect", {"id": one.id, "outcome": one.outcome})
    _say(f"bisection {one.id} is over: {one.outcome}; nothing is left to put back")
    return 0


def page(one: Bisection) -> None:
    """Show all that the changelog knows of a bisection."""
    place = one.host or "a folder"
    _say(f"bisect {one.service} on {place}: {one.outcome or 'not over'}", bold=True)
    for name, value in (
        ("bisection", one.id),
        ("where", one.environment),
        ("good", one.good),
        ("bad", one.bad),
        ("check", f"on {one.host}: {one.check}" if one.on_host else one.check),
        ("ran", one.was.title if one.host else ""),
        ("rollouts", ", ".join(sorted(one.rollouts))),
        ("broken by", ", ".join(one.suspects)),
        ("next", f"opskit bisect --resume {one.id}" if one.is_open else ""),
    ):
        if value:
            _say(f"  {name:<10} {value}")
    for test in one.tests:
        tested(test, as_json=False)


def show(
    one: Bisection,
    found: Hunted,
    tests: Sequence[Tested],
    told: Sequence[Suspect],
    *,
    as_json: bool,
) -> int:
    """Show the first bad commit, whom to ask, and the rollouts that brought it; gives the exit code."""
    code = EXITS[found.outcome]
    if as_json:
        data = {"id": one.id, "outcome": found.outcome, "reason": found.reason, "host": one.host, "suspects": told, "tests": list(tests)}  # fmt: skip
        return envelope.show("bisect", data, exit_code=code)
    answer(one, found, told)
    return code


def answer(one: Bisection, found: Hunted, told: Sequence[Suspect]) -> None:
    """Say which commit it was, whom to ask, what brought it, and how that is written down; or why nobody knows."""
    for line in _lines(one, found, told):
        _say(line, bold=not line.startswith(" "))


def suspect(where: Range, sha: str, rollouts: Sequence[str]) -> Suspect:
    """Give what is told of a commit that may have broken it: whom to ask, and the `rollouts` that brought it."""
    subject, author = _of(where, sha)
    return {"sha": sha, "subject": subject, "author": author, "rollouts": list(rollouts)}


def _lines(one: Bisection, found: Hunted, told: Sequence[Suspect]) -> Iterator[str]:
    if found.outcome == "refused":
        yield f"\nnothing was searched: {found.reason}"
        return
    if found.outcome == "unclear":
        yield f"\none of {len(told)} commits broke it; all but the first cannot be tested"
    for each in told:
        sha, names = each["sha"][:SHA], each["rollouts"]
        yield f"{'' if found.outcome == 'unclear' else chr(10)}{sha} {each['subject']}{' broke it' if found.outcome == 'found' else ''}"  # fmt: skip
        yield f"  ask       {each['author']}"
        yield f"  brought   by {', '.join(names)}: opskit log {names[0]}" if names else "  brought   by no rollout that the changelog knows"  # fmt: skip
        if names and found.outcome == "found":
            why = f"bisection {one.id}: {sha} broke it"
            yield f"  say so    {shlex.join(['opskit', 'verdict', names[0], 'guilty', '-m', why])}"


def _of(where: Range, sha: str) -> tuple[str, str]:
    """Give the subject and the author of a commit, "" if git does not know it."""
    from opskit.blame.bisect.search import about

    return about(where.repository, sha)


def _say(line: str, *, bold: bool = False, colour: str = "") -> None:
    first = "\n" if line.startswith("\n") else ""
    text.say(first + terminal.visible(line.removeprefix("\n"), one_line=True), bold=bold, colour=colour)  # fmt: skip
