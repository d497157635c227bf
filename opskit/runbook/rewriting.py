"""What somebody was asked, and what was waited for, as paragraphs of a page that ask it once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.runrecords import ANSWERED, BEGAN, DECIDE, WENT
from opskit.config import checks
from opskit.errors import ConfigError
from opskit.runbook import attributes, names
from opskit.runbook.model import CONTAINS, EXACT, REGEX
from opskit.runbook.page.keywords import GO_ON
from opskit.runbook.patterns import pattern
from opskit.runbook.quoting import fence, inline, one_line, visible

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from opskit.changelog.runrecords import Act, Awaited, Value
    from opskit.runbook.writing import Heading

    Find = Callable[[str], Heading | None]
    """Gives the heading of a step by its id, None if it is not on the page."""

MOST = 500
_WORDS = {
    "confirm": "**Confirm:** {}",
    "check": "- [ ] {}",
    "evidence": "- [ ] {} (evidence)",
    "approve": "**Approve:** {}",
}


def asked(act: Act, find: Find, captured: Collection[str]) -> str:
    """Give the paragraph that asks what was asked then, or waits for it; "" for what asked nothing, or cannot be said again.

    `captured` are the names that commands above it in its step give to what they print.
    """
    if act.what == BEGAN and act.awaited:
        return _wait(act.awaited, find, captured)
    if act.what not in (ANSWERED, WENT):
        return ""
    text = inline(act.text, MOST).strip()
    if act.kind == "ask" and _is_name(act.name):
        return f"**Ask:** `{act.name}` - {text or 'What is it?'}"
    if not text:
        return ""
    if act.kind == DECIDE or (act.what == WENT and act.how == DECIDE):
        return f"**Decide:** {text}{_ways(act.choices, find)}"
    return _WORDS[act.kind].format(text) if act.kind in _WORDS else ""


def expected(told: Value | None) -> str:
    """Give the fence that says what the command above it must print; "" if nothing must be, or it cannot be written."""
    if told is None or told.name not in (EXACT, CONTAINS, REGEX):
        return ""
    text = told.value.rstrip("\n")
    if not text or visible(text) != text or (told.name == REGEX and not _is_pattern(text)):
        return ""
    return f"<!-- opskit: expect={told.name} -->\n{fence(text)}"


def _ways(choices: Collection[Value], find: Find) -> str:
    """Give the ways on of a decision, those that lead to steps of the page."""
    found: dict[str, str] = {}
    taken = {GO_ON}
    for label, target in choices:
        said, heading = one_line(label.strip(), 100), find(target)
        plain = " ".join(said.split())
        if heading and plain and plain not in taken and heading.anchor not in found.values():
            taken.add(plain)
            found[inline(said, 100)] = heading.anchor
    return "".join(f" [{label}](#{anchor})" for label, anchor in found.items())


def _wait(told: Awaited, find: Find, captured: Collection[str]) -> str:
    most, every = _span(told.most), _span(told.every)
    if not most:
        return ""
    if not told.name:
        return f"**Wait:** {most}"
    value = told.value
    is_plain = bool(value) and visible(value) == value and " ".join(value.split()) == value
    if told.name not in captured or not is_plain or "`" in value or not every:
        return ""
    heading = find(told.to)
    other = (
        f", else go to [{inline(_words_of(heading), 100)}](#{heading.anchor})" if heading else ""
    )
    is_ = "is not" if told.negated else "is"
    return f"**Wait:** until `{told.name}` {is_} `{value}`, every {every}, at most {most}{other}"


def _words_of(heading: Heading) -> str:
    """Give the words of an anchor, which say well enough where a link leads."""
    return heading.anchor.replace("-", " ").strip() or "there"


def _span(ms: int) -> str:
    """Give a time as a page says it; "" for one that no page can say."""
    try:
        return attributes.span(checks.duration(ms / 1000))
    except (ConfigError, OverflowError):
        return ""


def _is_name(name: str) -> bool:
    try:
        return bool(names.variable(name))
    except ConfigError:
        return False


def _is_pattern(text: str) -> bool:
    try:
        return bool(pattern(text))
    except ConfigError:
        return False
