"""Where each host of a rollback goes: to what was last good on it, or to what the operator names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from opskit.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from opskit.rollout.plan import Target
    from opskit.rollout.probe import HostState, Release

SHORTEST = 4  # characters that a beginning of a release or revision must have
NEVER_LIVE = "was never live here"


def last_good(target: Target, state: HostState | None) -> Target:
    """Give a target with the release that was last good on its host, or with what stands in the way."""
    if state is None:
        return target
    if goal := state.last_good():
        return replace(target, after=goal)
    what = "has no earlier release that was good here"
    return replace(target, problem=what, hint="deploy a version that works", outcome="failed")


def named(target: Target, state: HostState | None, word: str) -> Target:
    """Give a target with the release that `word` names on its host, or with what stands in the way.

    What was never live on a host is none to go back to. Of several of the same revision, the one last found good.
    """
    if state is None:
        return target
    there = [release for release in state.releases if fits(release, word)]
    lived = [release for release in there if release.id in state.good or release.id in state.bad]
    if lived:
        return replace(target, after=max(lived, key=lambda release: _worth(state, release)))
    what = (
        f"has {there[-1].title}, which {NEVER_LIVE}" if there else f"does not have {word} any more"
    )
    return replace(target, problem=what, hint="deploy it: opskit deploy", outcome="failed")


def fits(release: Release, word: str) -> bool:
    """Tell whether a release is called so: by its name, its label, its revision, or the beginning of those two."""
    if word in (release.id, release.label, release.revision):
        return True
    return len(word) >= SHORTEST and any(
        name.startswith(word) for name in (release.revision, release.id)
    )


def demand_one(states: Mapping[str, HostState], word: str, *, service: str) -> str:
    """Give the name to look for on hosts: of one release if `word` is its whole name, else that of what it means.

    Raises UnknownNameError if no host has it, UsageError if it means more than one version.
    """
    every = {release.id: release for state in states.values() for release in state.releases}
    if word in every:
        return word
    found = [release for release in every.values() if fits(release, word)]
    versions = {release.revision or release.id for release in found}
    pick = f"opskit rollback {service} --pick shows what there is"
    if len(versions) > 1:
        names = ", ".join(sorted(release.id for release in found)[-10:])
        raise UsageError(f"several releases are called {word!r}", hint=f"one of: {names}; {pick}")
    if not versions and states:
        raise UnknownNameError(f"no host has a release {word!r} of {service}", hint=pick)
    return next(iter(versions), word)


def marked_bad(targets: Iterable[Target], states: Mapping[str, HostState]) -> tuple[str, ...]:
    """Say which hosts go to what was found bad there."""
    return tuple(
        f"{t.host}: {t.after.title} was found bad there"
        for t in targets
        if t.after and not t.problem and t.after.id in states[t.host].bad
    )


def _worth(state: HostState, release: Release) -> tuple[bool, int, str]:
    good = state.good.index(release.id) if release.id in state.good else -1
    return release.id not in state.bad, good, release.id
