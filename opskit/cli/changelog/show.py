"""`opskit changelog show`: one event, as people read it or byte for byte as it was signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, wiring
from opskit.cli.render import envelope
from opskit.cli.render import event as rendered
from opskit.errors import UnknownNameError

if TYPE_CHECKING:
    from opskit.changelog import Changelog
    from opskit.changelog.showing import Shown


@click.command()
@click.argument("event")
@click.option(
    "--raw", is_flag=True, help="Print what was signed, byte for byte, to check by hand."
)
@options.as_json
def show(event: str, *, raw: bool, as_json: bool) -> int:
    """Show one event of the changelog.

    EVENT is the beginning of its hash, 4 characters or more, as a rollout's page and `opskit log --json` give it.
    """
    config = wiring.read_config(whole=False)
    with wiring.open_changelog(config) as changelog:
        shown = _the_one(changelog, event)
        standing = changelog.standing(shown.event, config.changelog)
    if as_json:
        return envelope.show("changelog show", rendered.as_data(shown, standing))
    rendered.show(rendered.raw(shown) if raw else rendered.plain(shown, standing))
    return 0


def _the_one(changelog: Changelog, prefix: str) -> Shown:
    """Give the event whose hash starts so; raises UnknownNameError, which names the rollout, or the run, that was perhaps meant."""
    from opskit.changelog import RolloutRecord

    try:
        return changelog.show(prefix)
    except UnknownNameError as error:
        try:
            found = changelog.record(prefix)
        except UnknownNameError:
            raise error from None
    what = "rollout" if isinstance(found, RolloutRecord) else "run"
    hint = f"there is a {what} {found.id}: opskit log {found.id}"
    raise UnknownNameError(f"no event {prefix!r}", hint=hint)
