"""What stands in a folder: every file, folder and link below it, in order."""

from __future__ import annotations

import os
from pathlib import Path


def entries(tree: Path) -> list[Path]:
    """Give all that is below `tree`, sorted; links are given and never followed. Raises OSError."""
    # os.walk, because the rglob of older Pythons stumbles over links whose target is too long a name
    found = [
        Path(folder, name)
        for folder, folders, files in os.walk(tree, onerror=_raise)
        for name in (*folders, *files)
    ]
    return sorted(found)


def _raise(error: OSError) -> None:
    raise error
