"""paramiko, imported in half the time."""

from __future__ import annotations

import sys


def import_paramiko() -> None:
    """Import paramiko without invoke, which it takes only for `Match exec` in an ssh_config.

    invoke brings YAML, asyncio and unittest.mock: half of the time that `import paramiko` takes. We
    read ssh_config ourselves; a task imports invoke when it needs it.
    """
    if "paramiko" in sys.modules or "invoke" in sys.modules:
        return
    sys.modules["invoke"] = None  # type: ignore[assignment]  # None makes its import an ImportError
    try:
        import paramiko  # noqa: F401 - for sys.modules
    finally:
        del sys.modules["invoke"]
