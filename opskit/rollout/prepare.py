"""What a deploy sends, made on this machine: a version exported, built, and packed, once for all hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opskit.config.secret import Redactor
from opskit.errors import InterruptedRunError, OpskitError
from opskit.rollout import source
from opskit.rollout.build import build
from opskit.rollout.environ import commands_environment
from opskit.rollout.facts import Doing
from opskit.rollout.pack import Package, pack

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
) -> Package:
    """Export, build and pack `version` in the folder `scratch`.

    Raises SourceError, BuildError, and InterruptedRunError if the operator has asked to stop.
    """
    tree = scratch / "tree"
    tree.mkdir()
    source.export(version, to=tree)
    if service.build:
        run.tell(Doing(f"builds {release.title}"))
        _build(service, service.build, release, rollout=rollout, run=run, tree=tree)
    if run.stop.level:
        raise InterruptedRunError("interrupted before anything was sent")
    run.tell(Doing(f"packs {release.title}"))
    info = {"revision": release.revision, "label": release.label, "rollout": rollout}
    if release.irreversible:
        info["irreversible"] = release.irreversible
    try:
        return pack(tree, info=info, to=scratch / "package.tar.gz")
    except OSError as error:
        what = f"{error.filename or scratch}: cannot be packed: {error.strerror}"
        raise OpskitError(
            what, hint="is there room in the temporary folder? TMPDIR names another"
        ) from None


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
        redactor=Redactor.of(run.secrets.values()),
        stop=run.stop,
    )
