from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from opskit.config import load
from tests.changelog.writing import results, start

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit
    from tests.support.hosts import Hosts

TOML = """
[environments.production]
hosts = ["web[01-02]", "db1"]
groups.web = "web[01-02]"
[hosts.web01]
address = "10.0.0.1"
port = 2222
user = "deploy"
jump = "bastion"
vars = { token = "s3cret" }
[environments.staging]
hosts = ["stage01"]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "ssh_config").write_text("User me\n")
    (tmp_path / "opskit.toml").write_text(
        f'default_environment = "production"\n[ssh]\nconfig = "ssh_config"\n{TOML}'
    )
    return tmp_path


def test_hosts_are_listed_with_the_way_to_them(opskit: Opskit, project: Path) -> None:
    lines = opskit("hosts", cwd=project).stdout.splitlines()
    assert lines[0].split() == ["HOST", "ADDRESS", "PORT", "USER", "GROUPS", "JUMP"]
    assert [line.split() for line in lines[1:]] == [
        ["web01", "10.0.0.1", "2222", "deploy", "web", "bastion"],
        ["web02", "web02", "22", "me", "web"],
        ["db1", "db1", "22", "me"],
    ]


def test_a_selector_and_an_environment_choose(opskit: Opskit, project: Path) -> None:
    assert "db1" not in opskit("hosts", "@web", cwd=project).stdout
    assert (
        opskit("hosts", "-e", "staging", cwd=project).stdout.splitlines()[1].startswith("stage01")
    )


def test_the_hosts_that_a_rollout_left_undone_can_be_chosen(opskit: Opskit, project: Path) -> None:
    with open_changelog(load(start=project).changelog.name, actor="ann@laptop") as changelog:
        name = start(changelog, hosts=("web01", "web02"))
        results(changelog, name, {"web01": "done", "web02": "failed"})
    lines = opskit("hosts", f"@failed:{name}", cwd=project).stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["HOST", "web02"]


def test_as_json_there_are_no_vars(opskit: Opskit, project: Path) -> None:
    done = opskit("hosts", "web01", "--json", cwd=project)
    assert done.json["data"] == {
        "environment": "production",
        "hosts": [
            {
                "name": "web01",
                "address": "10.0.0.1",
                "port": 2222,
                "user": "deploy",
                "groups": ["web"],
                "jump": ["bastion"],
            }
        ],
    }
    assert "s3cret" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "what", "hint"),
    [
        (["wbe01"], "opskit: no host wbe01", "did you mean 'web01'?"),
        (["web[01"], "opskit: web[01 is not a range", ""),
        (["-e", "prod"], "opskit: no environment 'prod'", "did you mean 'production'"),
    ],
)
def test_a_mistake_is_a_usage_error(
    opskit: Opskit, project: Path, arguments: list[str], what: str, hint: str
) -> None:
    done = opskit("hosts", *arguments, cwd=project, expect=2)
    assert what in done.stderr
    assert hint in done.stderr


def test_listing_imports_nothing_heavy(opskit: Opskit, project: Path) -> None:
    done = opskit("hosts", cwd=project, env={"PYTHONPROFILEIMPORTTIME": "1"})
    for module in ("paramiko", "fabric", "rich", "cryptography"):
        assert f"| {module}\n" not in done.stderr
        assert f" {module}.client" not in done.stderr


def test_all_hosts_answer(opskit: Opskit, any_hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(any_hosts.toml())
    done = opskit("hosts", "--ping", cwd=tmp_path)
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[0] for row in rows] == list(any_hosts.names)
    assert {row[2] for row in rows} == {"ok"}


def test_some_hosts_answer_and_the_others_say_why(
    opskit: Opskit, hosts: Hosts, tmp_path: Path
) -> None:
    (tmp_path / "opskit.toml").write_text(hosts.toml())
    hosts.stop("web02")
    done = opskit("hosts", "web[01-02]", "--ping", cwd=tmp_path, expect=3)
    good, bad = done.stdout.splitlines()[1:]
    assert good.split()[2] == "ok"
    assert bad.split()[2] == "unreachable"
    assert "refused the connection" in bad
    assert "web02: does sshd run there" in done.stderr


def test_no_host_answers(opskit: Opskit, hosts: Hosts, tmp_path: Path) -> None:
    (tmp_path / "opskit.toml").write_text(hosts.toml())
    hosts.host("web01").known_hosts.rename(tmp_path / "away")
    try:
        done = opskit("hosts", "web01", "--ping", "--json", cwd=tmp_path, expect=1)
    finally:
        (tmp_path / "away").rename(hosts.host("web01").known_hosts)
    ping = done.json["data"]["hosts"][0]["ping"]
    assert done.json["status"] == "failed"
    assert ping["answered"] is False
    assert ping["error"]["kind"] == "host-key"


def test_a_host_behind_another_host_answers(
    opskit: Opskit, openssh_hosts: Hosts, tmp_path: Path
) -> None:
    behind = '[hosts."web02"]\njump = "web01"\n'
    toml = openssh_hosts.toml().replace("[hosts.web02]", '[hosts."web02"]')
    assert '[hosts."web02"]\n' in toml
    (tmp_path / "opskit.toml").write_text(toml.replace('[hosts."web02"]\n', behind))
    assert opskit("hosts", "web02", cwd=tmp_path).stdout.split()[-1] == "web01"
    opskit("hosts", "web02", "--ping", cwd=tmp_path)
    openssh_hosts.stop("web01")
    done = opskit("hosts", "web02", "--ping", "--json", cwd=tmp_path, expect=1)
    assert "jump host web01" in done.json["data"]["hosts"][0]["ping"]["reason"]
