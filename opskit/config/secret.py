"""Secrets: values that reach a process by its environment or its standard input, and are shown nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from opskit.config.disguises import disguises

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.errors import OpskitError

E = TypeVar("E", bound="OpskitError")
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
    """Replaces every known secret in text that leaves opskit: terminal, event, exception, file.

    A secret is found as it is, line by line, and as usual programs write it; see `disguises`. `needles` are all these, the longest first.
    """

    secrets: tuple[Secret, ...] = ()
    needles: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {text for secret in self.secrets for text in disguises(secret.reveal())}
        object.__setattr__(self, "needles", tuple(sorted(found, key=len, reverse=True)))

    @classmethod
    def of(cls, values: Iterable[object]) -> Redactor:
        """Make a redactor of the secrets among `values` (an environment's values, usually)."""
        return cls(tuple(value for value in values if isinstance(value, Secret)))

    def also(self, values: Iterable[object]) -> Redactor:
        """Give a redactor that knows the secrets among `values`, too."""
        more = [v for v in values if isinstance(v, Secret) and v not in self.secrets]
        return Redactor((*self.secrets, *more)) if more else self

    def text(self, text: str) -> str:
        """Give `text` without secrets; the longest go first, so that none hides in another."""
        for needle in self.needles:
            text = text.replace(needle, REDACTED)
        return text

    def error(self, error: E) -> E:
        """Give an error of ours that tells no secret any more."""
        error.what, error.hint, error.output = map(self.text, (error.what, error.hint, error.output))  # fmt: skip
        return error

    def data(self, data: bytes) -> bytes:
        """Give `data` without secrets."""
        for needle in self.needles:
            data = data.replace(needle.encode("utf-8", "surrogateescape"), REDACTED.encode())
        return data
