"""Releases as people read them: what a rollout brought, and what was there before."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from opskit.changelog import Release, RolloutRecord

SHORT = 8  # characters of a revision, or of a label that needs none


def releases(record: RolloutRecord) -> str:
    """Give `v1 → v2`, as far as the rollout was about releases; `→ v1 (6244b7ed)` for the first of all.

    Where labels do not tell one from the other, as those of folders: `site (6244b7ed → 9a8b7c6d)`.
    """
    before, after = record.before, record.after
    if not after:
        return ""
    if before == after:
        return ", ".join(release.title for release in after)
    if before and _labels_differ(record):
        return from_to([named(release) for release in before], _listed(map(named, after)))
    label, every = after[0].label, (*before, *after)
    if not before or not all(each.label == label and each.revision for each in every):
        return from_to([r.title for r in before], _listed(r.title for r in after))
    revisions = _listed(release.revision[:8] for release in after)
    return f"{label} ({from_to([release.revision[:8] for release in before], revisions)})"


def release_in_short(record: RolloutRecord) -> str:
    """Give what runs since, `→ v2` or `→ 9a8b7c6d`: the revision where labels do not tell releases apart."""
    before, after = record.before, record.after
    if not after:
        return ""
    differ = bool(before) and _labels_differ(record)
    short = _listed(_in_short(release, differ=differ) for release in after)
    return short if before == after else from_to([], short)


def _in_short(release: Release, *, differ: bool) -> str:
    label = named(release) if differ else ""
    return label if 0 < len(label) <= SHORT else release.revision[:SHORT] or named(release)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _labels_differ(record: RolloutRecord) -> bool:
    several = len(record.after) > 1  # of which one may be what another host ran before
    releases = (*record.before, *record.after)
    told = [release.label for release in (dict.fromkeys(releases) if several else releases)]
    return len(set(told)) == len(told)


def from_to(before: Sequence[str], after: str) -> str:
    """Give `v1 → v2`, or nothing where there is no `after`."""
    return f"{', '.join(before)} → {after}".lstrip() if after else ""


def named(release: Release) -> str:
    """Give a release in few characters: its label, else its title."""
    return release.label or release.title
