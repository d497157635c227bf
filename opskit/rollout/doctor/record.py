"""Whether the changelog can be read and written here, and is what was written."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from opskit.changelog.files import filesystem, is_remote
from opskit.errors import ChangelogError
from opskit.rollout.doctor.finding import Finding, failed
from opskit.rollout.doctor.words import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog

AREA = "changelog"
MOST_PROBLEMS = 5


def check_changelog(changelog: Changelog) -> Iterator[Finding]:
    """Say whether the changelog's folder can hold one, and whether every event in it is as it was signed."""
    folder = _nearest(changelog.file.parent)
    yield from _check_folder(folder)
    try:
        problems = changelog.verify()
        count = changelog.count()
    except ChangelogError as error:
        yield failed(AREA, error)
        return
    for problem in problems[:MOST_PROBLEMS]:
        hint = "keep a copy of the file, then find out who changed it"
        yield Finding(AREA, "bad", f"{changelog.file}: {problem}", hint)
    if not problems:
        holds = (
            f"{counted(count, 'event')}, every signature holds"
            if changelog.file.exists()
            else "not begun yet"
        )
        yield Finding(AREA, "ok", f"{changelog.file}: {holds}")


def _nearest(folder: Path) -> Path:
    """Give the folder itself, or the nearest above it that exists."""
    return next((each for each in (folder, *folder.parents) if each.exists()), folder)


def _check_folder(folder: Path) -> Iterator[Finding]:
    elsewhere = "set OPSKIT_STATE_DIR to a folder of this machine that you may write"
    kind = filesystem(folder)
    if is_remote(kind):
        what = f"{folder} is on a {kind} file system, where a changelog is not safe"
        yield Finding(AREA, "bad", what, elsewhere)
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        yield Finding(AREA, "bad", f"{folder} cannot be written", elsewhere)
