"""One table of opskit.toml while it is read: every error says where."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from opskit.config.checks import kind_of
from opskit.config.lookup import did_you_mean
from opskit.config.model import NOTHING
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from opskit.config.document import Document, KeyPath

T = TypeVar("T")


class Table(NamedTuple):
    """A table at a key path; `origins` says which keys were taken over from another one."""

    document: Document
    path: KeyPath
    values: Mapping[str, Any]
    origins: Mapping[str, KeyPath] = NOTHING

    def where(self, key: str) -> KeyPath:
        """Give the key path at which `key` stands (or would stand) in the file."""
        return self.origins.get(key, (*self.path, key))

    def error(self, key: str | None, what: str, *, hint: str = "") -> ConfigError:
        """Give the error that says `what` is wrong with `key`, or with the table itself if None."""
        return self.document.error(self.path if key is None else self.where(key), what, hint=hint)

    def only(self, known: Collection[str]) -> None:
        """Raise ConfigError if there is a key that is not known here."""
        for key in self.values:
            if key not in known:
                raise self.error(key, "there is no such key here", hint=did_you_mean(key, known))

    def read(
        self, checks: Mapping[str, Callable[[Any], Any]], *, required: Collection[str] = ()
    ) -> dict[str, Any]:
        """Give the checked values of those keys of `checks` that are in the table.

        A check takes what the TOML says and gives what it means, or raises ConfigError without a place.
        """
        for key in required:
            if key not in self.values:
                raise self.error(None, f"`{key}` is missing")
        return {
            key: self.checked(key, check) for key, check in checks.items() if key in self.values
        }

    def checked(self, key: str, check: Callable[[Any], T]) -> T:
        """Give what the value of a present key means."""
        try:
            return check(self.values[key])
        except ConfigError as error:
            raise self.error(key, error.what, hint=error.hint) from None

    def table(self, key: str) -> Table:
        """Give the table at `key`, an empty one if it is missing."""
        value = self.values.get(key, NOTHING)
        if key in self.values and not isinstance(value, dict):
            raise self.error(key, f"expected a table, not {kind_of(value)}")
        return Table(self.document, self.where(key), value)

    def tables(self, key: str, name: Callable[[Any], str]) -> dict[str, Table]:
        """Give the tables inside the table at `key` by their checked names."""
        parent = self.table(key)
        return {parent.named(entry, name): parent.table(entry) for entry in parent.values}

    def mapping(
        self, key: str, name: Callable[[Any], str], check: Callable[[Any], T]
    ) -> dict[str, T]:
        """Give the table at `key` as checked values by checked names."""
        parent = self.table(key)
        return {parent.named(entry, name): parent.checked(entry, check) for entry in parent.values}

    def named(self, key: str, check: Callable[[Any], str]) -> str:
        """Give a key of this table that is a name, checked."""
        try:
            return check(key)
        except ConfigError as error:
            raise self.error(key, error.what, hint=error.hint) from None

    def over(self, other: Table) -> Table:
        """Give this table with the keys of `other` laid over it; each remembers where it stands."""
        origins = {key: other.where(key) for key in other.values}
        return Table(self.document, self.path, {**self.values, **other.values}, origins)
