"""Secrets: values that reach a process by its environment or its standard input, and are shown nowhere."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, AnyStr, TypeVar

from opskit.config.disguises import disguises

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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
    byte_needles: tuple[bytes, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        found = {text for secret in self.secrets for text in disguises(secret.reveal())}
        needles = tuple(sorted(found, key=len, reverse=True))
        object.__setattr__(self, "needles", needles)
        raw = tuple(needle.encode("utf-8", "surrogateescape") for needle in needles)
        object.__setattr__(self, "byte_needles", raw)

    @classmethod
    def of(cls, values: Iterable[object]) -> Redactor:
        """Make a redactor of the secrets among `values` (an environment's values, usually)."""
        return cls(tuple(value for value in values if isinstance(value, Secret)))

    def also(self, values: Iterable[object]) -> Redactor:
        """Give a redactor that knows the secrets among `values`, too."""
        more = [v for v in values if isinstance(v, Secret) and v not in self.secrets]
        return Redactor((*self.secrets, *more)) if more else self

    def text(self, text: str) -> str:
        """Give `text` without secrets; where some overlap, all that they cover goes."""
        return hidden(text, self.spans(text), REDACTED)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Give from where to where in `text` there are secrets, in order; what overlaps is one."""
        return _united(itertools.chain(*(_found(text, needle) for needle in self.needles)))

    def byte_spans(self, data: bytes) -> list[tuple[int, int]]:
        """Give the same of bytes."""
        return _united(itertools.chain(*(_found(data, needle) for needle in self.byte_needles)))

    def error(self, error: E) -> E:
        """Give an error of ours that tells no secret any more."""
        error.what, error.hint, error.output = map(self.text, (error.what, error.hint, error.output))  # fmt: skip
        return error

    def data(self, data: bytes) -> bytes:
        """Give `data` without secrets."""
        return hidden(data, self.byte_spans(data), REDACTED.encode())


def hidden(text: AnyStr, spans: Iterable[tuple[int, int]], instead: AnyStr) -> AnyStr:
    """Give `text` with `instead` where these spans of it are."""
    pieces: list[AnyStr] = []
    done = 0
    for begin, end in spans:
        pieces += (text[done:begin], instead)
        done = end
    pieces.append(text[done:])
    return text[:0].join(pieces)


def _found(text: AnyStr, needle: AnyStr) -> Iterator[tuple[int, int]]:
    at = text.find(needle)
    while at >= 0:
        yield at, at + len(needle)
        at = text.find(needle, at + 1)


def _united(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    whole: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if whole and begin < whole[-1][1]:
            whole[-1] = whole[-1][0], max(end, whole[-1][1])
        else:
            whole.append((begin, end))
    return whole
