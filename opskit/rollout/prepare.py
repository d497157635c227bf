"""What a deploy brings, made on this machine: a version exported, built, and looked at, once for all hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.service import FolderSource
from opskit.errors import InterruptedRunError, SourceError
from opskit.rollout import source
from opskit.rollout.artifact import Artifact, look_at
from opskit.rollout.build import build
from opskit.rollout.environ import commands_environment
from opskit.rollout.facts import Doing
from opskit.rollout.tree import entries

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.config.service import Service
    from opskit.rollout.context import Run
    from opskit.rollout.probe import Release


def prepare(
    service: Service,
    version: source.Version,
    release: Release,
    *,
    rollout: str,
    run: Run,
    scratch: Path,
) -> Artifact:
    """Export and build `version` in the folder `scratch`, and look at what came of it.

    Raises SourceError, BuildError, and InterruptedRunError if the operator has asked to stop.
    """
    in_place = isinstance(version.source, FolderSource) and not service.build
    tree = _tree(version, scratch, in_place=in_place)
    if service.build:
        run.tell(Doing(f"builds {release.title}"))
        _build(service, service.build, release, rollout=rollout, run=run, tree=tree)
    if run.stop.level:
        raise InterruptedRunError("interrupted before anything was sent")
    info = {"revision": release.revision, "label": release.label, "rollout": rollout}
    if release.irreversible:
        info["irreversible"] = release.irreversible
    try:
        found = entries(tree)
        if in_place:
            source.demand_unchanged(version, found)
        return look_at(tree, info=info, found=found, digests=version.digests if in_place else None)
    except OSError as error:
        what = f"{error.filename or tree}: cannot be read: {error.strerror}"
        raise SourceError(what) from None


def _tree(version: source.Version, scratch: Path, *, in_place: bool) -> Path:
    """Give the version's files; a folder is read where it is: what changes while it is sent is found by the hosts."""
    if in_place and isinstance(version.source, FolderSource):
        return version.source.folder
    tree = scratch / "tree"
    tree.mkdir()
    source.export(version, to=tree)
    return tree


def _build(
    service: Service, command: str, release: Release, *, rollout: str, run: Run, tree: Path
) -> None:
    env = commands_environment(
        service,
        release=release,
        rollout=rollout,
        host="",
        variables={},
        secrets=run.secrets,
    )
    build(
        command,
        folder=tree,
        log=tree.with_suffix(".log"),
        env=env,
        timeout=service.build_timeout,
        redactor=run.redactor,
        stop=run.stop,
    )
