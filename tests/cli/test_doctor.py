from pathlib import Path

import pytest

from tests.support.cli import Opskit
from tests.support.hosts import Hosts


@pytest.fixture
def fleet(hosts: Hosts, tmp_path: Path) -> Hosts:
    (tmp_path / "opskit.toml").write_text(hosts.toml())
    return hosts


def test_a_well_fleet_ends_with_0(opskit: Opskit, fleet: Hosts):
    lines = opskit("doctor").stdout.splitlines()
    assert all(line.startswith("ok    ") for line in lines[:-1])
    assert lines[-1] == f"0 bad, 0 warnings, {len(lines) - 1} ok"
    assert any("web[01-04]" in line for line in lines)


def test_a_bad_finding_ends_with_1_and_says_what_to_do(opskit: Opskit, fleet: Hosts):
    fleet.stop("web04")
    done = opskit("doctor", expect=1)
    assert "bad   hosts: web04: " in done.stdout
    assert "      does sshd run there" in done.stdout
    assert "\n1 bad, " in done.stdout


def test_the_hosts_can_be_chosen(opskit: Opskit, fleet: Hosts):
    fleet.stop("web04")
    opskit("doctor", "--hosts", "web01")


def test_json_holds_the_findings(opskit: Opskit, fleet: Hosts):
    fleet.stop("web04")
    done = opskit("doctor", "--json", expect=1)
    bad = [each for each in done.json["data"]["findings"] if each["level"] == "bad"]
    assert [(each["area"], each["hosts"]) for each in bad] == [("hosts", ["web04"])]
    assert done.json["status"] == "failed"
    assert done.json["error"] is None


def test_a_broken_configuration_is_a_finding(opskit: Opskit, tmp_path: Path):
    (tmp_path / "opskit.toml").write_text("[environments]\n")
    done = opskit("doctor", expect=1)
    assert done.stdout.startswith("bad   configuration: opskit.toml: no environment")
    assert "[environments.production]" in done.stdout


def test_no_configuration_says_how_to_begin(opskit: Opskit):
    assert "opskit init" in opskit("doctor", expect=1).stdout


def test_an_unknown_environment_is_a_usage_error(opskit: Opskit, fleet: Hosts):
    assert "no environment" in opskit("doctor", "-e", "prodction", expect=2).stderr


def test_it_writes_nothing(opskit: Opskit, fleet: Hosts, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    opskit("doctor")
    assert {path.name for path in tmp_path.iterdir()} == {"opskit.toml"}
