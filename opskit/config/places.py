"""Where this user's machine keeps what opskit can do without."""

from __future__ import annotations

import os
import sys
from pathlib import Path

LINUX = sys.platform.startswith("linux")


def cache_folder() -> Path:
    """Give the folder of what is only kept so that it need not be found out again: `$XDG_CACHE_HOME/opskit`, or the platform's own.

    It may not exist, and whatever is in it may be deleted at any time.
    """
    if LINUX:
        # what platformdirs answers on Linux, without its 14 ms of import
        base = Path(os.environ.get("XDG_CACHE_HOME", "").strip())
        return (base if base.is_absolute() else Path.home() / ".cache") / "opskit"
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("opskit", appauthor=False))
