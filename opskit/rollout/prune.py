"""Old releases: which may go, and their going."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.config.model import NOTHING
from opskit.errors import OpskitError
from opskit.fleet.command import Command
from opskit.rollout import layout
from opskit.rollout.facts import Warned
from opskit.rollout.probe import probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opskit.fleet.fanout import Fleet
    from opskit.fleet.remote import Remote
    from opskit.rollout.facts import Teller
    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HostState, Release

KEPT_AS_EVIDENCE = 2


def removable(state: HostState, *, keep: int) -> tuple[str, ...]:
    """Give the releases of a host that may go.

    The live one stays, the newest good one of each of the `keep` newest revisions stays (the live one among
    them), and the last two that were never good stay as evidence: neither failed releases nor one revision
    deployed again and again push out the way back.
    """
    there = [release.id for release in state.releases]
    good = [name for name in state.good if name in there and name not in state.bad]
    newest = {state.find(name).revision or name: name for name in good}
    ways_back = [name for name in good if name in newest.values()]
    other = [name for name in there if name not in good]
    kept = {state.live, *ways_back[-max(2, keep) :], *other[-KEPT_AS_EVIDENCE:]}
    return tuple(name for name in there if name not in kept)


def after(state: HostState, release: Release) -> HostState:
    """Give a host's state as it is once `release` has come and is good there."""
    good = (*(name for name in state.good if name != release.id), release.id)
    bad = state.bad - {release.id}
    return replace(state, live=release.id, releases=(*state.releases, release), good=good, bad=bad)


def to_go_back_to(targets: Iterable[Target], *, stopped: bool) -> Mapping[str, str]:
    """Give the releases that hosts ran before a deploy: one that was `stopped` can still be taken back."""
    return {t.host: t.before.id for t in targets if stopped and t.before}


def prune(
    fleet: Fleet, hosts: Sequence[str], *, path: str, keep: int, guard: str, tell: Teller,
    spared: Mapping[str, str] = NOTHING,
) -> None:  # fmt: skip
    """Remove old releases from `hosts`, but none that is `spared` there; a host where that fails is only told of."""

    def work(remote: Remote) -> None:
        old = removable(probe(remote, path=path), keep=keep)
        old = tuple(name for name in old if name != spared.get(remote.name))
        if old:
            remote.execute(Command(layout.prune(guard, old), twice=True)).require(
                "removing old releases"
            )

    for outcome in fleet.each(work, hosts):
        if isinstance(outcome.error, OpskitError):
            tell(Warned(f"{outcome.host}: old releases are still there: {outcome.error.what}"))
