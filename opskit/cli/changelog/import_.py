"""`opskit changelog import`: take in what another opskit exported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope, text
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opskit.changelog.exchange import Taken


@click.command("import")
@click.argument("file", type=click.Path(allow_dash=True))
@options.as_json
def import_(file: str, *, as_json: bool) -> int:
    """Take in events that were exported, and check each of them.

    FILE is what `opskit changelog export` wrote, or - for standard input. Events that are here already change nothing.
    Exit code 1 if a line cannot be read or an event is no true part of its chain; the others are taken in.
    """
    config = wiring.read_config()
    with wiring.open_changelog(config) as changelog:
        taken = changelog.take_in(lines_of(file))
    for warning in taken.warnings:
        text.mention(f"warning: {warning}", colour="red")
    return show_taken(taken, as_json=as_json)


def show_taken(taken: Taken, *, as_json: bool) -> int:
    """Show what was new, known and refused; gives the exit code."""
    data = {"new": taken.new, "known": taken.known, "refused": taken.refused}
    error = ChangelogError(f"{text.plural(len(taken.refused), 'line')} not taken in")
    if as_json:
        if taken.refused:
            return envelope.show("changelog import", data, exit_code=1, error=error)
        return envelope.show("changelog import", data)
    text.say(f"{text.plural(taken.new, 'event')} taken in, {taken.known} were here already")
    for words in taken.refused:
        text.mention(f"not taken in: {words}", colour="red")
    return 1 if taken.refused else 0


def lines_of(file: str) -> Iterable[str]:
    """Give the lines of a file, one after the other; raises ChangelogError."""
    if file == "-":
        yield from sys.stdin
        return
    try:
        with Path(file).open(encoding="utf-8", errors="replace", newline="\n") as stream:
            yield from stream
    except OSError as error:
        raise ChangelogError(f"cannot read {file}: {error.strerror}") from None
