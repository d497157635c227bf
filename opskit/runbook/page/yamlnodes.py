"""YAML as nodes: keys with their lines, and values as they are written, so that `default: no` is the text that it looks like.

Anchors, aliases and tags are refused: nothing here needs them, and a few of them can fill the memory.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from opskit.config import checks
from opskit.config.lookup import did_you_mean
from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import yaml
    from yaml.nodes import Node

    from opskit.runbook.page.findings import Findings

    Reader = Callable[[Node, Findings], Any]

SCALAR, LIST, TABLE = "scalar", "sequence", "mapping"
DEEPEST = 5
_NULL, _BOOL = "tag:yaml.org,2002:null", "tag:yaml.org,2002:bool"
_TRUE = ("yes", "true", "on")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def composed(text: str) -> Node | None:
    """Give the root of a YAML text, None if it is empty.

    Raises ConfigError whose hint is "" and whose `output` is the line, from 0, "" if that is not known.
    """
    import yaml

    try:
        _plain(text)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        what, mark = _told(error)
        raise ConfigError(what, output=str(mark.line) if mark else "") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # PyYAML lets what Python says of an impossible character or number through.
        raise ConfigError(f"this is no YAML: {one_line(error)}") from None


def _told(error: yaml.MarkedYAMLError) -> tuple[str, yaml.Mark | None]:
    """Give what is wrong, and where: of what has no end, where it begins."""
    context = error.context or ""
    if "parsing a flow" in context:
        sign = "[" if "sequence" in context else "{"
        return f"this `{sign}` is not closed, or a comma is missing behind it", error.context_mark
    if "quoted scalar" in context and "stream" in (error.problem or ""):
        return "a quote that begins here is not closed", error.context_mark
    what = one_line(error.problem or context or "it cannot be read")
    return what, error.problem_mark or error.context_mark


def _plain(text: str) -> None:
    """Raise ConfigError for YAML of which more could be made than is written there."""
    import yaml

    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = str(event.start_mark.line) if event.start_mark else ""
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigError(
                "`&` and `*` cannot begin a value: put quotes around it", output=line
            )
        if getattr(event, "tag", None):
            raise ConfigError("`!` cannot begin a value: put quotes around it", output=line)
        if depth > DEEPEST:
            raise ConfigError("it is nested too deeply", output=line)


def one_line(words: object) -> str:
    """Give words in one line of at most 200 characters."""
    return " ".join(str(words).split())[:200]


def line(node: Node) -> int:
    """Give the line of the page on which a node of its front matter stands, from 1."""
    return int(node.start_mark.line) + 2


def kind(node: Node) -> str:
    """Give SCALAR, LIST or TABLE."""
    return str(getattr(node, "id", ""))


def is_null(node: Node) -> bool:
    """Whether a value says nothing."""
    return bool(node.tag == _NULL)


def fields(
    node: Node, readers: Mapping[str, Reader], found: Findings, about: str
) -> dict[str, Any]:
    """Give the read values of a table's keys; one that is wrong is missing, and stands in `found`."""
    given: dict[str, Any] = {}
    seen: set[str] = set()
    for key_node, value in node.value:
        key = str(key_node.value)[:80] if kind(key_node) == SCALAR else ""
        if found.full:
            break
        if key not in readers:
            found.add(line(key_node), f"{about}: there is no key {key!r} here", hint=did_you_mean(key, readers))  # fmt: skip
        elif key in seen:
            found.add(line(key_node), f"{about}: `{key}` stands there twice")
        else:
            try:
                given[key] = readers[key](value, found)
            except ConfigError as error:
                found.error(line(key_node), error, about=f"{about}: {key}")
        seen.add(key)
    return given


def scalar(node: Node) -> str:
    """Give the text of a value just as it is written; raises ConfigError."""
    if kind(node) != SCALAR:
        raise ConfigError(f"expected text, not a {'list' if kind(node) == LIST else 'table'}")
    value = str(node.value)
    if _CONTROL.search(value):
        raise ConfigError("expected one line of text, without control characters")
    return value


def text(node: Node, found: Findings) -> str:  # noqa: ARG001 - one shape for all readers
    """Read a text that is not empty."""
    return checks.text(scalar(node))


def free(node: Node, found: Findings) -> str:  # noqa: ARG001
    """Read a text that may be empty."""
    return "" if is_null(node) else scalar(node)


def matched(pattern: str, expected: str) -> Reader:
    """Give a reader of a text that a pattern matches as a whole."""

    def read(node: Node, found: Findings) -> str:
        value = text(node, found)
        if not re.fullmatch(pattern, value):
            checks.wrong(expected, value)
        return value

    return read


def checked(check: Callable[[Any], Any]) -> Reader:
    """Give a reader of a text that passes a check of opskit.toml."""
    return lambda node, found: check(text(node, found))


def switch(node: Node, found: Findings) -> bool:
    """Read true or false."""
    if kind(node) != SCALAR or node.tag != _BOOL:
        checks.wrong("true or false, without quotes", free(node, found))
    return node.value.lower() in _TRUE


def list_of(check: Callable[[Any], str]) -> Reader:
    """Give a reader of a list, or of the one value that stands for a list of one."""

    def read(node: Node, found: Findings) -> tuple[str, ...]:
        if is_null(node):
            return ()
        entries = node.value if kind(node) == LIST else [node]
        return tuple(dict.fromkeys(check(text(entry, found)) for entry in entries))

    return read
