"""The JSON envelope, a written contract: fields may be added, none is removed or changes its meaning.

    {"opskit": 1, "command": "log", "status": "done", "exit_code": 0, "data": {...}, "error": null}

`opskit` is the version of the contract. `command` is what was called, a subcommand with its group: `changelog sync`. `status` follows from `exit_code`. `error` is null or
`{"kind", "what", "hint"}`, with `host` and `output` when one host failed; `data` is then `{}`, or what
was found out before. One document on standard output, ASCII only, ended by a line feed.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from opskit.cli.exits import EXITS
from opskit.errors import HostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.errors import OpskitError

VERSION = 1


def show(
    command: str,
    data: Mapping[str, object],
    *,
    exit_code: int = 0,
    error: OpskitError | None = None,
) -> int:
    """Print the envelope and give its exit code, so that a command can end with `return show(...)`.

    `data` holds plain values, paths, datetimes, dataclasses, named tuples, sets and mappings.
    """
    sys.stdout.write(document(command, data, exit_code=exit_code, error=error) + "\n")
    sys.stdout.flush()
    return exit_code


def show_error(command: str, error: OpskitError) -> int:
    """Print an envelope that holds an error only, and give its exit code."""
    return show(command, {}, exit_code=error.exit_code, error=error)


def document(
    command: str, data: Mapping[str, object], *, exit_code: int, error: OpskitError | None
) -> str:
    """Give the envelope as JSON text."""
    import json

    envelope = {
        "opskit": VERSION,
        "command": command,
        "status": EXITS[exit_code].status,
        "exit_code": exit_code,
        "data": data,
        "error": described(error) if error else None,
    }
    return json.dumps(with_names(envelope), indent=2, allow_nan=False, default=_plain)


def described(error: OpskitError) -> dict[str, object]:
    """Give an error as the envelope's `error` field."""
    said: dict[str, object] = {"kind": error.kind, "what": error.what, "hint": error.hint}
    if isinstance(error, HostError):
        said["host"] = error.host
    if isinstance(error, HostError) or error.output:
        said["output"] = error.output
    return said


def with_names(value: Any) -> Any:
    """Give records (dataclasses, named tuples) as objects of their fields, all the way down; anything else as it is."""
    from collections.abc import Mapping
    from dataclasses import fields, is_dataclass

    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: with_names(getattr(value, field.name)) for field in fields(value)}
    if hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {key: with_names(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [with_names(each) for each in value]
    return value


def _plain(value: object) -> object:
    """Give what JSON lacks as what it has; raises TypeError for anything else."""
    from collections.abc import Set
    from datetime import datetime
    from pathlib import PurePath

    if isinstance(value, Set):
        return sorted(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, PurePath):
        return str(value)
    raise TypeError(f"no JSON for {type(value).__name__}")
