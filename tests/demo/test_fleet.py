"""The demo's fleet: complete, reachable with plain ssh, and gone without a trace."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.config import load
from opskit.config.service import ArtifactSource, GitSource
from opskit.demo import fleet
from opskit.demo.folder import DemoFolder, create, find
from opskit.errors import OpskitError, UsageError
from tests.support.processes import at_home, kill_all
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

START = """
import sys, pathlib, time
from opskit.demo import fleet, folder
fleet.start(folder.find(pathlib.Path(sys.argv[1])), keep=False)
print("up", flush=True)
time.sleep(300)
"""


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoFolder]:
    made = create(tmp_path.resolve() / "a demo")
    yield made
    kill_all(lambda: running(made))


def running(demo: DemoFolder) -> list[int]:
    """Give the demo's servers and all that was started through them."""
    listed = subprocess.run(
        ["ps", "axww", "-o", "pid=,args="], capture_output=True, text=True, check=True
    )
    servers = [line for line in listed.stdout.splitlines() if f"{demo.machinery}/" in line]
    return [int(line.split()[0]) for line in servers] + at_home([demo.home(h) for h in demo.hosts])


def ssh(demo: DemoFolder, host: str, command: str) -> str:
    argv = ["ssh", "-F", str(demo.path / "ssh_config"), "-o", "BatchMode=yes", host, command]
    return subprocess.run(argv, capture_output=True, text=True, timeout=100, check=True).stdout


def test_its_folder_is_what_a_real_fleets_is(demo: DemoFolder) -> None:
    config = load(demo.path / "opskit.toml")
    assert config.environment(None).hosts == ("web[01-03]",)
    assert config.environment(None).require_why
    assert config.hosts["web02"].vars == {"port": str(demo.hosts[1].shop_port)}
    assert isinstance(config.service("shop").source, GitSource)
    assert find(demo.path) == demo


def test_plain_ssh_reaches_its_hosts_until_it_is_stopped(demo: DemoFolder) -> None:
    fleet.start(demo, keep=True)
    for host in demo.hosts:
        assert ssh(demo, host.name, "pwd") == f"{demo.home(host)}\n"
    fleet.stop(demo)
    assert running(demo) == []
    with pytest.raises(subprocess.CalledProcessError):
        ssh(demo, "web01", "true")


def test_stopping_and_removing_twice_or_before_the_start_does_no_harm(demo: DemoFolder) -> None:
    fleet.stop(demo)
    fleet.remove(demo)
    assert not demo.path.exists()


def test_a_demo_is_stopped_by_any_path_that_leads_to_it(demo: DemoFolder, tmp_path: Path) -> None:
    fleet.start(demo, keep=True)
    (tmp_path / "link").symlink_to(demo.path)
    fleet.stop(find(tmp_path / "link"))
    assert running(demo) == []


def test_nothing_of_the_callers_git_reaches_its_commands(
    demo: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", "/elsewhere")
    assert "GIT_DIR" not in fleet.environment(demo, "ana")
    assert fleet.environment(demo, "ana")["OPSKIT_ACTOR"] == "ana"


def test_its_hosts_end_with_the_process_that_started_them_however_it_ends(
    demo: DemoFolder,
) -> None:
    argv = [sys.executable, "-c", START, str(demo.path)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "up\n"
        assert len(running(demo)) == 3
        starter.send_signal(signal.SIGKILL)
    until(lambda: not running(demo))


def test_a_host_that_cannot_start_is_named(demo: DemoFolder) -> None:
    demo.machinery.joinpath("web02.key").write_text("no key")
    with pytest.raises(OpskitError, match="web02 did not start"):
        fleet.start(demo, keep=False)
    fleet.stop(demo)


def test_hosts_that_do_not_answer_in_time_are_named_too(
    demo: DemoFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as hasty:
        hasty.setattr(fleet, "WITHIN", 0.001)
        with pytest.raises(OpskitError, match="web01 did not start"):
            fleet.start(demo, keep=False)
    fleet.stop(demo)
    assert running(demo) == []


def test_without_git_versions_are_archives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    source = load(create(tmp_path / "demo").path / "opskit.toml").service("shop").source
    assert isinstance(source, ArtifactSource)
    assert Path(source.path.replace("{revision}", "v3")).exists()


def test_a_folder_with_something_in_it_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(UsageError, match="not empty"):
        create(tmp_path)
    with pytest.raises(UsageError, match="no demo"):
        find(tmp_path)
    assert (tmp_path / "precious").exists()
