"""Names of values: what a parameter, an answer or a capture may be called, and where `{{ name }}` stands for one."""

from __future__ import annotations

import re
from typing import Any

from opskit.config import checks
from opskit.errors import ConfigError

TEMPLATE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
USED = re.compile(r"\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)\})")
TAKEN = frozenset({
    "_", "PATH", "HOME", "IFS", "PWD", "OLDPWD", "SHELL", "USER", "LOGNAME", "ENV", "CDPATH", "TERM", "LANG", "LANGUAGE", "TZ",
    "TMPDIR", "MAIL", "OPTIND", "OPTARG", "OPTERR", "PPID", "UID", "EUID", "GID", "LINENO", "RANDOM", "SECONDS", "NLSPATH",
    "PS1", "PS2", "PS3", "PS4", "SHELLOPTS", "BASHOPTS", "POSIXLY_CORRECT",
})  # fmt: skip
TAKEN_BY = ("OPSKIT_", "LD_", "DYLD_", "LC_", "BASH_", "PYTHON", "SSH_", "SUDO_")


def variable(value: Any) -> str:
    """Check the name of a value of a run, which commands see as `$NAME`; raises ConfigError."""
    name = checks.variable(value)
    if name in TAKEN or name.startswith(TAKEN_BY) or len(name) > 100:
        raise ConfigError(
            f"${name[:100]} has a meaning of its own for shells or opskit",
            hint="take another name, in small letters",
        )
    return name


def templates(text: str) -> tuple[str, ...]:
    """Give the names that stand in a text as `{{ name }}`."""
    return tuple(TEMPLATE.findall(text))


def used(words: str) -> tuple[str, ...]:
    """Give the names that stand in a command line as `$NAME` or `${NAME}`, in quotes or not."""
    return tuple(found[1] or found[2] for found in USED.finditer(words))
