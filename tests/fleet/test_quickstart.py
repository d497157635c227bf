"""A fleet is approached while what connections are made with is imported, and that is imported in a third of the time."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from importlib import metadata
from typing import TYPE_CHECKING

import pytest

from opskit.errors import HostError
from opskit.fleet import dial, quickstart
from opskit.fleet.inventory import Host
from tests.fleet.opening import fleet_of

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 20.0
PROGRAM = """
import json, sys
from opskit.fleet.quickstart import import_paramiko
import_paramiko()
import paramiko
told = {"version": paramiko.__version__, "there": sorted({"invoke", "email", "importlib.metadata"} & set(sys.modules))}
import importlib.metadata
told["again"] = importlib.metadata.version("paramiko")
told["other"] = importlib.metadata.version("click")
import invoke
print(json.dumps(told))
"""


def told_by(program: str) -> dict[str, object]:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=100)  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    told: dict[str, object] = json.loads(ran.stdout)
    return told


def test_paramiko_comes_without_what_it_does_not_need_and_knows_its_version() -> None:
    version = metadata.version("paramiko")
    assert told_by(PROGRAM) == {
        "version": version,
        "there": [],
        "again": version,
        "other": metadata.version("click"),
    }


def test_whoever_asks_for_more_than_that_version_meanwhile_gets_the_real_thing() -> None:
    program = """
import json, sys
from opskit.fleet import quickstart
with quickstart._knowing_its_version():
    from importlib import metadata
    first = metadata.version("click"), metadata.version("paramiko")
    names = callable(metadata.entry_points)
import importlib.metadata
print(json.dumps([*first, names, hasattr(importlib.metadata, "Distribution")]))
"""
    assert told_by(program) == [
        metadata.version("click"),
        metadata.version("paramiko"),
        True,
        True,
    ]


def test_a_version_that_no_folder_tells_is_asked_for_as_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "thing"
    package.mkdir()
    (package / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    assert quickstart.installed("thing") == ""
    (tmp_path / "thing-1.2.dist-info").mkdir()
    assert quickstart.installed("thing") == "1.2"
    (tmp_path / "thing-1.3.dist-info").mkdir()
    assert quickstart.installed("thing") == ""
    assert quickstart.installed("no_such_thing") == ""


def test_servers_are_called_before_anything_is_imported_for_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(LIMIT)

        def slow_import() -> None:
            link, _ = server.accept()
            called.append("before the import")
            link.close()

        monkeypatch.setattr(dial, "import_paramiko", slow_import)
        host = Host("web01", "127.0.0.1", server.getsockname()[1], "nobody")
        with fleet_of(host, connect_timeout=1) as fleet:
            fleet.approach(["web01"])
            assert called == ["before the import"]
            with pytest.raises(HostError, match="web01"):
                fleet.remote("web01").line()
