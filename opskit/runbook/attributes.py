"""The words of a comment before a fence: `<!-- opskit: on=@web timeout=30s mutates=no -->`, read and written."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from opskit.config import checks
from opskit.config.lookup import did_you_mean
from opskit.errors import ConfigError
from opskit.runbook import names
from opskit.runbook.model import CONTAINS, EXACT, LOCAL, REGEX

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

LONGEST = 4000
_USER = r"(?a)[A-Za-z_][\w.-]{0,31}"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a comment says, None or "" where it says nothing; `timeout` in seconds, `rollback` an anchor without its `#`."""

    on: str = ""
    local: bool = False
    batch: int | None = None
    timeout: float | None = None
    capture: str = ""
    mutates: bool | None = None
    rollback: str = ""
    sudo: str = ""
    expect: str = ""


def read(text: str) -> Attributes:
    """Give what the words of a comment (or of an info string) say, with a shell's quotes.

    Raises ConfigError for what cannot be read, an unknown or doubled word and a value that is wrong.
    """
    given: dict[str, Any] = {}
    for word in _words(text):
        key, sign, value = word.partition("=")
        if key not in _READERS:
            raise ConfigError(f"there is no {key[:40]!r} here", hint=_hint(word))
        if key in given:
            raise ConfigError(f"`{key}` stands there twice")
        given[key] = _READERS[key](value if sign else None)
    _together(given)
    return Attributes(**given)


def render(attributes: Attributes) -> str:
    """Give the words from which `read` makes the same attributes; they may stand in an HTML comment."""
    said = (_said(key, getattr(attributes, key)) for key in _READERS)
    return " ".join(_closed_nowhere(shlex.quote(word)) for word in said if word)


def look_like(words: str) -> bool:
    """Whether words that nobody marked as attributes are perhaps meant as some."""
    return any(word.split("=")[0] in _READERS for word in words.split() if "=" in word)


def _words(text: str) -> list[str]:
    if len(text) > LONGEST:
        raise ConfigError(f"longer than {LONGEST} characters")
    try:
        return shlex.split(text)
    except ValueError:
        raise ConfigError("a quote is not closed") from None


def _hint(word: str) -> str:
    if "{{" in word or "}}" in word:
        return 'put quotes around it: on="{{ name }}"'
    return did_you_mean(word.partition("=")[0], _READERS)


def _together(given: Mapping[str, Any]) -> None:
    """Raise ConfigError for words that contradict each other."""
    if "expect" in given and len(given) > 1:
        raise ConfigError("`expect` stands alone", hint="how it is run belongs before the command")
    here = given.get("local") or given.get("on") == LOCAL
    if here and given.get("on", LOCAL) != LOCAL:
        raise ConfigError("`local` and `on` contradict each other")
    if given.get("on", LOCAL) == LOCAL:
        for key in ("batch", "sudo"):
            if key in given:
                raise ConfigError(f"`{key}` is for hosts, and `on` names none", hint="on=@web")


def _valued(key: str, check: Callable[[Any], Any]) -> Callable[[str | None], Any]:
    """Give a reader of `key=value`."""

    def read_value(value: str | None) -> Any:
        if value is None:
            raise ConfigError(f"`{key}` needs a value", hint=f"{key}={_EXAMPLES[key]}")
        try:
            return check(value)
        except ConfigError as error:
            raise ConfigError(f"{key}: {error.what}", hint=error.hint) from None

    return read_value


def _local(value: str | None) -> bool:
    if value is not None:
        raise ConfigError("`local` takes no value")
    return True


def _sudo(value: str | None) -> str:
    if value is not None and not re.fullmatch(_USER, value):
        raise ConfigError("sudo: expected the name of a user", hint="sudo alone is root")
    return value or "root"


def _batch(value: str) -> int:
    if not re.fullmatch(r"(?a)\d{1,6}", value):
        checks.wrong("a number of hosts", value)
    return checks.whole(1, 100_000)(int(value))


def _timeout(value: str) -> float:
    if not re.fullmatch(r"(?a)\d+(\.\d+)?(ms|s|m|h)", value):
        hint = f"timeout={value}s" if re.fullmatch(r"(?a)\d{1,6}", value) else ""
        checks.wrong('a time with its unit, like "10s" or "5m"', value, hint=hint)
    return checks.duration(value)


def _mutates(value: str) -> bool:
    return checks.one_of("yes", "no")(value) == "yes"


def _rollback(value: str) -> str:
    if not re.fullmatch(r"#\S+", value):
        checks.wrong('the anchor of a step, like "#4-put-it-back"', value)
    return value[1:]


def _said(key: str, value: Any) -> str:
    """Give the word that says a value, "" if nothing is said."""
    if value is None or value == "" or (value is False and key == "local"):
        return ""
    if key == "local" or (key == "sudo" and value == "root"):
        return key
    shown = {"mutates": _yes, "timeout": span, "rollback": "#{}".format}.get(key, str)
    return f"{key}={shown(value)}"


def _yes(value: bool) -> str:  # noqa: FBT001 - the value of a word
    return "yes" if value else "no"


def span(value: float) -> str:
    """Give seconds as a page says a time: `90s`, `1500ms`."""
    return f"{value:g}s" if float(f"{value:g}") == value else f"{round(value * 1000)}ms"


def _closed_nowhere(word: str) -> str:
    """Give a quoted word in which no comment ends: `-->` and `--!>` only stand in single quotes, which are opened once more there."""
    return word.replace("-->", "--''>").replace("--!>", "--''!>")


_READERS: Mapping[str, Callable[[str | None], Any]] = {
    "on": _valued("on", checks.selector),
    "local": _local,
    "batch": _valued("batch", _batch),
    "timeout": _valued("timeout", _timeout),
    "capture": _valued("capture", names.variable),
    "mutates": _valued("mutates", _mutates),
    "rollback": _valued("rollback", _rollback),
    "sudo": _sudo,
    "expect": _valued("expect", checks.one_of(EXACT, CONTAINS, REGEX)),
}
_EXAMPLES = {
    "on": "@web", "batch": "1", "timeout": "30s", "capture": "out", "mutates": "no",
    "rollback": '"#4-put-it-back"', "expect": "contains",
}  # fmt: skip
