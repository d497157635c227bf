"""`opskit changelog init`: prepare the upstream, once; it can be said again at any time."""

from __future__ import annotations

from urllib.parse import urlsplit

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope, text
from opskit.errors import UsageError


@click.command()
@click.option(
    "--as",
    "administrator",
    metavar="URL",
    help="The database's address for a role that may create schemas and roles.",
)
@options.as_json
def init(*, administrator: str | None, as_json: bool) -> int:
    """Prepare the upstream that opskit.toml names.

    A database gets its tables, its rules and two roles, and what is typed for each engineer is printed; a file is
    made. What is there already stays as it is.
    """
    from opskit.cli.upstreams import open_file, prepare_database

    config = wiring.read_config()
    upstream = config.changelog.upstream
    if not upstream:
        hint = 'say where in opskit.toml: [changelog] upstream = "postgresql://…"'
        raise UsageError("this changelog has no upstream", hint=hint)
    if urlsplit(upstream).scheme in ("file", "ssh"):
        with open_file(config) as file:
            said = [f"{file.name} {'is ready' if file.create() else 'was there already'}"]
    else:
        said = prepare_database(config, administrator or upstream)
    if as_json:
        return envelope.show("changelog", {"said": said})
    for line in said:
        text.say(line)
    return 0
