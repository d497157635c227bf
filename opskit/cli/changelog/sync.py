"""`opskit changelog sync`: exchange with the upstream now, and wait for it."""

from __future__ import annotations

import click

from opskit.cli import options, sharing, wiring
from opskit.cli.render import envelope, text
from opskit.errors import ConfigError


@click.command()
@click.option(
    "--accept-new-log",
    "accept",
    is_flag=True,
    help="The upstream was replaced on purpose: go on with the new one.",
)
@click.option(
    "--relay", "everybody", is_flag=True, help="Push also what others wrote, who cannot do it."
)
@click.option(
    "--again",
    is_flag=True,
    help="Pull everything anew: what was not taken in before gets another chance, what is here is compared.",
)
@options.as_json
def sync(*, accept: bool, everybody: bool, again: bool, as_json: bool) -> int:
    """Exchange with the upstream now, and wait for it.

    Every command does so around its work, within the time limit of opskit.toml; this waits for as long as it takes.
    Exit code 1 if it cannot be done, 2 if there is no upstream.
    """
    config = wiring.read_config(whole=False)
    if not config.changelog.upstream:
        hint = 'say where in opskit.toml: [changelog] upstream = "postgresql://…"'
        raise ConfigError("this changelog has no upstream", hint=hint)
    with wiring.open_changelog(config) as changelog:
        done = sharing.sync_now(config, changelog, everybody=everybody, accept=accept, again=again)
    if as_json:
        return envelope.show("changelog sync", {"sync": done})
    text.say(f"{text.plural(done.pulled, 'event')} came, {done.pushed} went, {done.seconds:.1f} s")
    for warning in done.warnings:
        text.mention(f"warning: {warning}", colour="red")
    sharing.mention_left(done)
    return 0
