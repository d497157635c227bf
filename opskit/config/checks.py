"""What single values of opskit.toml may be: each check takes what TOML says and gives what it means.

A check raises ConfigError that says what was expected; the table that calls it adds the place.
"""

from __future__ import annotations

import math
import re
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.config.windows import Window

T = TypeVar("T")

_CONTROL = r"[\x00-\x1f\x7f-\x9f\u2028\u2029]"
_NAME = r"\w[\w.-]{0,99}"
_HOST = r"[^\s/,!&^@-][^\s/,!&^@]{0,252}"
_VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
_CHANGELOG = r"[a-z0-9_][a-z0-9._-]{0,63}"
_SHARE = r"(\d{1,3}(?:\.\d{1,3})?)%"
_DURATION = r"(?a)(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LONGEST = 7 * 86400.0
_REMOTE_GIT = r"[a-z+]+://|[\w.-]+@[\w.-]+:"


def kind_of(value: object) -> str:
    """Give the kind of a TOML value in plain words."""
    kinds = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
    }
    return kinds.get(type(value), "a date or time")


def wrong(expected: str, value: object, *, hint: str = "") -> NoReturn:
    """Raise ConfigError that says what was expected and what was found; a text is quoted, cut to 40 characters."""
    found = f"{value[:40]!r}" if isinstance(value, str) else kind_of(value)
    raise ConfigError(f"expected {expected}, not {found}", hint=hint)


def command(value: Any) -> str:
    """Check a shell command, or any other text of one or more lines."""
    if not isinstance(value, str):
        wrong("text in quotes", value)
    if "\0" in value or not value.strip():
        raise ConfigError("expected text that is not empty and has no NUL character")
    return value


def text(value: Any) -> str:
    """Check a text of one line."""
    if not isinstance(value, str):
        wrong("text in quotes", value)
    if not value.strip() or re.search(_CONTROL, value):
        raise ConfigError("expected one line of text, not empty, without control characters")
    return value


def free_text(value: Any) -> str:
    """Check a text that may be empty and may have several lines."""
    if not isinstance(value, str):
        wrong("text in quotes", value)
    if "\0" in value:
        raise ConfigError("a NUL character cannot stand here")
    return value


def variable_value(value: Any) -> str:
    """Check the value of a variable: text, or a whole number, which becomes text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63:
        return str(value)
    return free_text(value)


def selector(value: Any) -> str:
    """Check that a text may be a host selector; whether its hosts exist is for the inventory to say."""
    if isinstance(value, list):
        wrong('one selector in quotes, like "@web" or "web01,web02"', value)
    chosen = text(value).strip()
    if chosen.startswith("-"):
        wrong("a host selector", value)
    return chosen


def boolean(value: Any) -> bool:
    """Check a switch."""
    if not isinstance(value, bool):
        wrong("true or false, without quotes", value)
    return value


def one_of(*words: str) -> Callable[[Any], str]:
    """Give a check for one of some words."""

    def check(value: Any) -> str:
        if value not in words:
            wrong(" or ".join(f'"{word}"' for word in words), value)
        return str(value)

    return check


def whole(low: int, high: int) -> Callable[[Any], int]:
    """Give a check for a whole number from `low` to `high`."""

    def check(value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            wrong("a whole number, without quotes", value)
        if not low <= value <= high:
            raise ConfigError(f"expected a whole number from {low} to {high}")
        return value

    return check


def duration(value: Any) -> float:
    """Check a time span, `"10s"`, `"5m"`, `"500ms"`, `"1h"` or a number of seconds; gives seconds, above 0 and at most a week."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        seconds = float(value) if abs(value) <= _LONGEST else math.inf
    else:
        found = re.fullmatch(_DURATION, value) if isinstance(value, str) else None
        if not found:
            wrong('a time like "10s", "5m" or a number of seconds', value)
        seconds = float(found[1]) * _SECONDS[found[2]]
    if not 0 < seconds <= _LONGEST:
        raise ConfigError("expected a time above 0 and at most 7 days")
    return seconds


def batch(value: Any) -> int | str:
    """Check a batch: a count of hosts from 1, or a share above 0% and at most 100%."""
    if isinstance(value, str):
        found = re.fullmatch(_SHARE, value)
        if not found or not 0 < float(found[1]) <= 100:
            wrong('a share above "0%" and at most "100%"', value)
        return value
    if not isinstance(value, int) or isinstance(value, bool):
        wrong('a number of hosts or a share like "25%"', value)
    return whole(1, 100_000)(value)


def list_of(check: Callable[[Any], T], *, least: int = 0) -> Callable[[Any], tuple[T, ...]]:
    """Give a check for a list whose entries all pass `check`."""

    def check_all(value: Any) -> tuple[T, ...]:
        if not isinstance(value, list):
            wrong("a list in [ ]", value)
        if len(value) < least:
            raise ConfigError("the list is empty", hint="leave the key out for its default")
        return tuple(_entry(number, entry, check) for number, entry in enumerate(value, 1))

    return check_all


def freeze(value: Any) -> tuple[Window, ...]:
    """Check windows of time in which nothing is changed."""
    from opskit.config.windows import window

    return list_of(window)(value)


def _entry(number: int, value: Any, check: Callable[[Any], T]) -> T:
    try:
        return check(value)
    except ConfigError as error:
        raise ConfigError(f"entry {number}: {error.what}", hint=error.hint) from None


def name(value: Any) -> str:
    """Check the name of a service, an environment, a group or a task."""
    if not isinstance(value, str) or not re.fullmatch(_NAME, value):
        wrong(
            "a name of letters, digits, `.`, `_` and `-` that begins with a letter or digit", value
        )
    return value


def host(value: Any) -> str:
    """Check the name of one host."""
    if not isinstance(value, str) or not re.fullmatch(_HOST, value) or re.search(_CONTROL, value):
        wrong("a host name", value)
    return value


def address(value: Any) -> str:
    """Check a host's address or user: no blanks, no control characters, no leading dash (it may end up on a command line)."""
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[^\s-]\S{0,252}", value)
        or re.search(_CONTROL, value)
    ):
        wrong("a name or address without blanks and without a leading dash", value)
    return value


def hosts(value: Any) -> str:
    """Check one entry of an environment's hosts: a name, or a range like `web[01-20]`."""
    entry = text(value).strip()
    if entry.startswith(("-", "@")) or re.search(r"\s", entry):
        wrong('a host or a range of hosts, like "web[01-20].example.com"', value)
    return entry


def variable(value: Any) -> str:
    """Check the name of an environment variable or a host's var, as POSIX has it."""
    if not isinstance(value, str) or not re.fullmatch(_VARIABLE, value):
        wrong("a name of A-Z, a-z, 0-9 and `_` that does not begin with a digit", value)
    return value


def changelog(value: Any) -> str:
    """Check the name of a local changelog; it becomes the name of a folder."""
    if not isinstance(value, str) or not re.fullmatch(_CHANGELOG, value):
        wrong("up to 64 characters of a-z, 0-9, `.`, `_` and `-`, no leading `.` or `-`", value)
    return value


def revision(value: Any) -> str:
    """Check a git revision; a leading dash would be an option."""
    if (
        not isinstance(value, str)
        or not re.fullmatch(r"[^\s-]\S*", value)
        or re.search(_CONTROL, value)
    ):
        wrong("a git revision, like a branch, tag or commit", value)
    return value


def local_path(root: Path) -> Callable[[Any], Path]:
    """Give a check for a path on this machine, relative to `root` or with `~`; the result is absolute."""

    def check(value: Any) -> Path:
        path = text(value)
        try:
            return root / Path(path).expanduser()
        except RuntimeError:
            raise ConfigError(f"there is no home folder for {path[:40]!r}") from None

    return check


def repository(root: Path) -> Callable[[Any], Path]:
    """Give a check for a git repository on this machine."""
    path_of = local_path(root)

    def check(value: Any) -> Path:
        if isinstance(value, str) and re.match(_REMOTE_GIT, value):
            wrong(
                "a folder of this machine",
                value,
                hint="clone the repository and name the clone's folder",
            )
        return path_of(value)

    return check


def artifact(root: Path) -> Callable[[Any], str]:
    """Give a check for the path of an archive, in which `{revision}` may stand; the result is absolute."""
    path_of = local_path(root)
    return lambda value: str(path_of(value))


def host_path(value: Any) -> str:
    """Check a folder on a host: absolute or in the login user's home (`~/shop`), without `..`; gives it without a trailing slash."""
    path = text(value)
    parts = PurePosixPath(path).parts
    if not path.startswith(("/", "~/")) or len(parts) < 2 or ".." in parts:
        wrong('an absolute path like "/srv/shop" or "~/shop", without `..`', value)
    if len(path) > 1000:
        raise ConfigError("the path is longer than 1000 characters")
    return "/" + "/".join(parts[1:]) if parts[0] != "~" else "/".join(parts)


def release_path(value: Any) -> str:
    """Check a path inside a release: relative, without `..`."""
    path = text(value)
    parts = PurePosixPath(path).parts
    if not parts or path.startswith(("/", "~", "-")) or ".." in parts:
        wrong('a path inside the release, like "config/settings.ini", without `..`', value)
    return "/".join(parts)
