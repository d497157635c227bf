"""A laptop: `python -m tests.changelog.laptop FILE COUNT URL NAME` appends notes and shares them, until it is done or killed.

Prints `ACK hash` for each event that is durable here, and `ERR kind` for each sync that did not come through.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.changelog import Changelog
from opskit.changelog.sync import sync
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.sync import Synced
    from opskit.changelog.upstream import Upstream

EVERY = 7  # events between two syncs


@contextlib.contextmanager
def upstream_of(url: str) -> Iterator[Upstream]:
    """Open an upstream by its address, as `opskit` does without any configuration."""
    from opskit.cli.upstreams import open_upstream
    from opskit.config.model import ChangelogSettings, Config

    settings = ChangelogSettings(upstream=url, timeout=60.0)
    config = Config(Path("/nowhere/opskit.toml"), {}, "", changelog=settings)
    with open_upstream(config) as upstream:
        yield upstream


def share(file: Path, url: str, **options: bool) -> Synced:
    """Sync once; raises ChangelogError."""
    with Changelog(file) as changelog, upstream_of(url) as upstream:
        exchange = changelog.exchange()
        try:
            return sync(exchange, upstream, **options)
        finally:
            exchange.close()


def main() -> None:
    file, count, url, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
    with Changelog(file, actor=name) as changelog:
        for number in range(1, count + 1):
            event = changelog.append("note", {"text": f"{name} {number}"}, environment="test")
            print(f"ACK {event.hash.hex()}", flush=True)
            if number % EVERY == 0 or number == count:
                try:
                    share(file, url)
                except ChangelogError as error:
                    print(f"ERR {error.kind} {error}", flush=True)


if __name__ == "__main__":
    main()
