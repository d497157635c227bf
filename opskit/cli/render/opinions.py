"""What people found out about a rollout or a run, on its own page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.changelog.ruling import holding
from opskit.cli.render import terminal, text
from opskit.cli.render.marks import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.changelog import VerdictEntry


def show(given: Sequence[VerdictEntry]) -> None:
    """Print verdicts, the last one last, and which of several holds."""
    held = holding(given)
    for each in given:
        is_held = held is not None and each.hash == held.hash
        text.say(f"\n{terminal.visible(_said(each, is_held=is_held), one_line=True)}")
        for line in _more(held if held and is_held else each):
            text.say(f"  {terminal.visible(line, one_line=True)}")


def _said(one: VerdictEntry, *, is_held: bool) -> str:
    word = one.verdict or f"[{one.damage or 'unreadable'}]"
    gone = "" if is_held else " [revoked]" if one.standing == "revoked" else ", replaced since"
    by = signed(one.actor, one.principal)
    return f"verdict by {by}, {one.at.astimezone():%Y-%m-%d %H:%M:%S}: {word}{gone}"


def _more(one: VerdictEntry) -> Iterator[str]:
    yield from one.why.splitlines()
    if one.onset:
        yield f"the trouble began {one.onset.astimezone():%Y-%m-%d %H:%M:%S}"
    if one.incident:
        yield f"incident {one.incident}"
