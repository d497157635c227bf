"""`opskit changelog import`: take in what another opskit exported."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope, text
from opskit.errors import ChangelogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.taking import Taken


@click.command("import")
@click.argument("file", type=click.Path(allow_dash=True))
@options.as_json
def import_(file: str, *, as_json: bool) -> int:
    """Take in events that were exported, and check each of them.

    FILE is what `opskit changelog export` wrote, or - for standard input. Events that are here already change nothing.
    Exit code 1 if a line cannot be read, an event is no true part of its chain, or its body is not the one that was signed;
    the others are taken in. A body that is missing here is filled in.
    """
    config = wiring.read_config(whole=False)
    with wiring.open_changelog(config) as changelog:
        taken = changelog.take_in(lines_of(file))
    for warning in taken.warnings:
        text.mention(f"warning: {warning}", colour="red")
    return show_taken(taken, as_json=as_json)


def show_taken(taken: Taken, *, as_json: bool) -> int:
    """Show what was new, known and refused; gives the exit code."""
    data = {"new": taken.new, "known": taken.known, "refused": taken.refused}
    error = ChangelogError(f"{text.plural(len(taken.refused), 'event')} not taken in as exported")
    if as_json:
        if taken.refused:
            return envelope.show("changelog import", data, exit_code=1, error=error)
        return envelope.show("changelog import", data)
    text.say(f"{text.plural(taken.new, 'event')} taken in, {taken.known} were here already")
    for words in taken.refused:
        text.mention(words, colour="red")
    return 1 if taken.refused else 0


def lines_of(file: str) -> Iterator[str]:
    """Give the lines of an export, one after the other; raises ChangelogError, for any other file at once."""
    from opskit.changelog.export import demand_first

    try:
        with sys.stdin.buffer if file == "-" else Path(file).open("rb") as stream:
            first = _line(stream, file)
            demand_first(first, "standard input" if file == "-" else file)
            yield first
            while line := _line(stream, file):
                yield line
    except OSError as error:
        raise ChangelogError(f"cannot read {file}: {error.strerror}") from None


def _line(stream: BinaryIO, file: str) -> str:
    """Read a line, "" at the end; raises ChangelogError for one that is longer than any event."""
    from opskit.changelog.export import LONGEST_LINE

    line = stream.readline(LONGEST_LINE + 1)
    if len(line) > LONGEST_LINE:
        raise ChangelogError(
            f"{file} is not an export of a changelog: it has a line of more than {LONGEST_LINE >> 20} MiB",
            hint="opskit changelog export FILE writes one",
        )
    return line.decode(errors="replace")
