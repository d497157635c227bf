"""paramiko, imported in a third of the time."""

from __future__ import annotations

import contextlib
import importlib
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

METADATA = "importlib.metadata"


def import_paramiko() -> None:
    """Import paramiko without two things that it hardly uses.

    It takes invoke only for `Match exec` in an ssh_config: that brings YAML, asyncio and unittest.mock. We read ssh_config
    ourselves; a task imports invoke when it needs it. And it asks `importlib.metadata` for its own version, which the folder
    beside it is named after: that brings zipfile, csv and all of email.
    """
    if "paramiko" in sys.modules:
        return
    with _without_invoke(), _knowing_its_version():
        import paramiko  # noqa: F401 - for sys.modules


@contextlib.contextmanager
def _without_invoke() -> Iterator[None]:
    if "invoke" in sys.modules:
        yield
        return
    sys.modules["invoke"] = None  # type: ignore[assignment]  # None makes its import an ImportError
    try:
        yield
    finally:
        del sys.modules["invoke"]


@contextlib.contextmanager
def _knowing_its_version() -> Iterator[None]:
    version = installed("paramiko")
    if METADATA in sys.modules or not version:
        yield
        return
    sys.modules[METADATA] = known = _Known(version)
    try:
        yield
    finally:
        if sys.modules.get(METADATA) is known:
            del sys.modules[METADATA]


def installed(package: str) -> str:
    """Give the version of an installed package by the folder that its installer left beside it; "" if that is not plain."""
    spec = find_spec(package)
    if spec is None or not spec.origin:
        return ""
    found = list(Path(spec.origin).parents[1].glob(f"{package}-*.dist-info"))
    return found[0].stem.partition("-")[2] if len(found) == 1 else ""


class _Known(ModuleType):
    """Stands for `importlib.metadata` where one version is asked for; whoever asks for more gets the real one."""

    def __init__(self, version: str) -> None:
        super().__init__(METADATA)
        self._version = version

    def version(self, name: str) -> str:
        return self._version if name == "paramiko" else str(self._real().version(name))

    def __getattr__(self, name: str) -> object:
        return getattr(self._real(), name)

    def _real(self) -> ModuleType:
        if sys.modules.get(METADATA) is self:
            del sys.modules[METADATA]
        return importlib.import_module(METADATA)
