"""`opskit changelog rebuild`: bring the changelog back from what is left of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from opskit.cli import options, sharing, vouching, wiring
from opskit.cli.changelog.import_ import lines_of
from opskit.cli.render import envelope, text

if TYPE_CHECKING:
    from opskit.changelog import Changelog
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

    From upstream or a FILE: a new database is filled from there and with all that can still be read of the one here, which
    is set aside then (never deleted); from itself: only with that. If that fails, nothing has changed. From hosts: rollouts
    that only hosts remember are added: who, when, from and to; nothing is set aside.
    """
    config = wiring.read_config(whole=False)
    if source == HOSTS:
        return _from_hosts(config, environment, as_json=as_json)
    return _anew(config, source, yes=yes, as_json=as_json)


def _anew(config: Config, source: str, *, yes: bool, as_json: bool) -> int:
    """Fill a new database and put it in the place of the old one; says what came of it and gives the exit code."""
    from opskit.changelog.rebuild import rebuild

    options.ask("fill a new database and set the changelog of this machine aside?", yes=yes)
    refused: list[str] = []

    def fill(new: Changelog) -> int:
        if source == UPSTREAM:
            return sharing.sync_now(config, new).pulled
        if source == ITSELF:
            return 0
        taken = new.take_in(lines_of(source))
        refused.extend(taken.refused)
        return taken.new

    with wiring.open_changelog(config) as changelog:
        done = rebuild(changelog.file, fill)
    if as_json:
        return envelope.show(
            "changelog rebuild",
            {**asdict(done), "refused": refused},
            exit_code=3 if refused else 0,
        )
    if source != ITSELF:
        text.say(f"{text.plural(done.from_source, 'event')} from {source}")
    if done.aside:
        text.say(
            f"{text.plural(done.from_the_old, 'event')} from the old database, which is now {done.aside}"
        )
    text.say(f"{text.plural(done.events, 'event')} in the changelog of this machine")
    for words in refused:
        text.mention(words, colour="red")
    return 3 if refused else 0


def _from_hosts(config: Config, environment: str | None, *, as_json: bool) -> int:
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
    if as_json:
        data = {"recovered": len(recovered), "rollouts": recovered, "not_asked": unheard}
        return envelope.show("changelog rebuild", data, exit_code=3 if unheard else 0)
    text.say(
        f"{text.plural(len(recovered), 'rollout')} written down again that only hosts remembered"
    )
    for rollout in recovered:
        text.say(f"  opskit log {rollout}")
    for host, why in unheard.items():
        text.mention(f"{host} was not asked: {why}", colour="yellow")
    return 3 if unheard else 0
