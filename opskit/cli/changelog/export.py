"""`opskit changelog export`: everything, as lines of JSON that any opskit can take in again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, wiring
from opskit.cli.render import envelope, text
from opskit.errors import ChangelogError, UsageError

if TYPE_CHECKING:
    from opskit.changelog import Changelog


@click.command()
@click.argument("file", required=False, type=click.Path())
@options.offline
@options.as_json
def export(file: str | None, *, as_json: bool) -> int:
    """Write all events as lines of JSON, for a backup or a move.

    To FILE, which must not be there yet, else to standard output. The same events give the same bytes on every
    machine; `opskit changelog import` takes them in again.
    """
    if as_json and not file:
        raise UsageError("--json and the events would be mixed up", hint="name a FILE for them")
    config = wiring.read_config(whole=False)
    with sharing.open_changelog(config) as changelog:
        if not file:
            changelog.export(_print)
            return 0
        count = _write(Path(file), changelog)
    if as_json:
        return envelope.show("changelog export", {"file": file, "lines": count})
    text.say(f"{text.plural(count, 'line')} in {file}")
    return 0


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _write(file: Path, changelog: Changelog) -> int:
    """Write the whole file or none; raises ChangelogError."""
    count = 0
    part = file.with_name(f"{file.name}.part")
    if file.exists():
        raise ChangelogError(f"{file} is there already", hint="name another file")
    try:
        with part.open("w", encoding="utf-8", newline="\n") as stream:

            def write(line: str) -> None:
                nonlocal count
                stream.write(f"{line}\n")
                count += 1

            changelog.export(write)
        part.rename(file)
    except OSError as error:
        raise ChangelogError(f"cannot write {file}: {error.strerror}") from None
    finally:
        part.unlink(missing_ok=True)
    return count
