"""A fence that is run, from its text and attributes: what cannot work in its language is refused before anything is run."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from opskit.errors import ConfigError
from opskit.runbook.model import LANGUAGES, LOCAL, OPSKIT, PYTHON, REGEX, SH, TASK, Action, Expect
from opskit.runbook.names import USED
from opskit.runbook.patterns import pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.runbook.attributes import Attributes

TIMEOUT = 600.0
LONGEST = 4000
"""Characters of a command line that no shell reads."""
BIDI = re.compile("[\u202a-\u202e\u2066-\u2069]")
_VALUED = ("-e", "--env", "-H", "--hosts", "-m", "--why", "--timeout", "--override-freeze", "--sudo-user")  # fmt: skip
"""Options of `opskit exec` whose value is the next word."""
_OF_SHELLS = re.compile(r"[|&;<>]+|[0-9]*[<>]+&?[0-9]*")


def action(line: int, language: str, text: str, said: Attributes, *, rollback: str) -> Action:
    """Give the action of a fence; `rollback` is the id of the step that it names. Raises ConfigError."""
    runs = LANGUAGES.get(language)
    if runs is None:
        raise ConfigError(
            f"{language!r} cannot be run" if language else "the fence says no language",
            hint=f"what can be run: {', '.join(dict.fromkeys(LANGUAGES))}; take the comment away if it is only shown",
        )
    on = said.on or LOCAL
    _check_place(runs, on, said)
    _check_text(runs, text)
    return Action(
        line, runs, text, on,
        batch=said.batch or 0,
        timeout=said.timeout or TIMEOUT,
        capture=said.capture,
        mutates=said.mutates is not False,
        rollback=rollback,
        sudo=said.sudo,
    )  # fmt: skip


def expect(line: int, text: str, kind: str) -> Expect:
    """Give what a fence must print; raises ConfigError for a regular expression that is none."""
    wanted = text.removesuffix("\n")
    return Expect(kind, pattern(wanted) if kind == REGEX else wanted, line)


def command_words(text: str) -> tuple[str, ...]:
    """Give the words of a fence that is one command line without a shell; it may go on behind a backslash, and below lines of `#`.

    `$NAME` stands in them as it was written. Raises ConfigError for several lines and for what only a shell can do.
    """
    if len(text) > LONGEST:
        raise ConfigError(f"a command line is at most {LONGEST} characters long", hint="make it a fence of `sh`")  # fmt: skip
    kept = [line for line in text.split("\n") if not line.lstrip().startswith("#")]
    joined = "\n".join(kept).replace("\\\n", " ").strip()
    if "\n" in joined:
        raise ConfigError("expected one command line", hint="one fence for each command")
    lexer = shlex.shlex(joined, posix=False, punctuation_chars=True)
    lexer.whitespace_split, lexer.commenters = True, ""
    try:
        operators = [word for word in lexer if _OF_SHELLS.fullmatch(word)]
        words = tuple(shlex.split(joined))
    except ValueError:
        raise ConfigError("a quote is not closed") from None
    if operators or "`" in joined or "$(" in joined:
        sign = operators[0] if operators else "`" if "`" in joined else "$("
        raise ConfigError(f"`{sign}` is for a shell, and none runs this", hint="make it a fence of `sh`")  # fmt: skip
    return words


def _check_place(runs: str, on: str, said: Attributes) -> None:
    if runs in (PYTHON, OPSKIT) and on != LOCAL:
        what = "Python" if runs == PYTHON else "an opskit command"
        hint = (
            "opskit takes hosts as an option" if runs == OPSKIT else "hosts need no Python; use sh"
        )
        raise ConfigError(f"{what} runs on this machine, and not on {on[:60]}", hint=hint)
    if runs == TASK and on == LOCAL:
        raise ConfigError("on which hosts does the task run?", hint="<!-- opskit: on=@web -->")
    if runs == TASK and said.sudo not in ("", "root"):
        raise ConfigError("a task itself says as whom it does what", hint="take `sudo` away")


def _check_text(runs: str, text: str) -> None:
    if not text.strip():
        raise ConfigError("there is nothing to run")
    if BIDI.search(text):
        raise ConfigError(
            "a sign that turns the direction of writing: it would not run as it reads"
        )
    if runs in (SH, PYTHON):
        return
    words = command_words(text)
    if not words:
        raise ConfigError("there is nothing to run")
    if runs == TASK:
        _check_options(words)
    elif words[0] != "opskit" or len(words) < 2:
        raise ConfigError("expected one line that begins with `opskit`")
    else:
        _check_pasted(words[1:])


def command_of_exec(words: Sequence[str]) -> tuple[str, ...]:
    """Give what of `exec -H web01 COMMAND` a shell runs, nothing of another command; `words` are those behind `opskit`."""
    rest = list(words[1:]) if words[:1] == ("exec",) else []
    while rest and rest[0].startswith("-"):
        word = rest.pop(0)
        if word == "--":
            break
        del rest[: word in _VALUED]
    return tuple(rest)


def _check_pasted(words: Sequence[str]) -> None:
    """Raise ConfigError where a value would become a command of opskit's, or part of a line that a shell runs."""
    pasted = next(
        (USED.search(word) for word in command_of_exec(words) if USED.search(word)), None
    )
    if pasted:
        hint = "make it a fence of `sh` with on=…: there it is a variable"
        raise ConfigError(f"{pasted[0]} would be pasted into what a shell runs", hint=hint)
    if USED.search(words[0]):
        raise ConfigError(f"which command of opskit is {words[0][:60]!r}?", hint="name it")


def _check_options(words: Sequence[str]) -> None:
    """Raise ConfigError for what is no `--option` of a task, nor the value of one."""
    before = ""
    for word in words[1:]:
        option = word.startswith("--") and len(word) > 2
        if not option and (not before.startswith("--") or "=" in before):
            raise ConfigError(
                f"{word[:60]!r} is no --option of a task", hint="NAME --option value"
            )
        before = word
