"""A host that does not hear in time that all is well goes back by itself; one that hears it does not."""

from __future__ import annotations

import signal
import subprocess
from typing import TYPE_CHECKING

import pytest

from opskit.rollout import deadman, layout
from tests.support.light import finish
from tests.support.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.light import Light

GUARD = "set -eu"


def test_the_scripts_are_these() -> None:
    said = deadman.arm(
        release="r2", before="r1", rollout="k3x", seconds=60, receipt="{}", restart="make it so"
    )
    assert said.splitlines()[0].startswith("command -v setsid >/dev/null || {")
    assert 'sleep 60 </dev/null; mv "$c" "$c.back" 2>/dev/null || exit 0' in said
    assert deadman.disarm().startswith('for c in "$p"/.opskit/confirm.*; do\n')
    assert f"exit {deadman.WENT_BACK}" in deadman.confirm(GUARD, rollout="k3x")


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """A service's folder with two releases, the second one live."""
    path = tmp_path / "it's here"
    for name in ("r1", "r2"):
        (path / "releases" / name).mkdir(parents=True)
    (path / ".opskit").mkdir()
    (path / "current").symlink_to("releases/r2")
    return path


def sh(path: Path, script: str, *, expect: int = 0) -> str:
    done = subprocess.run(
        ["sh", "-c", f"{layout.opening(str(path))}\n{script}"],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == expect, done.stderr
    return done.stderr


def armed(*, seconds: float, restart: str = "pwd -P >../../restarted") -> str:
    return deadman.arm(
        release="r2", before="r1", rollout="k3x", seconds=seconds, receipt="it's back", restart=restart
    )  # fmt: skip


def test_a_host_that_hears_nothing_goes_back_restarts_and_says_so(host: Path) -> None:
    sh(host, armed(seconds=1))
    until((host / "restarted").exists, what="it has gone back")
    assert (host / "current").readlink().name == "r1"
    until(
        lambda: (host / "restarted").read_text().strip().endswith("r1"),
        what="a restart there",
    )
    assert (host / ".opskit/receipts").read_text() == "it's back\n"
    assert (host / ".opskit/history").read_text().startswith("bad r2 k3x 1")
    said = sh(host, deadman.confirm("", rollout="k3x"), expect=deadman.WENT_BACK)
    assert said.strip() == deadman.WORDS


@pytest.mark.parametrize("ended", [deadman.confirm("", rollout="k3x"), deadman.disarm()])
def test_a_host_that_hears_that_all_is_well_stays_and_waits_no_more(
    host: Path, ended: str
) -> None:
    sh(host, armed(seconds=3600))
    assert waits(host)
    sh(host, ended)
    until(lambda: not waits(host), what="nobody waits any more")
    assert (host / "current").readlink().name == "r2"
    assert not list((host / ".opskit").iterdir())


def test_no_command_stands_in_the_process_list_while_it_waits(host: Path) -> None:
    sh(host, armed(seconds=3600, restart="echo hidden"))
    assert waits(host)
    shown = subprocess.run(
        ["ps", "axww", "-o", "args"], capture_output=True, text=True, check=True
    )
    assert "echo hidden" not in shown.stdout
    sh(host, deadman.disarm())


def test_a_host_that_runs_something_else_by_then_is_left_alone(host: Path) -> None:
    sh(host, armed(seconds=1))
    (host / "current").unlink()
    (host / "current").symlink_to("releases/r3")
    until(lambda: not waits(host), what="nobody waits any more")
    assert (host / "current").readlink().name == "r3"


def waits(path: Path) -> bool:
    """Tell whether a process of the service at `path` waits."""
    done = subprocess.run(["pgrep", "-fa", "opskit-waits"], capture_output=True, text=True, check=False)  # fmt: skip
    return any(str(path) in line for line in done.stdout.splitlines())


DIES = '[ ! -e "$HOME/laptop" ] || { p=$(cat "$HOME/laptop"); rm "$HOME/laptop"; kill -9 "$p"; }'
"""Kill the opskit whose process id stands in `laptop`, once: no matter how slow the machine is, it has got no further."""
LATE = f'cat version >>"$HOME/restarts"; {DIES}; test "$(cat version)" != v2 || sleep 600'


def test_a_deploy_that_ends_in_time_is_confirmed(any_light: Light) -> None:
    any_light.commit("v2")
    any_light.deploy("v1")
    any_light.configure(confirm_within='"1h"')
    any_light.deploy("v2")
    assert any_light.live() == any_light.on_all("v2")
    assert not list(any_light.place("web01", ".opskit").glob("confirm.*"))
    assert not any(waits(any_light.place(name)) for name in any_light.hosts.names)


def test_a_laptop_that_dies_in_the_middle_leaves_a_host_that_goes_back(light: Light) -> None:
    light.commit("v2")
    light.deploy("v1")
    light.configure(
        restart=f"'''{LATE}'''", restart_timeout='"1s"', confirm_within='"3s"', health=None
    )
    process = light.start("deploy", "shop", "v2", "--yes")
    (light.hosts.folder("web01") / "laptop").write_text(str(process.pid))
    assert finish(process)[0] == -signal.SIGKILL
    until(lambda: light.restarts("web01") == ["v1", "v2", "v1"], what="it has gone back")
    assert light.live() == light.on_all("v1")
