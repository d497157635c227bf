"""A runbook while it is followed: steps, what would run where, what came of it, and how a question is put."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from opskit.cli.render import terminal, text
from opskit.runbook.parts import name_of
from opskit.runbook.talk import CameTo, Known, Said, Shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TextIO

    from opskit.runbook.ends import HostEnd
    from opskit.runbook.liabilities import Liability
    from opskit.runbook.model import Action, Runbook, Step
    from opskit.runbook.parts import Done
    from opskit.runbook.talk import Question

    Say = Callable[..., None]

BAR = "  | "
LINK = re.compile(r"\[([^\[\]]*)\]\(<?([^()\s<>]*)>?(?:\s+\"[^\"]*\")?\)")
BOLD = re.compile(r"\*\*([^*]+)\*\*")
QUOTE = re.compile(r"^\s*>\s?")
ALERT = re.compile(r"\s*>\s*\[!([A-Z]+)\]\s*$")
ALERTS = {"CAUTION": "red", "NOTE": "cyan", "TIP": "cyan"}
KEYS: Mapping[str, tuple[str, str]] = {
    "go": ("", "go on"),
    "yes": ("y", "yes"),
    "no": ("n", "no"),
    "await": ("w", "wait until it has ended"),
    "again": ("r", "run it again"),
    "rest": ("f", "run it only where it did not end well"),
    "mark": ("m", "mark it as done, with a reason"),
    "undo": ("u", "undo it"),
    "anew": ("n", "begin the step anew"),
    "skip": ("s", "skip the rest of this step but a decision at its end, with a reason"),
    "back": ("b", "back to the step before; from the first one, to the values that it began with"),
    "shell": ("o", "open a shell on the host"),
    "abort": ("a", "abort the run"),
    "leave": ("q", "leave; the run is kept, and can be resumed"),
}
"""The letter of each answer, and what it means."""
SHORT: Mapping[str, str] = {
    "await": "wait for it", "again": "again", "rest": "failed hosts", "mark": "mark", "undo": "undo", "anew": "anew", "skip": "skip", "back": "back",
    "shell": "shell", "abort": "abort", "leave": "leave", "yes": "yes", "no": "no",
}  # fmt: skip
ENTER: Mapping[str, str] = {
    "act": "do it", "read": "go on", "check": "it is so", "wait": "wait on", "undo": "put it back", "changed": "go on as it is",
}  # fmt: skip


def shown(say: Say, fact: CameTo | Said | Known | Shown) -> None:
    """Show what stands in the page, or is known of it."""
    match fact:
        case CameTo():
            step(say, fact.step, fact.number, fact.of)
        case Said():
            prose(say, fact.text)
        case Known():
            known(say, fact.what, fact.done)
        case Shown():
            action(say, fact.action, fact.hosts)
            if fact.said:
                say(f"  {fact.said}", colour="yellow", wrap=True)


def step(say: Say, which: Step, number: int, of: int) -> None:
    """Show that the run comes to a step."""
    say()
    say(f"Step {number} of {of}: {name_of(which)}", bold=True, wrap=True)


def prose(say: Say, words: str) -> None:
    """Show what is only read."""
    say()
    for each in words.strip("\n").splitlines():
        alert = ALERT.match(each)
        colour = ALERTS.get(alert[1], "yellow") if alert else ""
        say(f"{alert[1]}:" if alert else plain(each), colour=colour, bold=bool(alert), wrap=True)


def drawn(say: Say, said: Said, stream: TextIO) -> None:
    """Show what is only read as Markdown that is drawn; an alert as what it is."""
    from opskit.cli.render import drawing
    from opskit.runbook.values import fill

    for is_alert, lines in _alerts(said.page.strip("\n").splitlines()):
        if is_alert:
            prose(say, fill("\n".join(lines), said.values))
        elif any(line.strip() for line in lines):
            say()
            here = LINK.sub(lambda it: it[1] if it[2].startswith("#") else it[0], "\n".join(lines))
            with contextlib.suppress(OSError):
                drawing.draw(here, stream=stream, fill=lambda text: fill(text, said.values))


def _alerts(lines: Sequence[str]) -> list[tuple[bool, list[str]]]:
    """Give lines in groups, each with whether it is an alert."""
    found: list[tuple[bool, list[str]]] = []
    for line in lines:
        begins = bool(ALERT.match(line))
        goes_on = bool(found) and found[-1][0] and line.lstrip().startswith(">")
        if begins or not found or found[-1][0] is not goes_on:
            found.append((begins or goes_on, []))
        found[-1][1].append(line)
    return found


def plain(words: str) -> str:
    """Give a line of Markdown as it is read: links by what they are called, with their address if that leads out of the page."""
    words = LINK.sub(lambda it: it[1] if it[2].startswith("#") else f"{it[1]} <{it[2]}>", words)
    return BOLD.sub(r"\1", QUOTE.sub("  ", words))


def action(say: Say, which: Action, hosts: Sequence[str]) -> None:
    """Show a command, and what is to be known of it before it runs."""
    say()
    for line in which.text.rstrip("\n").splitlines():
        say(f"{BAR}{line}", colour="cyan")
    say(f"  {facts(which, hosts)}", wrap=True)


def facts(which: Action, hosts: Sequence[str]) -> str:
    """Say where a command runs, how, and what it does to the world."""
    from opskit.fleet.selectors import fold

    here = tuple(hosts) == ("local",)
    said = ["on this machine" if here else f"on {fold(hosts)}"]
    said += [f"by sudo as {which.sudo}"] if which.sudo and not here else []
    said += [f"{which.batch} at a time"] if which.batch and len(hosts) > which.batch else []
    said += [f"as {which.language}"] if which.language != "sh" else []
    said.append("changes something" if which.mutates else "changes nothing")
    said += [f"undone by {which.rollback}"] if which.rollback and which.mutates else []
    said += (
        [f"must print {which.expect.kind} `{which.expect.text.strip()}`"] if which.expect else []
    )
    said.append(f"at most {text.duration(which.timeout)}")
    return "; ".join(said)


def known(say: Say, what: str, done: Done) -> None:
    """Show what of a step was dealt with before, and by whom."""
    from datetime import UTC, datetime

    at = datetime.fromtimestamp(done.at_ms / 1000, UTC).astimezone()
    why = f": {done.why}" if done.why else f": {done.value}" if done.value else ""
    say(
        f"  {done.status} {at:%H:%M} by {done.actor}: {what}{why}",
        colour="bright_black",
        wrap=True,
    )


def ended(say: Say, results: Sequence[HostEnd]) -> None:
    """Show what came of a command: a line for hosts of which the same is to be said."""
    groups: dict[tuple[str, str, str], list[HostEnd]] = {}
    for each in results:
        groups.setdefault((each.outcome, each.error, each.hint), []).append(each)
    for (word, error, hint), ends in groups.items():
        _ends(say, word, f": {error}" if error else "", ends)
        for line in hint.splitlines():
            say(f"    {line}", wrap=True)


def _ends(say: Say, word: str, why: str, ends: Sequence[HostEnd]) -> None:
    from opskit.fleet.selectors import fold

    names = [end.name for end in ends]
    where = "here" if names == ["local"] else f"on {fold(names)}"
    status = text.Status("unreachable" if word == "unreachable" else word)
    took = text.duration(max(end.ms for end in ends) / 1000)
    say(f"  {status.text()} {where} in {took}{why}", colour=status.colour, wrap=True)


def owed(
    say: Say, liabilities: Sequence[Liability], title: Callable[[str], str], book: Runbook
) -> None:
    """Show what the run has done and nobody has put back, the last first."""
    from opskit.fleet.selectors import fold
    from opskit.runbook.undo import with_values

    say()
    say(
        f"still open, {text.plural(len(liabilities), 'thing')} to put back:",
        colour="red",
        bold=True,
    )
    for each in liabilities:
        at = "" if each.hosts in ((), ("local",)) else f" on {fold(each.hosts)}"
        at += with_values(book, each)
        say(f"  {title(each.step)}{at}; put back by: {title(each.rollback)}", wrap=True)


def prompt(question: Question) -> str:
    """Give the line that asks: what Enter means, and a letter for each other answer."""
    said = []
    if "go" in question.keys:
        said.append(f"Enter {ENTER.get(question.kind, 'go on')}")
    if "text" in question.keys and question.kind != "caution":
        said.append(f"Enter {question.default!r}" if question.default else "type an answer")
    if "choice" in question.keys:
        said.append(f"1-{len(question.choices)}")
    colon = ":" if "text" in question.keys else ""
    said += [f"{colon}{KEYS[key][0]} {SHORT[key]}" for key in question.keys if key in SHORT]
    said.append(f"{colon}? help")
    return " · ".join(said)


def ask(say: Say, question: Question) -> None:
    """Show what is asked, above the line on which it is answered."""
    if question.problem:
        say(f"  {question.problem}", colour="yellow", wrap=True)
    if question.kind in ("act", "caution") and question.action is not None:
        if not question.problem:
            action(say, question.action, question.hosts)
    elif question.text:
        say()
        name = f"{question.wanted}: " if question.kind in ("ask", "param") else ""
        say(f"{LABELS.get(question.kind, '')}{name}{plain(question.text)}", bold=True, wrap=True)
    leads = question.leads or ("",) * len(question.choices)
    for number, (choice, lead) in enumerate(zip(question.choices, leads, strict=True), 1):
        say(f"  {number} {choice.label}{f' → {lead}' if lead else ''}", wrap=True)
    if question.kind == "caution":
        what = "CAUTION: to run it" if question.action else "to go on"
        say(f"  {what}, type: {question.wanted}", colour="yellow", wrap=True)


LABELS: Mapping[str, str] = {
    "ask": "? ", "param": "? ", "secret": "? ", "confirm": "Confirm: ", "decide": "Decide: ", "check": "[ ] ", "evidence": "[ ] ",
    "caution": "CAUTION: ", "undo": "put back: ", "wait": "waiting: ",
}  # fmt: skip


def help_lines(question: Question) -> list[str]:
    """Give what each answer to a question means, a line for each."""
    colon = ":" if "text" in question.keys else ""
    lines = []
    for key in question.keys:
        if key in KEYS:
            letter, meaning = KEYS[key]
            meaning = ENTER.get(question.kind, meaning) if key == "go" else meaning
            lines.append(f"  {f'{colon}{letter}' if letter else 'Enter':<6} {meaning}")
    if "text" in question.keys:
        lines.insert(0, "  anything else is the answer; a line that begins with : is one of these")
    lines.append("  Ctrl-C  asks what to do; twice leaves the run, which can be resumed")
    return lines


def line(words: str) -> str:
    """Give a line as it may be shown where somebody types behind it."""
    return terminal.signs(terminal.visible(words, one_line=True))
