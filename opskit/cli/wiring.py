"""Where commands get what is heavy: the configuration, the fleet, the changelog, all imported late."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from opskit.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog import Changelog
    from opskit.config.model import Config
    from opskit.config.secret import Redactor
    from opskit.config.sources import SecretSource
    from opskit.fleet.fanout import Fleet
    from opskit.fleet.inventory import Inventory


def read_config(*, whole: bool = True) -> Config:
    """Read opskit.toml, found upwards from here or named by OPSKIT_CONFIG; raises ConfigError. See `reading.load`."""
    import click

    from opskit.cli.hiding import Known
    from opskit.config import load

    config = load(whole=whole)
    called = click.get_current_context(silent=True)
    if called and isinstance(called.obj, Known):
        called.obj.config = config  # so that no error shows a secret of it
    return config


def open_inventory(config: Config, environment: str | None) -> Inventory:
    """Give the hosts of an environment (None: the default one); raises UsageError."""
    from opskit.fleet import load_inventory

    return load_inventory(config, environment)


def open_fleet(config: Config, inventory: Inventory) -> Fleet:
    """Give the fleet as a context manager; hosts are connected to when first needed.

    Nothing that it hears shows a secret of opskit.toml that can be had without asking anybody.
    """
    from opskit.fleet import open_fleet

    return open_fleet(inventory, config.ssh, redactor=redactor(config))


def redactor(config: Config) -> Redactor:
    """Give what hides the secrets of opskit.toml that are had without asking anybody: of variables and files."""
    from opskit.config.secret import Redactor
    from opskit.rollout.secrets import at_hand

    return Redactor(at_hand(_sources(config)))


def _sources(config: Config) -> Iterator[SecretSource]:
    """Give the sources of all secrets; a service that is written wrong keeps nobody from looking at hosts."""
    for environment in config.environments.values():
        yield from environment.secrets.values()
        yield from [environment.sudo_password] if environment.sudo_password else []
    with contextlib.suppress(ConfigError):
        for places in config.services.values():
            for service in places.values():
                yield from service.secrets.values()


def open_changelog(config: Config, *, quiet: bool = False) -> Changelog:
    """Give the changelog of this machine that the configuration names, without sharing anything.

    Reading a missing one finds it empty. Commands take it from `sharing.open_changelog`. What takes a while is told,
    unless it is `quiet`.
    """
    from opskit.changelog import open_changelog
    from opskit.cli.render import text

    said = None if quiet else text.mention
    return open_changelog(config.changelog.name, settings=config.changelog, on_wait=said)


def select(inventory: Inventory, changelog: Changelog, selector: str) -> tuple[str, ...]:
    """Give the names of the hosts that a selector picks; `@failed:ID` are those that a rollout left undone.

    Raises SelectorError, UnknownNameError.
    """
    import re

    extra = {}
    for word in re.findall(r"@(failed:[a-z0-9]+)", selector):
        record = changelog.rollout(word.partition(":")[2])
        undone = [host.name for host in record.hosts if host.outcome != "done"]
        extra[word] = tuple(name for name in undone if name in inventory.hosts)
    return tuple(host.name for host in inventory.select(selector, extra=extra))
