"""Whether a script can be read at all by what would run it: nothing of it is run for that."""

from __future__ import annotations

import re
import subprocess
import warnings
from typing import TYPE_CHECKING

from opskit.runbook.model import PYTHON, SH

if TYPE_CHECKING:
    from opskit.runbook.model import Action

LIMIT = 10.0
"""Seconds for which a shell may read."""
_SAID = re.compile(r"(?:line )?(?P<line>\d+): (?P<what>.+)")


def fault(action: Action) -> tuple[int, str] | None:
    """Give the line of a script, from 1, and why it cannot be read; None if it can, or if that is not known here."""
    if action.language == SH:
        return _of_shell(action.text)
    return _of_python(action.text) if action.language == PYTHON else None


def _of_shell(script: str) -> tuple[int, str] | None:
    try:
        ran = subprocess.run(
            ["/bin/sh", "-n"], input=script.encode("utf-8", "replace"), capture_output=True,
            check=False, timeout=LIMIT, env={"LC_ALL": "C"},
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.returncode == 0:
        return None
    said = _SAID.search(ran.stderr.decode("utf-8", "replace"))
    return (int(said["line"]), f"sh: {said['what']}") if said else (1, "sh cannot read this")


def _of_python(script: str) -> tuple[int, str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(script, "fence", "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, f"Python: {error.msg}"
    except (ValueError, RecursionError, MemoryError, OverflowError):
        return 1, "Python cannot read this"
    return None
