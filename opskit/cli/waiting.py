"""`--wait`: what is said while another run holds the hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog import Changelog
    from opskit.config.service import Service
    from opskit.fleet.fanout import Fleet
    from opskit.rollout.facts import Fact
    from opskit.rollout.patience import Patience


def until_free(
    patience: Patience,
    fleet: Fleet,
    changelog: Changelog,
    service: Service,
    hosts: Sequence[str],
) -> None:
    """Wait, if asked to, until no living run holds the hosts, and say so."""
    from opskit.cli.render import text
    from opskit.rollout.facts import Doing
    from opskit.rollout.owners import is_dead

    def tell(fact: Fact) -> None:
        if isinstance(fact, Doing):
            text.mention(fact.what)

    patience.until_free(
        fleet,
        hosts,
        path=service.path,
        is_dead=lambda lock: is_dead(changelog, lock),
        tell=tell,
    )
