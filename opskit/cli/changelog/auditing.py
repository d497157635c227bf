"""The upstream's part of `opskit changelog verify`: exchanged with first, then read anew from its beginning."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opskit.cli import options, sharing
from opskit.cli.render import text
from opskit.errors import UpstreamError, UpstreamLiesError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog
    from opskit.changelog.auditing import Audited
    from opskit.changelog.sync import Synced
    from opskit.changelog.verify import Problem
    from opskit.config.model import Config

LONG = 50_000  # events from which on it is said that this takes its time


@dataclass(frozen=True, slots=True)
class UpstreamCheck:
    """What became of it: the exchange, the comparison (None: `why` not), and what is wrong."""

    synced: Synced | None = None
    audited: Audited | None = None
    why: str = ""
    problems: Sequence[Problem] = field(default=())


def check_upstream(config: Config, changelog: Changelog) -> UpstreamCheck:
    """Exchange with the upstream and read all of it, if there is one and it can be reached."""
    if not config.changelog.upstream:
        return UpstreamCheck(why="this changelog has no upstream")
    if options.is_offline():
        return UpstreamCheck(why="the upstream was not asked")
    from opskit.changelog.auditing import audit
    from opskit.changelog.verify import Problem
    from opskit.cli.upstreams import open_upstream

    synced, lie = None, []
    try:
        try:
            synced = sharing.sync_now(config, changelog)
        except UpstreamLiesError as error:
            lie = [Problem("upstream", f"{error.trick}: {error.what}")]
        else:
            for warning in synced.warnings:
                text.mention(f"warning: {warning}", colour="red")
        if changelog.count() > LONG:
            text.mention("reading the whole upstream anew; this takes minutes", colour="yellow")
        with open_upstream(config) as upstream:
            audited = audit(changelog.file, upstream)
    except UpstreamError as error:
        return UpstreamCheck(synced, why=error.what, problems=lie)
    return UpstreamCheck(synced, audited, problems=audited.problems or lie)
