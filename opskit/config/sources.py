"""Where secrets come from, as opskit.toml says it; their values are read when a run needs them."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from opskit.config import checks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from opskit.config.table import Table

_KEYRING = r"[^\s/-][^\s]*/[^\s/]+"


class SecretSource(NamedTuple):
    """One place of a secret: `kind` is environment, command, file or keyring.

    `place` is the variable, the line for sh, the absolute path, or "service/user" as the keyring knows it.
    """

    kind: str
    place: str

    def __str__(self) -> str:
        words = {"environment": "the variable", "command": "the command", "file": "the file"}
        return f"{words.get(self.kind, 'the keyring,')} {self.place}"


def read_secrets(table: Table, folder: Path) -> Mapping[str, SecretSource]:
    """Give the sources at the key `secrets` by the names of variables: a list of those of this machine, or a table. Raises ConfigError."""
    value = table.values.get("secrets", {})
    if isinstance(value, list):
        names = table.checked("secrets", checks.list_of(checks.variable))
        return MappingProxyType({name: SecretSource("environment", name) for name in names})
    inner = table.table("secrets")
    names = tuple(inner.named(name, checks.variable) for name in inner.values)
    return MappingProxyType({name: read_source(inner, name, folder) for name in names})


def read_source(table: Table, key: str, folder: Path) -> SecretSource:
    """Give the source at `key`, a table with exactly one key; raises ConfigError."""
    kinds: dict[str, Callable[[Any], Any]] = {
        "environment": checks.variable,
        "command": checks.command,
        "file": checks.local_path(folder),
        "keyring": _keyring,
    }
    if isinstance(table.values[key], str):
        raise table.error(key, "a secret does not stand in opskit.toml", hint='say where it is: { command = "pass show db" }')  # fmt: skip
    inner = table.table(key)
    inner.only(kinds)
    if len(inner.values) != 1:
        raise inner.error(None, "expected exactly one of `environment`, `command`, `file` and `keyring`")  # fmt: skip
    ((kind, place),) = inner.read(kinds).items()
    return SecretSource(kind, str(place))


def _keyring(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(_KEYRING, checks.text(value)):
        checks.wrong('"service/user", as in `keyring get service user`', value)
    return value
