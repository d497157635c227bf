"""What the services need that are ill: whether those are well themselves, by their own health checks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.blame.looked import Looked
from opskit.blame.undo import fold

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from opskit.blame.gather import Place

MOST_SAID = 200
"""Characters of what a check below said."""


def apart(looked: Looked, asked: Sequence[str], place: Place) -> tuple[Looked, Looked]:
    """Part what hosts said of services in question from what they said of those that they need."""
    hosts = place.hosts_of(asked)
    here = {host: why for host, why in looked.silent.items() if host in hosts}
    there = {host: why for host, why in looked.silent.items() if host not in hosts}
    return (
        Looked(tuple(each for each in looked.seen if each.service in asked), here),
        Looked(tuple(each for each in looked.seen if each.service not in asked), there),
    )


def needed(place: Place, sick: Sequence[str]) -> tuple[str, ...]:
    """Give the services whose check fails and that one which is ill needs."""
    return tuple(name for name in place.below(place.ill) if name in sick)


def needing(place: Place, sick: Sequence[str]) -> tuple[str, ...]:
    """Give the services that are ill and need one whose check fails."""
    return tuple(name for name in place.ill if not set(sick).isdisjoint(place.below([name])))


def sentences(place: Place, looked: Looked) -> Iterator[str]:
    """Say of each service that one which is ill needs whether it is well itself."""
    for name in place.below(place.ill):
        above = next(one for one in place.ill if name in place.below([one]))
        about = [each for each in looked.seen if each.service == name and not each.asked]
        bad = [each for each in about if each.well is False]
        fine = [each.host for each in about if each.well]
        if bad:
            said = " ".join(bad[0].said.split())[:MOST_SAID]
            yield f"{name}, which {above} needs, is ill itself: {fold(each.host for each in bad)} says {said}"
        elif fine:
            yield f"{name}, which {above} needs, is well: its health check passes on {fold(fine)}"
