"""Host selectors: names, ranges, groups and set algebra; NodeSet expands and folds the ranges.

A selector is read from left to right: `,` adds, `!` takes away, `&` keeps what both have, `^` what
only one has. We split it into terms ourselves, so that every term can be checked: with NodeSet's own
algebra a mistyped name in `@web!wbe03` would take away nothing, silently, and groups would be
looked up in the machine's ClusterShell configuration.
"""

from __future__ import annotations

import math
import re
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from opskit.config.lookup import did_you_mean
from opskit.errors import SelectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence

    from ClusterShell.NodeSet import NodeSet

MAX_NAMES = 100_000
MAX_LENGTH = 100_000
OPERATORS = ",!&^"
WILDCARDS = "*?"

# An operator counts outside brackets only: web[1,3] is one term.
_TERM = r"([,!&^])|((?:\[[^\[\]]*\]|[^,!&^])+)"
_RANGE = r"(?a)(\d*)\[([^\[\]]*)\](\d*)"
_ONE_NUMBER = r"(?a)(\D*)(\d{1,18})(\D*)"
_ONE_RANGE = r"([^\d\[\]%\s]+)\[([^\[\]]*)\]([^\d\[\]%\s]*)"
_PART = r"(?a)\s*(\d{1,18})\s*(?:-\s*(\d{1,18})\s*)?(?:/\s*\d{1,9}\s*)?"

_APPLY: Mapping[str, Callable[[set[str], set[str]], set[str]]] = {
    ",": set.union,
    "!": set.difference,
    "&": set.intersection,
    "^": set.symmetric_difference,
}


def select(
    selector: str, hosts: Sequence[str], groups: Mapping[str, Collection[str]]
) -> tuple[str, ...]:
    """Give those of `hosts` that `selector` names, in the order of `hosts`.

    `groups` maps a group's name (without `@`) to host names. Raises SelectorError for what cannot
    be read, for an unknown host or group, and when nothing is left.
    """
    known = dict.fromkeys(hosts)
    chosen: set[str] = set()
    for operator, term in _terms(selector):
        chosen = _APPLY[operator](chosen, _names(term, known, groups))
    if not chosen:
        raise SelectorError(f"{_short(selector)} names no host", hint="`opskit hosts` lists them")
    return tuple(name for name in hosts if name in chosen)


def expand(pattern: str) -> tuple[str, ...]:
    """Give the names that a pattern like `web[01-20]` stands for; raises SelectorError."""
    if "[" not in pattern and "]" not in pattern:
        return (pattern,)
    _check_range(pattern)
    if one := re.fullmatch(_ONE_RANGE, pattern):
        return _numbered(*one.groups())
    return tuple(_nodeset([pattern]))


def expand_all(patterns: Iterable[str]) -> tuple[str, ...]:
    """Give all names of patterns and lists of them (`web[1-3],db1`), each once; raises SelectorError."""
    names: dict[str, None] = {}
    for pattern in patterns:
        for operator, term in _terms(pattern):
            if operator != "," or term.startswith("@") or any(c in term for c in WILDCARDS):
                raise SelectorError(
                    f"{_short(pattern)} must be host names and ranges",
                    hint="groups and set algebra belong into `groups` and selectors",
                )
            names.update(dict.fromkeys(expand(term)))
    return tuple(names)


def fold(names: Iterable[str]) -> str:
    """Give names in short: `web[01-03],db1`, in the order in which their families appear."""
    families: dict[str, list[str]] = {}
    for name in names:
        families.setdefault(re.sub(r"\d+", "0", name, flags=re.ASCII), []).append(name)
    return ",".join(_fold_family(family) for family in families.values())


def _fold_family(names: list[str]) -> str:
    if len(names) == 1:
        return names[0]
    if not all(map(_foldable, names)):
        return ",".join(dict.fromkeys(names))
    numbered = [re.fullmatch(_ONE_NUMBER, name) for name in names]
    if all(numbered):
        return _fold_numbers([match.groups() for match in numbered if match])
    return str(_nodeset(names))


def _fold_numbers(names: Sequence[tuple[str, ...]]) -> str:
    """Give names of one family that differ in one number, each as what is before, in and behind it.

    NodeSet would give the same, but most of the time that `opskit log` takes to start would be its import.
    """
    from ClusterShell.RangeSet import RangeSet

    numbers = RangeSet.fromlist([number for _, number, _ in names])  # type: ignore[no-untyped-call]
    before, number, behind = names[0]
    return f"{before}[{numbers}]{behind}" if len(numbers) > 1 else before + number + behind


def _numbered(before: str, numbers: str, behind: str) -> tuple[str, ...]:
    """Give the names of a pattern with one range and no other number, as NodeSet would, without its import."""
    from ClusterShell.RangeSet import RangeSet, RangeSetException

    try:
        found = RangeSet(numbers)  # type: ignore[no-untyped-call]
    except RangeSetException as error:
        raise SelectorError(
            f"{_short(before + numbers + behind)} is not a range: {error}"
        ) from None
    return tuple(f"{before}{number}{behind}" for number in found.striter())  # type: ignore[no-untyped-call]


def _nodeset(patterns: list[str]) -> NodeSet:
    """Give a NodeSet without groups.

    ClusterShell reads its defaults.conf on import; all it could change here is how names fold.
    """
    import configparser

    try:
        from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException
        from ClusterShell.RangeSet import RangeSetException
    except configparser.Error as error:
        raise SelectorError(f"ClusterShell's own configuration is broken: {error}") from error
    try:
        nodes: NodeSet = NodeSet.fromlist(  # type: ignore[no-untyped-call]  # it has no types
            patterns, resolver=RESOLVER_NOGROUP
        )
    except (NodeSetException, RangeSetException) as error:
        raise SelectorError(f"{_short(patterns[0])} is not a range: {error}") from None
    nodes.fold_axis = None
    return nodes


def _foldable(name: str) -> bool:
    """Whether NodeSet reads the name as one plain name, and its numbers as numbers."""
    plain = name.isascii() and not re.search(r"[\s,!&^*?@\[\]%]", name)
    return plain and len(name) < 100


def _terms(selector: str) -> Iterator[tuple[str, str]]:
    """Give (operator, term) from left to right; the first operator is `,`."""
    text = selector.strip()
    if not text or len(text) > MAX_LENGTH:
        raise SelectorError("the selector is empty" if not text else "the selector is too long")
    operator, expected = ",", True
    for sign, term in re.findall(_TERM, text):
        if bool(term.strip()) is not expected:
            raise SelectorError(f"{_short(selector)}: a name is missing beside {sign!r}")
        if term:
            yield operator, term.strip()
        operator, expected = sign, not expected
    if expected:
        raise SelectorError(f"{_short(selector)} ends with {operator!r}, a name is missing")


def _names(
    term: str, known: Mapping[str, None], groups: Mapping[str, Collection[str]]
) -> set[str]:
    if term in known:
        return {term}
    if term == "@*":
        return set(known)
    if term.startswith("@"):
        picked = _matches("group", term[1:], groups)
        return {name for group in picked for name in groups[group]} & set(known)
    return _matches("host", term, known)


def _matches(what: str, term: str, known: Mapping[str, Any]) -> set[str]:
    """Give the known names that a term stands for: itself, a range, or a wildcard."""
    if term in known:
        return {term}
    found: set[str] = set()
    unknown = []
    for name in expand(term):
        hits = _wild(name, known)
        found.update(hits)
        if not hits:
            unknown.append(name)
    if unknown:
        raise _unknown(what, unknown, known)
    return found


def _wild(name: str, known: Mapping[str, Any]) -> list[str]:
    if name in known:
        return [name]
    if any(sign in name for sign in WILDCARDS):
        return [candidate for candidate in known if fnmatchcase(candidate, name)]
    return []


def _unknown(what: str, names: list[str], known: Mapping[str, Any]) -> SelectorError:
    hint = did_you_mean(names[0], known) or f"this environment has no {what}s"
    sign = "@" if what == "group" else ""
    return SelectorError(f"no {what} {sign}{_short(fold(names))}", hint=hint)


def _check_range(pattern: str) -> None:
    """Refuse a range that is broken or huge before NodeSet would fill the memory with it."""
    if (
        not pattern.isascii()
        or "[" in re.sub(_RANGE, "", pattern)
        or "]" in re.sub(_RANGE, "", pattern)
    ):
        raise SelectorError(f"{_short(pattern)} is not a range, as in web[01-20]")
    size = math.prod(_size(*found) for found in re.findall(_RANGE, pattern))
    if size > MAX_NAMES:
        raise SelectorError(f"{_short(pattern)} stands for more than {MAX_NAMES} names")


def _size(before: str, body: str, after: str) -> int:
    """Give an upper bound of a range's size; NodeSet takes digits beside the brackets into it."""
    total = 0
    for part in body.split(","):
        bounds = re.fullmatch(_PART, part)
        if not bounds or len(before) + len(after) > 18:
            raise SelectorError(f"[{_short(body)}] is not a range, as in web[01-20]")
        first, last = bounds[1], bounds[2] or bounds[1]
        total += max(0, int(before + last) - int(before + first)) + 1
    return total


def _short(text: str) -> str:
    shown = text if len(text) <= 80 else text[:79] + "…"
    return ascii(shown) if not shown.isprintable() else shown
