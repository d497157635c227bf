"""The upstream's part of `opskit changelog verify`: exchanged with first, then read anew from its beginning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.cli import options, sharing
from opskit.cli.render import text
from opskit.errors import UpstreamError, UpstreamLiesError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.changelog import Changelog
    from opskit.changelog.auditing import Audited
    from opskit.changelog.sync import Synced
    from opskit.changelog.verify import Problem
    from opskit.config.model import Config

TAMPERED = "runbooks/changelog-disaster.md, 'The upstream was tampered with', says what to do"
REPLACED = (
    "if it was replaced on purpose: opskit changelog sync --accept-new-log; if it is lost, see runbooks/changelog-disaster.md,"
    " 'It is gone'; if somebody did that, 'The upstream was tampered with'"
)
LONG = 50_000  # events from which on it is said that this takes its time


@dataclass(frozen=True, slots=True)
class UpstreamCheck:
    """What became of it: the exchange, the comparison (None: `why` not), and what is wrong.

    `is_missed` tells whether it should have been looked at, and was not.
    """

    synced: Synced | None = None
    audited: Audited | None = None
    why: str = ""
    problems: Sequence[Problem] = field(default=())
    hint: str = ""
    is_missed: bool = False
    lies: Sequence[Problem] = field(default=())

    @property
    def said(self) -> Sequence[str]:
        """What was said already: warnings of the exchange, and what is wrong."""
        warnings = self.synced.warnings if self.synced else ()
        return [*warnings, *(each.what for each in (*self.problems, *self.lies))]


def check_upstream(config: Config, changelog: Changelog) -> UpstreamCheck:
    """Exchange with the upstream and read all of it, if there is one and it can be reached."""
    if not config.changelog.upstream:
        return UpstreamCheck(why="this changelog has no upstream")
    if options.is_offline():
        return UpstreamCheck(why="the upstream was not asked")
    from opskit.changelog.auditing import audit
    from opskit.changelog.verify import Problem
    from opskit.cli.upstreams import open_upstream

    synced, lie, is_other = None, [], False
    try:
        try:
            synced = sharing.sync_now(config, changelog)
        except UpstreamLiesError as error:
            lie = [Problem("upstream", f"{error.trick}: {error.what}")]
            is_other = error.trick == "other log"
        else:
            for warning in synced.warnings:
                text.mention(f"warning: {warning}", colour="red")
        if changelog.count() > LONG:
            text.mention("reading the whole upstream anew; this takes minutes", colour="yellow")
        with open_upstream(config) as upstream:
            audited = audit(changelog.file, upstream)
    except UpstreamError as error:
        found = [*lie, *_emptied(changelog, error)]
        hint = REPLACED if found and not lie else TAMPERED
        return UpstreamCheck(synced, why=error.what, problems=found, hint=hint, is_missed=True)
    hint = REPLACED if is_other else TAMPERED
    problems = audited.problems or lie
    return UpstreamCheck(synced, audited, problems=problems, hint=hint, lies=lie)


def _emptied(changelog: Changelog, error: UpstreamError) -> Iterator[Problem]:
    """Say that what was known as the upstream is none any more."""
    from opskit.changelog.verify import Problem

    exchange = changelog.exchange()
    try:
        known = exchange.current()
    finally:
        exchange.close()
    if error.is_empty and known is not None and known.last is not None:
        what = f"it is known here as log {known.log[:8]}, and now it is empty: {error.what}"
        yield Problem(f"upstream {known.url}", what)
