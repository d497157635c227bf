"""Secrets: values that reach a process by its environment and are shown nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"


@dataclass(frozen=True, slots=True)
class Secret:
    """A value that its repr, str and format do not show; `reveal()` at the edge that needs it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Give the value itself."""
        return self._value

    def __str__(self) -> str:
        return REDACTED

    def __repr__(self) -> str:
        return f"Secret({REDACTED})"

    def __format__(self, spec: str) -> str:
        return format(REDACTED, spec)


@dataclass(frozen=True, slots=True)
class Redactor:
    """Replaces every known secret in text that leaves opskit: terminal, event, exception, file."""

    secrets: tuple[Secret, ...] = ()

    @classmethod
    def of(cls, values: Iterable[object]) -> Redactor:
        """Make a redactor of the secrets among `values` (an environment's values, usually)."""
        return cls(tuple(value for value in values if isinstance(value, Secret)))

    def text(self, text: str) -> str:
        """Give `text` without secrets; the longest go first, so that none hides in another."""
        for value in self._needles():
            text = text.replace(value, REDACTED)
        return text

    def data(self, data: bytes) -> bytes:
        """Give `data` without secrets."""
        for value in self._needles():
            data = data.replace(value.encode(), REDACTED.encode())
        return data

    def _needles(self) -> list[str]:
        whole = {secret.reveal() for secret in self.secrets}
        lines = {
            line.strip() for value in whole for line in value.splitlines() if len(line.strip()) > 7
        }
        return sorted((value for value in whole | lines if value), key=len, reverse=True)
