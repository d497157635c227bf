"""`opskit changelog rebuild`: bring the changelog back from what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.changelog.import_ import lines_of
from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from opskit.config.model import Config

UPSTREAM, HOSTS, ITSELF = "upstream", "hosts", "itself"


@click.command()
@click.option(
    "--from",
    "source",
    metavar="upstream|hosts|itself|FILE",
    required=True,
    help="What it is brought back from; FILE is an export.",
)
@options.environment
@options.yes
@options.as_json
def rebuild(source: str, *, environment: str | None, yes: bool, as_json: bool) -> int:
    """Bring the changelog of this machine back after a disaster.

    From upstream or a FILE: the database here is set aside (never deleted), and a new one is filled from there and with all
    that can still be read of the old one; from itself: only with that. From hosts: rollouts that only hosts remember are added: who,
    when, from and to; nothing is set aside.
    """
    config = wiring.read_config()
    done = _from_hosts(config, environment) if source == HOSTS else _anew(config, source, yes=yes)
    if as_json:
        return envelope.show("changelog rebuild", done)
    for name, value in done.items():
        text.say(f"{name.replace('_', ' '):<14}{value}")
    return 0


def _anew(config: Config, source: str, *, yes: bool) -> dict[str, object]:
    """Set the old database aside and fill a new one; gives what came of it."""
    from opskit.changelog import rebuild as again

    options.ask("set the changelog of this machine aside and fill a new one?", yes=yes)
    with wiring.open_changelog(config) as changelog, again.set_aside(changelog.file) as aside:
        if source == UPSTREAM:
            new = sharing.sync_now(config, changelog).pulled
        elif source == ITSELF:
            new = 0
        else:
            new = changelog.take_in(lines_of(source)).new
        saved = changelog.take_in_packets(again.salvage(aside)) if aside else None
        return {
            "set_aside": str(aside or "nothing was there"),
            "from_source": new,
            "from_the_old": saved.new if saved else 0,
            "events": changelog.count(),
        }


def _from_hosts(config: Config, environment: str | None) -> dict[str, object]:
    """Ask the hosts of every service of an environment, and write what the changelog lacks."""
    from opskit.rollout.recover import recover
    from opskit.rollout.witness import collect

    where = config.environment(environment).name
    services = [places[where] for places in config.services.values() if where in places]
    inventory = wiring.open_inventory(config, environment)
    recovered: list[str] = []
    unheard: dict[str, str] = {}
    with (
        wiring.open_changelog(config) as changelog,
        wiring.open_fleet(config, inventory) as fleet,
    ):
        vouching.keep_enrolled(changelog, config.changelog, tokens=False)
        for service in services:
            hosts = [host.name for host in inventory.select(service.hosts)]
            receipts, errors = collect(fleet, hosts, path=service.path)
            found = [receipt for each in receipts.values() for receipt in each]
            recovered += recover(service=service, receipts=found, changelog=changelog)
            unheard |= {host: error.what for host, error in errors.items()}
    return {"recovered": len(recovered), "rollouts": recovered, "not_asked": unheard}
