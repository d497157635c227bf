"""What `opskit log --web FILE` does: make the page, write it, say what was written."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from opskit.changelog import Changelog, Entry
    from opskit.cli.wishes import Wishes
    from opskit.config.model import Config

KIB = 1024


def write_page(
    file: Path,
    entries: Sequence[Entry],
    config: Config,
    changelog: Changelog,
    wishes: Wishes,
    *,
    more: bool,
    as_json: bool,
) -> int:
    """Write the page of `entries` (newest first; there are `more`) and say so; gives the exit code.

    Raises RefusedError if `file` is something else than such a page, UsageError if it cannot be written.
    """
    from opskit.cli.web.page import About, made
    from opskit.cli.web.saving import save

    about = About(
        name=config.changelog.name,
        made=datetime.now(UTC).astimezone(),
        command=shlex.join(["opskit", *sys.argv[1:]]),
        scope=tuple(wishes.in_words()),
        shared=bool(config.changelog.upstream),
        synced=_synced(config, changelog),
        limit=wishes.limit if more else 0,
    )
    size = save(made(entries, about), file)
    if as_json:
        said = {"web": {"file": file.absolute(), "entries": len(entries), "bytes": size}}
        return envelope.show("log", said)
    count = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    text.say(f"wrote {file}: {count}, {max(size // KIB, 1)} KiB; open it in a browser")
    return 0


def _synced(config: Config, changelog: Changelog) -> datetime | None:
    """Give when this machine last had all that the others had shared."""
    from opskit.changelog.lag import lag

    seconds = lag(changelog.file).seconds if config.changelog.upstream else None
    return None if seconds is None else datetime.now(UTC) - timedelta(seconds=seconds)
