"""Whoever sits at the terminal and follows a runbook: shown what is next, asked, and heard."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import termios
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.cli.render import streams, terminal, text, walking
from opskit.runbook import talk
from opskit.runbook.parts import by_id, name_of
from opskit.runbook.showing import span
from opskit.runbook.talk import (
    ABORT,
    BACK,
    CHOICE,
    GO,
    LEAVE,
    SHELL,
    SKIP,
    TEXT,
    EndedBySignal,
    LeftError,
    Question,
    Reply,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from opskit.cli.runbook.signals import Signals
    from opskit.fleet.inventory import Inventory
    from opskit.runbook.model import Runbook

LOOK = 0.2
LONGEST_LINE = 64 * 1024


class Person:
    """The terminal. With `as_json`, everything is shown on standard error: standard output is the document's."""

    def __init__(
        self, book: Runbook, inventory: Inventory, signals: Signals, *, as_json: bool
    ) -> None:
        self._book = book
        self._inventory = inventory
        self._signals = signals
        self._say = text.mention if as_json else text.say_on
        self._stream = sys.stderr if as_json else sys.stdout
        self._folds = False
        self._waits = self._letter = ""

    def tell(self, fact: talk.Fact) -> None:
        """Show something."""
        match fact:
            case talk.Ended():
                if self._folds:
                    streams.folded(self._say, fact.results)
                walking.ended(self._say, fact.results)
            case talk.Owed(liabilities):
                walking.owed(self._say, liabilities, self._title, self._book)
            case talk.Warned(what):
                self._say(f"  {what}", colour="yellow", wrap=True)
            case talk.Said() if terminal.is_terminal(self._stream):
                walking.drawn(self._say, fact, self._stream)
            case _:
                walking.shown(self._say, fact)

    def ask(self, question: Question) -> Reply:
        """Let somebody answer, until it is one of the question's answers; raises LeftError."""
        while True:
            try:
                walking.ask(self._say, question)
                reply = self._answer(question)
            except EndedBySignal:
                raise LeftError(interrupted=True) from None
            except KeyboardInterrupt:
                reply = self._menu(question)
            if reply is not None:
                return reply
            question = replace(question, problem="")

    @contextlib.contextmanager
    def watching(self, hosts: Sequence[str]) -> Iterator[Callable[[str, str, bytes], None]]:
        """Give what shows the output of a command on these hosts while it runs."""
        with streams.watching(self._say, hosts) as taking:
            yield taking.take
        self._folds = len(hosts) > 1

    def rest(self, seconds: float, what: str) -> bool:
        """Wait, showing that; tells whether the time has passed. Raises LeftError."""
        if not what or what != self._waits:
            self._waits = what
            about = f": {walking.plain(what)}" if what else ""
            self._say(
                f"  waits {span(round(seconds, 1))}{about}  (Ctrl-C asks what to do)", wrap=True
            )
        until = time.monotonic() + seconds
        try:
            with self._signals.listening():
                while (left := until - time.monotonic()) > 0:
                    time.sleep(min(left, LOOK))
        except EndedBySignal:
            raise LeftError(interrupted=True) from None
        except KeyboardInterrupt:
            text.mention()
            return False
        return True

    def shell(self, host: str, env: Mapping[str, str]) -> None:
        """Open a shell on a host, or on this machine, for as long as somebody wants it."""
        from opskit.fleet.interactive import ssh_line

        known = self._inventory.hosts.get(host)
        line = ssh_line(known) if known else [os.environ.get("SHELL") or "/bin/sh"]
        self._say(f"  a shell on {host}; leave it with Ctrl-D or exit", colour="cyan")
        plain = {**os.environ, **({} if known else env)}
        with self._signals.left_to_others():
            try:
                code = subprocess.run(line, env=plain, check=False).returncode
            except OSError as error:
                self._say(f"  {line[0]} cannot be run: {error.strerror}", colour="yellow")
                return
        how = "" if code == 0 else f"; {Path(line[0]).name} ended with status {code}"
        self._say(f"  back from {host}{how}", colour="yellow" if how else "cyan")

    def _title(self, step: str) -> str:
        found = by_id(self._book.steps, step)
        return name_of(found) if found else step

    def _answer(self, question: Question) -> Reply | None:
        """Read one answer; None if something was told instead, or it was none."""
        if question.kind == "secret":
            return self._secret(question)
        text.mention(walking.prompt(question), colour="bright_black", wrap=True)
        typed = self._line("> ")
        if TEXT in question.keys and not typed.startswith(":"):
            return Reply(TEXT, typed) if self._is_meant(question, typed) else None
        self._letter = ""
        return self._chosen(question, typed.removeprefix(":").strip())

    def _is_meant(self, question: Question, typed: str) -> bool:
        """Tell whether a text is the answer: a letter that stands for something else where no text is asked for is typed twice."""
        once, self._letter = self._letter, typed.strip()
        short = walking.SHORT
        known = {walking.KEYS[key][0]: short[key] for key in question.keys if key in short}
        known["?"] = "help"
        if self._letter not in known or once == self._letter:
            return True
        means = known[self._letter]
        said = f"if {self._letter} is the answer, type it once more; :{self._letter} is {means}"
        self._say(f"  {said}", colour="yellow", wrap=True)
        return False

    def _chosen(self, question: Question, typed: str) -> Reply | None:
        """Give the answer that a letter, with a reason behind it, stands for."""
        if CHOICE in question.keys and (label := _label(question, typed)):
            return Reply(CHOICE, label)
        letter, _, reason = typed.partition(" ")
        if letter == "?":
            for each in walking.help_lines(question):
                self._say(each, wrap=True)
            return None
        known = [key for key in question.keys if key in walking.KEYS]
        letters = {walking.SHORT[key]: key for key in known if key in walking.SHORT}
        letters |= {walking.KEYS[key][0]: key for key in known}
        key = letters.get(letter.lower())
        if key is None:
            self._say(
                f"  {typed or 'nothing'!r} is no answer here; ? tells which are", colour="yellow"
            )
            return None
        return self._with_reason(question, key, reason.strip())

    def _with_reason(self, question: Question, key: str, reason: str) -> Reply | None:
        if key in talk.REASONED:
            while not reason:
                reason = self._line(f"why {walking.SHORT[key]}? > ").strip()
        if key == SHELL and len(question.hosts) > 1:
            reason = self._which(question.hosts, reason)
        return Reply(key, reason[:2000])

    def _which(self, hosts: Sequence[str], host: str) -> str:
        while host not in hosts:
            self._say(f"  hosts: {' '.join(hosts)}", wrap=True)
            host = self._line("which host? > ").strip()
        return host

    def _menu(self, question: Question) -> Reply | None:
        """Ask what to do after a Ctrl-C; None for back to the question. A second one leaves the run."""
        text.mention()
        keys = tuple(k for k in question.keys if k in (SKIP, BACK, SHELL, ABORT, LEAVE))
        keys = keys if LEAVE in keys else (*keys, LEAVE)
        asked = Question("menu", "what now?", (GO, *keys), question.step, hosts=question.hosts)
        try:
            walking.ask(self._say, asked)
            reply = self._answer(asked)
        except KeyboardInterrupt:
            raise LeftError(interrupted=True) from None
        if reply is not None and reply.key == LEAVE and LEAVE not in question.keys:
            raise LeftError
        return None if reply is None or reply.key == GO else reply

    def _line(self, shown: str) -> str:
        """Read a line; raises LeftError where the terminal has ended."""
        sys.stdout.flush()
        with contextlib.suppress(
            termios.error, ValueError
        ):  # a line that was typed before the question is no answer to it
            termios.tcflush(0, termios.TCIFLUSH)
        sys.stderr.write(walking.line(shown))
        sys.stderr.flush()
        typed = self._read()
        if not typed:
            text.mention()
            raise LeftError
        return typed.decode("utf-8", "replace").rstrip("\r\n")

    def _read(self) -> bytes:
        """Give the next line of the terminal, which gives one at a time; b"" at its end."""
        import select

        with self._signals.listening():
            while not select.select([0], [], [], LOOK)[0]:
                pass
            try:
                return os.read(0, LONGEST_LINE)
            except OSError:  # the terminal is gone
                return b""

    def _secret(self, question: Question) -> Reply:
        """Let somebody type what nobody sees."""
        import getpass

        with self._signals.listening():
            try:
                return Reply(TEXT, getpass.getpass(walking.line(f"{question.wanted}: ")))
            except EOFError:
                raise LeftError from None


def _label(question: Question, typed: str) -> str:
    """Give the label of the choice that was typed, by its number or in its words; "" if none was."""
    labels = [choice.label for choice in question.choices]
    if typed.isdecimal() and len(typed) < 6 and 0 < int(typed) <= len(labels):
        return labels[int(typed) - 1]
    return next((label for label in labels if label.lower() == typed.lower()), "")
