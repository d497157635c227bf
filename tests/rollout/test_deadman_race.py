"""A host that goes back by itself, and at the very same moment somebody confirms, puts it back or deploys to it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from opskit.rollout import deadman, layout
from tests.rollout.test_deadman import armed, host, waits
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["host"]


def sh(path: Path, script: str, *, shims: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a script of a service at `path`; `shims` is a folder of programs to be found before all others."""
    known = os.environ["PATH"]
    env = {**os.environ, "PATH": f"{shims}:{known}" if shims else known}
    line = ["sh", "-c", f"{layout.opening(str(path))}\n{script}"]
    return subprocess.run(
        line, capture_output=True, text=True, timeout=100, check=False, env=env, stdin=subprocess.DEVNULL
    )  # fmt: skip


def shim(folder: Path, tool: str, *, before: str = "", after: str = "") -> None:
    """Have a program do something else before or after its own work."""
    folder.mkdir(exist_ok=True)
    real = f'{shutil.which(tool)} "$@"; s=$?'
    (folder / tool).write_text(f"#!/bin/sh\n{before}\n{real}\n{after}\nexit $s\n")
    (folder / tool).chmod(0o755)


def fires(path: Path) -> str:
    """Give what lets the time of a host that waits be up now."""
    file = shlex.quote(f"{path}/.opskit/confirm.k3x")
    once_it_sleeps = (
        "n=0; until pkill -P $w sleep; do n=$((n+1)); [ $n -lt 1000 ] || exit 1; sleep 0.02; done"
    )
    gone = f"n=0; while [ -e {file} ] && [ $n -lt 1000 ]; do sleep 0.02; n=$((n+1)); done"
    return f"w=$(cat {file}) && {{ {once_it_sleeps}; {gone}; }}"


def live(path: Path) -> str:
    return (path / "current").readlink().name


@pytest.mark.parametrize("tool", ["mv", "cat", "rm"])
def test_it_fires_while_it_is_put_back_and_that_goes_on(
    host: Path, tmp_path: Path, tool: str
) -> None:
    assert sh(host, armed(seconds=3600)).returncode == 0
    once = tmp_path / "once"
    shims = tmp_path / "shims"
    shim(
        shims,
        tool,
        before=f"! mkdir {once} 2>/dev/null || {{ PATH=${{PATH#*:}}; {fires(host)}; }}",
    )
    done = sh(host, f"{deadman.disarm()}\necho went on", shims=shims)
    assert (done.returncode, done.stdout) == (0, "went on\n"), done
    until(lambda: not waits(host), within=60, what="nobody waits any more")
    assert not list((host / ".opskit").glob("confirm.*"))


def test_a_way_back_that_has_begun_is_over_before_the_host_is_changed(
    host: Path, tmp_path: Path
) -> None:
    begun, go, late = (tmp_path / name for name in ("begun", "go", "late"))
    restart = f"touch {begun}; while [ ! -e {go} ]; do sleep 0.02; done; touch {late}"
    assert sh(host, armed(seconds=3600, restart=restart)).returncode == 0
    assert sh(host, fires(host)).returncode == 0
    until(begun.exists, within=60, what="it goes back")
    assert sh(host, deadman.disarm()).returncode == 0
    go.touch()
    until(lambda: not waits(host), within=60, what="nobody goes back any more")
    assert not late.exists(), "it would restart the service once more, when that was found well"


def test_what_somebody_deploys_meanwhile_stays_live(host: Path, tmp_path: Path) -> None:
    (host / "releases" / "r3").mkdir()
    shims, looked, go = (tmp_path / name for name in ("shims", "looked", "go"))
    shim(shims, "readlink", after=f"touch {looked}; while [ ! -e {go} ]; do sleep 0.02; done")
    assert sh(host, armed(seconds=3600), shims=shims).returncode == 0
    assert sh(host, fires(host)).returncode == 0
    until(looked.exists, within=60, what="it has looked what is live")
    guarded = f"{layout.opening(str(host))}\n{deadman.disarm()}"
    switched = sh(host, layout.switch(guarded, release="r3", rollout="new", receipt="{}"))
    assert switched.returncode == 0, switched
    go.touch()
    until(lambda: not waits(host), within=60, what="it has come to its end")
    assert live(host) == "r3"


def test_it_fires_while_somebody_confirms_and_only_one_of_them_has_it(
    host: Path, tmp_path: Path
) -> None:
    assert sh(host, armed(seconds=3600)).returncode == 0
    shims, once = tmp_path / "shims", tmp_path / "once"
    shim(
        shims,
        "mv",
        before=f"! mkdir {once} 2>/dev/null || {{ PATH=${{PATH#*:}}; {fires(host)}; }}",
    )
    done = sh(host, deadman.confirm("", rollout="k3x"), shims=shims)
    assert (done.returncode, done.stderr.strip()) == (deadman.WENT_BACK, deadman.WORDS)
    until(lambda: not waits(host), within=60, what="it has gone back")
    assert live(host) == "r1"
    assert not list((host / ".opskit").glob("confirm.*"))
