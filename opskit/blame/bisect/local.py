"""A commit in a folder of this machine: exported, and built as a deploy would build it."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opskit.errors import BuildError
from opskit.rollout.build import build
from opskit.rollout.environ import commands_environment
from opskit.rollout.probe import Release
from opskit.rollout.source import export, find_version
from opskit.rollout.stop import Stop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.config.secret import Redactor, Secret
    from opskit.config.service import Service


@dataclass(frozen=True, slots=True)
class Brought:
    """Where a commit is now: its `folder` on this machine, or None and on a host; `trouble` says why it could not be brought, "" if it was."""

    folder: Path | None = None
    trouble: str = ""
    output: str = ""


@contextlib.contextmanager
def in_folder(
    service: Service, sha: str, *, secrets: Mapping[str, Secret], redactor: Redactor
) -> Iterator[Brought]:
    """Give a folder with that commit for the block; a build that fails is trouble. Raises SourceError."""
    with tempfile.TemporaryDirectory(prefix="opskit-bisect-", ignore_cleanup_errors=True) as name:
        tree = Path(name) / sha[:10]
        tree.mkdir()
        export(find_version(service.source, sha), to=tree)
        yield _built(service, sha, tree, secrets, redactor)


def _built(
    service: Service, sha: str, tree: Path, secrets: Mapping[str, Secret], redactor: Redactor
) -> Brought:
    if not service.build:
        return Brought(tree)
    env = commands_environment(service, release=Release(sha[:10], sha, sha[:10]), rollout="", host="", variables={}, secrets=secrets)  # fmt: skip
    try:
        build(service.build, folder=tree, log=tree.with_suffix(".log"), env=env, timeout=service.build_timeout, redactor=redactor, stop=Stop())  # fmt: skip
    except BuildError as error:
        return Brought(tree, error.what, error.output)
    return Brought(tree)
