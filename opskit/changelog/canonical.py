"""The one way an event becomes bytes, and the strict way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from opskit.errors import ChangelogError

BIGGEST = 2**53 - 1
DEEPEST = 32


def encode(value: Mapping[str, object]) -> bytes:
    """Give canonical JSON: UTF-8, sorted ASCII keys, no spaces, no floats, integers below 2^53.

    Half characters (lone surrogates, as in a file name that is not UTF-8) and NUL, which a database has no room for, become U+FFFD.
    Raises ChangelogError that names the place of a value that no event may hold.
    """
    plain = _plain(value, "", 0)
    return json.dumps(plain, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def decode(data: bytes) -> dict[str, object]:
    """Give the object that `data` holds.

    Raises ValueError for what is no object in strict JSON: duplicate keys, floats, integers beyond
    2^53, half characters, NUL, more nesting than `encode` writes.
    """
    text = data.decode()
    try:
        value = _STRICT.decode(text)
    except RecursionError:
        raise ValueError("nested too deep") from None
    if not isinstance(value, dict):
        raise ValueError("not an object")  # noqa: TRY004 - every malformed text is a ValueError
    if text.count("{") + text.count("[") > DEEPEST:
        _demand_flat(value)
    if "\\u" in text:
        whole = json.dumps(value, ensure_ascii=False)
        whole.encode()
        if "\\u0000" in whole.replace("\\\\", ""):
            raise ValueError("a NUL character")
    return value


def _demand_flat(value: Any) -> None:
    """Raise ValueError for what `encode` would not have written: a reader's stack must not decide what is readable."""
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        inner = (each.values() if isinstance(each, dict) else each for each in level)
        level = [item for items in inner for item in items if isinstance(item, (dict, list))]
        if not level:
            return
    raise ValueError("nested too deep")


def _plain(value: object, where: str, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        whole = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return whole.replace("\0", "\ufffd")
    if isinstance(value, int) and abs(value) <= BIGGEST:
        return int(value)
    if depth < DEEPEST:
        if isinstance(value, Mapping):
            return {_key(k, where): _plain(v, f"{where}.{k}", depth + 1) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [_plain(item, f"{where}[{n}]", depth + 1) for n, item in enumerate(value)]
    raise ChangelogError(
        f"an event cannot hold the {type(value).__name__} at {where or 'its top'}"
    )


def _key(key: object, where: str) -> str:
    if isinstance(key, str) and key.isascii() and "\0" not in key:
        return key
    raise ChangelogError(f"an event cannot hold the key {key!r} at {where or 'its top'}")


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key stands twice")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(f"not an integer: {text[:40]}")


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > BIGGEST:
        raise ValueError(f"an integer beyond 2^53: {text[:40]}")
    return int(text)


_STRICT = json.JSONDecoder(
    object_pairs_hook=_unique, parse_float=_refuse, parse_constant=_refuse, parse_int=_integer
)
