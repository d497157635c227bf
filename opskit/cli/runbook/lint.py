"""`opskit runbook lint`: what is wrong with runbooks, for editors and CI."""

from __future__ import annotations

from pathlib import Path

import click

from opskit.cli import options
from opskit.cli.runbook import reading


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@options.environment
@options.as_json
def lint(files: tuple[Path, ...], *, environment: str | None, as_json: bool) -> int:
    """Find what is wrong with runbooks.

    FILES, or all runbooks of the fleet. Each problem is one line, `file:line: what`. Hosts, services, tasks and commands are looked up,
    too, if there is an opskit.toml. Exit code 1 if a page cannot be run as it stands; warnings alone give 0.
    """
    from opskit.cli.render import books
    from opskit.runbook.audit import doubles

    config = reading.config_for(files)
    pages = reading.pages(config, files)
    found = [*doubles(pages), *reading.linted(pages, config, environment)]
    return books.show_problems(found, len(pages), command="runbook lint", as_json=as_json)
