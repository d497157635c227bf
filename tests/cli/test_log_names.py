"""What `opskit log` is asked for must be known somewhere; what cannot be read is no empty changelog."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from tests.changelog.writing import whole
from tests.support.cli import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog import Changelog
    from tests.support.cli import Opskit

CONFIG = """
environments.production.hosts = ["web[01-03]"]

[services.site]
source = { folder = "." }
path = "/srv/site"
hosts = "web[01-03]"

[changelog]
name = "test"
"""


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    (tmp_path / "opskit.toml").write_text(CONFIG)
    with open_changelog("test", actor="ann@laptop") as opened:
        yield opened


@pytest.mark.parametrize(
    ("line", "what", "hint"),
    [
        ("-s sitte", "no service 'sitte'", "did you mean 'site'?"),
        ("-H web09", "no host 'web09'", "did you mean 'web0"),
        ("-H web01,web09", "no host 'web09'", "did you mean 'web0"),
        ("-e prod", "no environment 'prod'", "did you mean 'production'?"),
        ("-s sitte --follow", "no service 'sitte'", "did you mean 'site'?"),
        ("-s sitte --csv", "no service 'sitte'", "did you mean 'site'?"),
    ],
)
def test_a_name_that_nobody_knows_is_a_usage_error(
    opskit: Opskit, changelog: Changelog, line: str, what: str, hint: str
) -> None:
    whole(changelog)
    done = opskit("log", *line.split(), expect=2)
    assert f"{what} in opskit.toml, and none in the changelog" in done.stderr
    assert hint in done.stderr
    assert done.stdout == ""


def test_what_only_the_changelog_or_only_opskit_toml_knows_is_fine(
    opskit: Opskit, changelog: Changelog
) -> None:
    name = whole(changelog, hosts=("old01",), service="gone")
    for line in ("-s gone", "-H old01", "-s gone -H old01,web02"):
        assert name in opskit("log", *line.split()).stdout
    assert opskit("log", "-s", "site").stdout == ""


def test_a_list_whose_reader_has_read_enough_is_done(
    opskit: Opskit, changelog: Changelog, tmp_path: Path
) -> None:
    for _ in range(30):
        whole(changelog, why="x" * 2000)
    opskit("log", "--csv")
    piped = f"{' '.join(command('log', '--csv'))} | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", piped], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.endswith("\n0\n")


@pytest.mark.usefixtures("changelog")
@pytest.mark.parametrize("folder", ["/proc/nope", "/dev/null/nope"])
def test_a_changelog_that_cannot_be_there_is_no_empty_one(opskit: Opskit, folder: str) -> None:
    done = opskit("log", env={"OPSKIT_STATE_DIR": folder}, expect=1)
    assert done.stdout == ""
    assert done.stderr.startswith("opskit: ")
    assert "nothing in the changelog fits" not in done.stderr


@pytest.mark.usefixtures("changelog")
def test_where_there_is_no_changelog_yet_that_is_said(opskit: Opskit, tmp_path: Path) -> None:
    state = tmp_path / "elsewhere"
    done = opskit("log", env={"OPSKIT_STATE_DIR": str(state)})
    assert f"there is no changelog here yet: {state}/test/changelog.db" in done.stderr
    assert not state.exists()


def test_a_reason_behind_the_command_of_exec_is_told_where_it_belongs(
    opskit: Opskit, tmp_path: Path
) -> None:
    asks = 'environments.production = { hosts = ["web01"], require_why = true }\n'
    (tmp_path / "opskit.toml").write_text(asks)
    done = opskit("exec", "-H", "web01", "uptime", "-m", "x", expect=2)
    assert (
        "-m stands behind the command, as a part of it: put -m/--why TEXT before COMMAND"
        in done.stderr
    )
    done = opskit("exec", "-H", "web01", "uptime", expect=2)
    assert "add -m/--why TEXT before COMMAND" in done.stderr
