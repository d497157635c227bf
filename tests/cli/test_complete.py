"""TAB offers what opskit.toml and tasks.py name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from opskit.changelog import open_changelog
from opskit.cli import complete
from opskit.demo.shop.history import git
from tests.changelog.running import begin
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = """
default_environment = "production"
[environments.production]
hosts = ["web[01-20]", "db01"]
groups.web = "web[01-20]"
[environments.staging]
hosts = ["stage01"]
[hosts.db01]
port = 2222
[services.shop]
path = "~/shop"
hosts = "@web"
source = { folder = "." }
environments = ["production"]
[services.search]
path = "~/search"
hosts = "@web"
source = { folder = "." }
environments = ["production"]
"""
TASKS = """
from fabric import Connection, task

@task
def warm_cache(c): "Warm."

@task(help={"size": "how much"})
@other
def clear_cache(c, size=1): "Clear."

def helper(c): "No task."
"""
PARAM = click.Option(["--any"])


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    (tmp_path / "tasks.py").write_text(TASKS)
    monkeypatch.chdir(tmp_path)


def context(**params: object) -> click.Context:
    ctx = click.Context(click.Command("deploy"))
    ctx.params = params
    return ctx


def test_environments_and_services_are_offered_by_name() -> None:
    assert complete.environments(context(), PARAM, "") == ["production", "staging"]
    assert complete.services(context(), PARAM, "s") == ["search", "shop"]
    assert complete.services(context(), PARAM, "sh") == ["shop"]


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("", ["@*", "@web", "db01", "stage01", "web[01-20]"]),
        ("@", ["@*", "@web"]),
        ("db01,st", ["db01,stage01"]),
        ("@web!w", ["@web!web[01-20]"]),
        ("web[01,", []),
    ],
)
def test_the_last_term_of_a_selector_is_completed(typed: str, offered: list[str]) -> None:
    assert complete.hosts(context(), PARAM, typed) == offered


def test_hosts_are_those_of_the_environment_chosen_before() -> None:
    assert complete.hosts(context(environment="staging"), PARAM, "s") == ["stage01"]
    assert complete.hosts(context(environment="staging"), PARAM, "@") == ["@*"]


def test_tasks_are_read_not_run() -> None:
    assert complete.tasks("") == ["clear-cache", "warm-cache"]


def test_without_a_configuration_nothing_is_offered_and_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "opskit.toml").write_text("[broken")
    assert complete.tasks("") == []
    for offer in (complete.environments, complete.services, complete.hosts):
        assert offer(context(), PARAM, "") == []
    assert capsys.readouterr() == ("", "")


def test_revisions_are_the_tags_and_branches_of_the_services_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    git(tmp_path, "commit", "--quiet", "--allow-empty", "--message", "One")
    git(tmp_path, "tag", "v1")
    config = CONFIG.replace('source = { folder = "." }', 'source = { git = "." }', 1)
    (tmp_path / "opskit.toml").write_text(config)
    assert complete.revisions(context(service="shop"), PARAM, "") == ["main", "v1"]
    assert complete.revisions(context(service="shop"), PARAM, "v") == ["v1"]
    assert complete.revisions(context(service="search"), PARAM, "") == []
    assert complete.revisions(context(service="nothing"), PARAM, "") == []
    monkeypatch.setenv("PATH", "")
    assert complete.revisions(context(service="shop"), PARAM, "") == []


def test_rollouts_are_offered_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "opskit.toml").write_text(f'{CONFIG}[changelog]\nname = "test"\n')
    assert complete.rollouts(context(), PARAM, "") == []
    with open_changelog("test", actor="ann@laptop") as changelog:
        first, last = (
            whole(changelog, rollout="aaaa111111"),
            whole(changelog, rollout="bbbb111111"),
        )
    assert complete.rollouts(context(), PARAM, "") == [last, first]
    assert complete.rollouts(context(), PARAM, "aa") == [first]
    with open_changelog("test", actor="ann@laptop") as changelog:
        run = begin(changelog)
    assert complete.records(context(), PARAM, "") == [run, last, first]
    assert complete.runs(context(), PARAM, "") == [run]


def test_what_a_stranger_made_up_as_an_id_is_not_offered_to_a_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPSKIT_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "opskit.toml").write_text(f'{CONFIG}[changelog]\nname = "test"\n')
    with open_changelog("test", actor="eve@laptop") as changelog:
        for name in ("abcd$(touch x)\x1b[2J", "abcd;ls", "abcd\n", "abcdéé", "-abcd", "abcd 12"):
            whole(changelog, rollout=name)
        good = whole(changelog, rollout="abcd111111")
    assert complete.rollouts(context(), PARAM, "") == [good]
