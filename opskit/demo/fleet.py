"""The processes of a demo: one SSH server for each host, and the shops that were started through them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import opskit
from opskit.errors import OpskitError

if TYPE_CHECKING:
    from opskit.demo.folder import DemoFolder, DemoHost

SERVER = "opskit.demo.host"
WITHIN = 60.0  # seconds for a server to start or end


def start(demo: DemoFolder, *, keep: bool) -> None:
    """Start every host's SSH server and wait until all answer; raises OpskitError.

    Unless `keep`, they end when this process does, however it ends.
    """
    lifeline, _held_open_to_our_end = (None, None) if keep else os.pipe()
    starting = {host: _start_server(demo, host, lifeline) for host in demo.hosts}
    if lifeline is not None:
        os.close(lifeline)
    failed = [host for host, starter in starting.items() if not _answers(starter)]
    for host in failed:
        said = _log(demo, host).read_text("utf-8", "replace").splitlines()
        raise OpskitError(f"the demo's host {host.name} did not start: {said[-1] if said else ''}")


def stop(demo: DemoFolder) -> None:
    """End the hosts' SSH servers with all that runs in them, then the shops; raises OpskitError."""
    deadline = time.monotonic() + WITHIN
    while servers := _servers(demo):
        for pid in servers:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        if time.monotonic() > deadline:
            raise OpskitError(f"{demo.path}: the demo's hosts do not end: {servers}")
        time.sleep(0.02)
    for host in demo.hosts:
        _stop_shop(demo.home(host) / "shop")


def remove(demo: DemoFolder) -> None:
    """Remove the demo's folder and its changelog; stop it first."""
    from opskit.changelog.files import changelog_file

    shutil.rmtree(changelog_file(demo.changelog).parent, ignore_errors=True)
    shutil.rmtree(demo.path)


def environment(demo: DemoFolder, actor: str) -> dict[str, str]:
    """Give the environment in which `actor` calls opskit on this demo."""
    # GIT_DIR and the like, set where a git hook calls us, would lead away from the shop's repository.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "OPSKIT_CONFIG": str(demo.path / "opskit.toml"),
        "OPSKIT_ACTOR": actor,
        "PYTHONPATH": _python_path(),
    }


def _python_path() -> str:
    # The same opskit, wherever it was started from; a source tree may only be found by its place.
    before = os.environ.get("PYTHONPATH")
    here = str(Path(opskit.__file__).parents[1])
    return f"{here}{os.pathsep}{before}" if before else here


def _start_server(
    demo: DemoFolder, host: DemoHost, lifeline: int | None
) -> subprocess.Popen[bytes]:
    """Start a process that ends once the server, in the background, answers."""
    argv = [sys.executable, "-m", SERVER, "--port", str(host.port)]
    argv += ["--folder", str(demo.home(host)), "--authorized-key", f"{demo.key}.pub"]
    argv += ["--host-key", str(demo.machinery / f"{host.name}.key")]
    argv.append("--background")
    with _log(demo, host).open("ab") as log:
        return subprocess.Popen(
            argv if lifeline is None else [*argv, "--until-eof"],
            stdin=subprocess.DEVNULL if lifeline is None else lifeline,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": _python_path()},
        )


def _answers(starter: subprocess.Popen[bytes]) -> bool:
    """Wait for what `_start_server` gave; one whose server does not answer in time is ended."""
    try:
        return starter.wait(WITHIN) == 0
    except subprocess.TimeoutExpired:
        starter.kill()
        starter.wait()
        return False


def _log(demo: DemoFolder, host: DemoHost) -> Path:
    return demo.machinery / f"{host.name}.log"


def _servers(demo: DemoFolder) -> list[int]:
    """Find this demo's servers by their command lines: there is no pid file that could be stale."""
    asked = ["ps", "axww", "-o", "pid=,args="]
    lines = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    mine = (line for line in lines if SERVER in line and f" {demo.machinery}/" in line)
    return [int(line.split()[0]) for line in mine]


def _stop_shop(path: Path) -> None:
    control = path / "current" / "control"
    if control.exists():
        subprocess.run(["sh", control, "stop"], capture_output=True, timeout=WITHIN, check=False)
