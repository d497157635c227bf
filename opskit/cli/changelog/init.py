"""`opskit changelog init`: prepare the upstream, once; it can be said again at any time."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope, text
from opskit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opskit.changelog.upstream.place import Made
    from opskit.config.model import Config

MADE: Mapping[Made, str] = {
    "": "was there already",
    "file": "is ready",
    "folder": "is ready; its folder was not there, and was made: is that the right path?",
}


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
    made, and it is printed how its owner lets the others in. What is there already stays as it is.
    """
    said = _prepare(wiring.read_config(whole=False), administrator)
    if as_json:
        return envelope.show("changelog init", {"said": said})
    for line in said:
        text.say(line)
    return 0


def _prepare(config: Config, administrator: str | None) -> list[str]:
    """Prepare whatever the upstream is; gives what to tell people. Raises UsageError, UpstreamError."""
    from opskit.changelog.upstream.rights import for_others
    from opskit.cli.upstreams import open_file, prepare_database

    upstream = config.changelog.upstream
    if not upstream:
        hint = 'say where in opskit.toml: [changelog] upstream = "postgresql://…"'
        raise UsageError("this changelog has no upstream", hint=hint)
    if urlsplit(upstream).scheme not in ("file", "ssh"):
        return prepare_database(config, administrator or upstream)
    with open_file(config) as file:
        done = f"{file.name} {MADE[file.create()]}"
    parts = urlsplit(upstream)
    return [done, *for_others(parts.netloc, unquote(parts.path))]
