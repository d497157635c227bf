"""Commands that are imported when they are asked for: whoever deploys waits for no other command's module."""

from __future__ import annotations

import builtins
import importlib
import keyword
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Commands(MutableMapping[str, click.Command]):
    """The commands of a package by their names, in the order given; each is imported once it is looked up.

    The command `deploy` is `deploy` in `deploy.py`. A name that Python has already gets a `_`: `exec_` in `exec.py`, and
    of a word that no module can be called, `import_` in `import_.py`.
    """

    def __init__(self, package: str, names: Iterable[str]) -> None:
        self._package = package
        self._found: dict[str, click.Command | None] = dict.fromkeys(names)

    def __getitem__(self, name: str) -> click.Command:
        found = self._found[name]
        if found is None:
            found = self._found[name] = self._imported(name)
        return found

    def __setitem__(self, name: str, command: click.Command) -> None:
        self._found[name] = command

    def __delitem__(self, name: str) -> None:
        del self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def __contains__(self, name: object) -> bool:
        return name in self._found

    def _imported(self, name: str) -> click.Command:
        taken = keyword.iskeyword(name)
        module = importlib.import_module(f"{self._package}.{name}{'_' if taken else ''}")
        found = getattr(module, f"{name}_" if taken or hasattr(builtins, name) else name)
        if not isinstance(found, click.Command):
            raise TypeError(f"{module.__name__} holds no command {name}")
        return found
