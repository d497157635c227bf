"""What every test may ask for: real SSH hosts, the real CLI, a real project; and isolation for all."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.support.cli import HEAVY, Opskit, isolated_environment
from tests.support.hosts import Hosts, demo_argv, openssh_argv, sshd
from tests.support.memory import write_in_memory
from tests.support.missing import missing, pytest_runtest_makereport
from tests.support.network import only_loopback
from tests.support.project import Project
from tests.support.sudoers import SudoHosts, demand_possible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["pytest_runtest_makereport"]

FEW = 30  # examples of a property whose test does not say how many; with OPSKIT_HEAVY=1 there are all
settings.register_profile(
    "few",
    settings.get_profile("ci" if "CI" in os.environ else "default"),
    max_examples=FEW,
    deadline=None,  # a machine that has much else to do is no fault
    suppress_health_check=[HealthCheck.too_slow],
)
if not HEAVY:
    settings.load_profile("few")


write_in_memory()

# A shell's background job ignores Ctrl-C, and so does all that it starts: the commands under test must not.
signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # and so it is with a hangup under nohup
    signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(autouse=True)
def _isolated(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = isolated_environment(tmp_path_factory.mktemp("user"))
    for name in set(os.environ) - set(environment):
        monkeypatch.delenv(name)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    only_loopback(monkeypatch)


@pytest.fixture
def opskit(tmp_path: Path) -> Opskit:
    """`opskit("deploy", "shop", cwd=..., env=..., expect=0)` runs the real CLI."""
    return Opskit(tmp_path)


@pytest.fixture(scope="session")
def _openssh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    fleet = Hosts(tmp_path_factory.mktemp("openssh"), openssh_argv)
    yield fleet
    fleet.close()


@pytest.fixture(scope="session")
def _demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hosts]:
    fleet = Hosts(tmp_path_factory.mktemp("demo"), demo_argv)
    yield fleet
    fleet.close()


@pytest.fixture(scope="session")
def _sudo_hosts() -> Iterator[SudoHosts]:
    demand_possible()
    fleet = SudoHosts()
    yield fleet
    fleet.close()


@pytest.fixture
def sudo_hosts(_sudo_hosts: SudoHosts) -> Iterator[SudoHosts]:
    """Hosts on which sudo, the real one, asks for a password."""
    yield _sudo_hosts.fresh()
    _sudo_hosts.clean()


@pytest.fixture
def openssh_hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """Real OpenSSH hosts, for what only OpenSSH can do; skipped where it is not installed."""
    if sshd() is None:
        missing("OpenSSH's sshd")
    yield from _lent(request, "_openssh")


@pytest.fixture
def demo_hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """The demo's hosts."""
    yield from _lent(request, "_demo")


@pytest.fixture
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """Real OpenSSH hosts, or the demo's where OpenSSH is not installed."""
    if sshd() is None:
        _never_in_ci()
    yield from _lent(request, "_demo" if sshd() is None else "_openssh")


@pytest.fixture(params=["openssh", "demo"])
def any_hosts(request: pytest.FixtureRequest) -> Hosts:
    """First OpenSSH's hosts, then the demo's: a test that takes this holds on both."""
    lent: Hosts = request.getfixturevalue(f"{request.param}_hosts")
    return lent


@pytest.fixture
def project(tmp_path: Path, hosts: Hosts) -> Project:
    """A project with a small web service, committed as v1 and not yet deployed, and four hosts for it."""
    return Project.create(tmp_path / "project", hosts)


def _lent(request: pytest.FixtureRequest, fleet: str) -> Iterator[Hosts]:
    lent: Hosts = request.getfixturevalue(fleet)
    yield lent.fresh()
    lent.clean()


def _never_in_ci() -> None:
    assert os.environ.get("CI") != "true", "CI must have OpenSSH's sshd: it is the real thing"
