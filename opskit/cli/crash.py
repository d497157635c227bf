"""The report of a crash: Markdown to paste into an issue, without arguments' or environment's values."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import opskit
from opskit.cli.hiding import hider_of
from opskit.errors import OpskitError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SHORTEST_VALUE = 4
SHORTEST_LINE = 8


def report(error: BaseException, args: Sequence[str]) -> OpskitError:
    """Write the report file and give the error that names it; a full or read-only disk is said too."""
    name = type(error).__name__
    try:
        file = _write(describe(error, args, os.environ))
    except OSError as reason:
        hint = f"no report could be written ({reason.strerror}); OPSKIT_DEBUG=1 shows the details"
    else:
        hint = f"please paste this report into an issue: {file}"
    return CrashError(f"opskit has a bug: {name}", hint=hint)


class CrashError(OpskitError):
    """An error that nobody foresaw."""

    kind = "crash"


def describe(error: BaseException, args: Sequence[str], environment: Mapping[str, str]) -> str:
    """Give the report as Markdown; whatever stands in the environment is replaced by its name."""
    said = hider_of(error)("".join(traceback.format_exception(error)))
    lines = [
        f"# opskit crashed: {type(error).__name__}",
        "",
        f"- command: `{' '.join(['opskit', *without_values(args)])}` (values left out)",
        f"- opskit {opskit.__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"- encodings: output {getattr(sys.stdout, 'encoding', None)}, files {sys.getfilesystemencoding()}",
        f"- time: {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        "",
        "```text",
        without(said, {**environment, **_arguments(args)}).rstrip().replace("```", "'''"),
        "```",
        "",
    ]
    return "\n".join(lines)


def without_values(args: Sequence[str]) -> list[str]:
    """Give the arguments with every value as `…`: a command, a reason or a variable may hold a secret."""
    end = list(args).index("--") if "--" in args else len(args)
    named = [_name_of(arg) for arg in args[:end]] + ["…" for _ in args[end:]]
    return named if not args or args[0].startswith("-") else [args[0], *named[1:]]


def _name_of(arg: str) -> str:
    if arg.startswith("--"):
        return arg if "=" not in arg else arg.partition("=")[0] + "=…"
    if arg.startswith("-"):
        return arg if len(arg) == len("-e") else arg[:2] + "…"
    return "…"


def without(said: str, values: Mapping[str, str]) -> str:
    """Replace every value of `values` in `said` by `$NAME`, the longest first."""
    for value, name in sorted(_parts(values).items(), key=lambda item: -len(item[0])):
        said = said.replace(value, f"${name}")
    return said


def _parts(values: Mapping[str, str]) -> dict[str, str]:
    """Give value -> name, for whole values and for the lines of long ones."""
    whole = {value: name for name, value in values.items() if len(value) >= SHORTEST_VALUE}
    lines = {
        line.strip(): name
        for value, name in whole.items()
        for line in value.splitlines()
        if len(line.strip()) >= SHORTEST_LINE
    }
    return lines | whole


def _arguments(args: Sequence[str]) -> dict[str, str]:
    """Give the arguments' values by number, but for the command's name and for what is short."""
    values = {str(number): arg.partition("=")[2] or arg for number, arg in enumerate(args, 1)}
    return {n: value for n, value in values.items() if n != "1" and len(value) >= SHORTEST_LINE}


def _write(report: str) -> Path:
    """Write a new file, readable by its owner only, to the state folder or to the temporary one."""
    try:
        handle, name = _new_file(_reports())
    except (OSError, ImportError):
        handle, name = _new_file(None)
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(report)
    return Path(name)


def _new_file(folder: Path | None) -> tuple[int, str]:
    return tempfile.mkstemp(prefix="crash-", suffix=".md", dir=folder)


def _reports() -> Path:
    """Make the folder of reports beside the changelogs."""
    from opskit.changelog.files import state_folder

    folder = state_folder() / "crashes"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
