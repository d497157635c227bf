"""OpenSSH's patterns, and the conditions of `Host` and `Match` lines, as in match.c and readconf.c."""

from __future__ import annotations

import functools
import os
import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opskit.errors import ConfigError
from opskit.fleet.sshfile import delimited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opskit.fleet.sshfile import Line

EXEC_TIMEOUT = 10.0
PASSES = ("canonical", "final")
SUBJECTS = ("host", "originalhost", "user", "localuser", "exec")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a Match line may ask about, as known when the line is reached."""

    host: str
    original: str
    user: str
    local_user: str
    final: bool


@dataclass(frozen=True, slots=True)
class Criterion:
    """One criterion of a Match line: `!` before it, its name, its argument."""

    negated: bool
    name: str
    argument: str


@dataclass(frozen=True, slots=True)
class Match:
    """A Match line, parsed: it holds if all its criteria do; `final` asks for a second pass."""

    criteria: tuple[Criterion, ...]
    final: bool
    where: str

    @classmethod
    def parse(cls, line: Line) -> Match:
        """Read the criteria of a Match line; raises ConfigError."""
        criteria = tuple(_criteria(line))
        if not criteria or (criteria[-1].name == "all" and len(criteria) > 2):
            raise ConfigError(f"{line.where}: bad Match condition")
        return cls(criteria, any(one.name == "final" for one in criteria), line.where)

    def holds(self, facts: Facts, succeeds: Callable[[str], bool]) -> bool:
        """Whether every criterion holds; `succeeds` runs the command of an exec criterion."""
        return all(self._holds(one, facts, succeeds) is not one.negated for one in self.criteria)

    def _holds(self, one: Criterion, facts: Facts, succeeds: Callable[[str], bool]) -> bool:
        if one.name in (*PASSES, "all"):
            return facts.final or one.name == "all"
        if one.name == "exec":
            return succeeds(one.argument)
        if one.name not in SUBJECTS:
            raise self._unknown(one)
        if one.name.endswith("host"):
            host = facts.host if one.name == "host" else facts.original
            return pattern_list(host.lower(), one.argument.lower())
        return pattern_list(facts.user if one.name == "user" else facts.local_user, one.argument)

    def _unknown(self, one: Criterion) -> ConfigError:
        return ConfigError(
            f"{self.where}: opskit does not know the Match criterion {one.name!r}",
            hint="`ssh.config` in opskit.toml may name another file",
        )


def _criteria(line: Line) -> Iterator[Criterion]:
    words = delimited(line.rest, line.where)
    for word, _ in words:
        if word.startswith("#"):
            return
        name = word.lstrip("!").lower() if word.startswith("!") else word.lower()
        argument = ""
        if name not in (*PASSES, "all"):
            argument = next(words, ("", ""))[0]
            if not argument or argument.startswith("#"):
                raise ConfigError(f"{line.where}: the Match criterion {name!r} needs a value")
        yield Criterion(word.startswith("!"), name, argument)


def host_line_holds(line: Line, host: str) -> bool:
    """Whether a Host line's patterns match: one must, and none with `!` before it may."""
    found = False
    for word in line.words:
        if word.startswith("!") and pattern(word[1:]).fullmatch(host):
            return False
        found = found or bool(pattern(word).fullmatch(host))
    return found


def is_literal(line: Line) -> bool:
    """Whether a Host line has plain names only, so that it can be looked up instead of tried."""
    return not any(sign in word for word in line.words for sign in "*?!")


def pattern_list(text: str, patterns: str) -> bool:
    """Whether `text` matches a list of patterns with commas, and none of those with `!`."""
    found = False
    for one in patterns.split(","):
        if one.startswith("!") and pattern(one[1:]).fullmatch(text):
            return False
        found = found or bool(pattern(one).fullmatch(text))
    return found


@functools.lru_cache(maxsize=4096)
def pattern(text: str) -> re.Pattern[str]:
    """Give a pattern of OpenSSH, where only `*` and `?` mean something, as a regular expression."""
    parts = {"*": ".*", "?": "."}
    text = re.sub(r"\*+", "*", text)
    return re.compile("".join(parts.get(sign) or re.escape(sign) for sign in text), re.DOTALL)


def succeeds(command: str, where: str) -> bool:
    """Whether a command of `Match exec` ends with 0; it is the user's own, run as ssh runs it.

    Raises ConfigError if it cannot be run or takes more than EXEC_TIMEOUT seconds.
    """
    try:
        done = subprocess.run(
            [os.environ.get("SHELL") or "/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=EXEC_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConfigError(f"{where}: `{command}` took more than {EXEC_TIMEOUT:.0f} s") from None
    except OSError as error:
        raise ConfigError(f"{where}: `{command}` cannot be run: {error.strerror}") from error
    return done.returncode == 0
