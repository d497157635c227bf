"""Where opskit.toml is, and its text."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from opskit.errors import ConfigError

FILE = "opskit.toml"
VARIABLE = "OPSKIT_CONFIG"
LIMIT = 1 << 20


def find(path: Path | None = None, *, start: Path | None = None) -> Path:
    """Give the configuration file: `path`, else what `$OPSKIT_CONFIG` names, else the nearest opskit.toml at or above `start`.

    `start` is the current folder if None. Raises ConfigError if there is none, or if the one found belongs to a stranger.
    """
    named = path or _named_by_variable()
    return _absolute(named) if named else _nearest(_absolute(start or Path()))


def read_text(file: Path) -> str:
    """Give the text of a configuration file; raises ConfigError if it is missing, unreadable, too large or not UTF-8."""
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            raise ConfigError(f"{file}: this is not a file", hint=f"name the {FILE} itself")
        with file.open("rb") as stream:
            data = stream.read(LIMIT + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{file}: there is no such file", hint="`opskit init` writes one"
        ) from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read: {_reason(error)}") from error
    if len(data) > LIMIT:
        raise ConfigError(f"{file}: larger than 1 MiB; this cannot be an {FILE}")
    return _decode(file, data)


def _decode(file: Path, data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{file}:{line}: not UTF-8 text", hint="save the file as UTF-8"
        ) from None


def _named_by_variable() -> Path | None:
    value = os.environ.get(VARIABLE)
    return Path(value) if value else None


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"{path}: {_reason(error)}", hint="go to a folder that exists"
        ) from error


def _nearest(start: Path) -> Path:
    for folder in (start, *start.parents):
        file = folder / FILE
        if os.path.lexists(file):
            _require_trust(file, start)
            return file
    raise ConfigError(
        f"no {FILE} in {start} or above it",
        hint=f"`opskit init` writes one; ${VARIABLE} may name one elsewhere",
    )


def _require_trust(file: Path, start: Path) -> None:
    """Refuse a file that a stranger may have left above us: opskit.toml names commands that run here."""
    try:
        owner, here = file.lstat().st_uid, start.stat().st_uid
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {_reason(error)}") from error
    if owner not in (os.getuid(), 0, here):
        raise ConfigError(
            f"{file}: belongs to another user, and it can name commands that run as you",
            hint=f"if you trust it: export {VARIABLE}={file}",
        )


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
