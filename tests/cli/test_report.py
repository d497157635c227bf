from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.changelog.writing import whole
from tests.support.paper import changelog, configure

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.cli import Opskit

__all__ = ["changelog"]


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    configure(tmp_path, shop='owner = "team-web"')


@pytest.fixture
def story(changelog: Changelog) -> tuple[str, str]:
    """Two deploys of the shop, the second rolled back, and one of search; gives the shop's two."""
    first = whole(changelog, before=0, to=1)
    second = whole(changelog, before=1, to=2)
    whole(changelog, action="rollback", before=2, to=1)
    whole(changelog, service="search", environment="staging")
    return first, second


def test_figures_stand_in_tables_with_what_they_are_of(
    opskit: Opskit, story: tuple[str, str]
) -> None:
    said = opskit("report").stdout
    services, teams = said.partition("\nTEAM")[0], said.partition("\nTEAM")[2]
    assert re.search(r"\nshop in production +3 +2 +- +50% ", services)
    assert "50% (1 of 2; 9% to 91%)" in services
    assert re.search(r"\nall +4 +3 +-", services)
    assert re.search(r"\nteam-web +3 +2 ", teams)
    assert re.search(r"\n\(no owner\) +1 +1 ", teams)
    assert "1 failed change, the newest first\n" in said
    assert f"\n  {story[1]}  shop  " in said
    assert "\ntime to restore: from when a failed change came to its first host" in said


def test_figures_as_data(opskit: Opskit, story: tuple[str, str]) -> None:
    told = opskit("report", "--json").json
    assert (told["command"], told["status"]) == ("report", "done")
    data = told["data"]
    (search, shop) = data["services"]
    assert (shop["name"], shop["environment"], shop["team"]) == ("shop", "production", "team-web")
    rate = shop["change_failure_rate"]
    assert (rate["count"], rate["n"], rate["rate"]) == (1, 2, 0.5)
    assert shop["time_to_restore"]["n"] == 1
    assert shop["lead_time"] == {"n": 0, "median": None, "unknown": 0}
    assert search["deployments"] == 1
    assert data["all"]["rollouts"] == 4
    (failure,) = data["failures"]
    assert failure["id"] == story[1]
    assert failure["because"].startswith("rolled back by ")


def test_a_verdict_changes_the_figures(opskit: Opskit, story: tuple[str, str]) -> None:
    first, second = story
    opskit("verdict", second, "innocent", "-m", "it was the disk")
    opskit("verdict", first, "guilty", "-m", "it was this one")
    failures = opskit("report", "--json").json["data"]["failures"]
    assert [each["id"] for each in failures] == [first]
    assert failures[0]["because"].startswith("verdict ")


def test_what_a_bisection_only_tried_counts_for_nothing(
    opskit: Opskit, changelog: Changelog, story: tuple[str, str]
) -> None:
    step = {"bisect": "a" * 64, "what": "brings", "rollout": story[1], "sha": "b" * 40}
    changelog.append("bisect.step", step, service="shop", environment="production")
    data = opskit("report", "--json", "-s", "shop").json["data"]["all"]
    assert (data["rollouts"], data["deployments"]) == (2, 1)
    assert data["change_failure_rate"]["count"] == 0


def test_what_another_writer_says_under_somebodys_id_counts_for_nothing(
    opskit: Opskit, story: tuple[str, str], changelog: Changelog, tmp_path: Path
) -> None:
    before = opskit("report", "--json").json["data"]["all"]
    with Changelog(tmp_path / "eve" / "changelog.db", actor="eve") as eve:
        whole(eve, rollout=story[0], outcome="failed")
        lines: list[str] = []
        eve.export(lines.append)
    changelog.take_in(lines)
    assert opskit("report", "--json").json["data"]["all"] == before


@pytest.mark.usefixtures("story")
def test_only_a_service_or_an_environment_is_told_of_if_wanted(opskit: Opskit) -> None:
    for words, names in ((("-e", "staging"), ["search"]), (("-s", "shop"), ["shop"])):
        data = opskit("report", "--json", *words).json["data"]
        assert [each["name"] for each in data["services"]] == names
        assert data["all"]["deployments"] == len(names) + (names == ["shop"])


def test_of_nothing_nothing_is_said(opskit: Opskit) -> None:
    said = opskit("report").stdout
    assert "nothing was rolled out in this time" in said
    assert "%" not in said
    assert opskit("report", "--json").json["data"]["all"]["deployments_per_week"] is None


@pytest.mark.usefixtures("story")
def test_a_period_begins_where_the_changelog_does(opskit: Opskit, changelog: Changelog) -> None:
    data = opskit("report", "--json", "--since", "2020-01-01").json["data"]
    began = changelog.began()
    assert began is not None
    assert data["since"] == began.isoformat()


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["-s", "shpo"], "no service 'shpo'"),
        (["-e", "prod"], "no environment 'prod'"),
        (["--since", "soon"], "cannot read the time 'soon'"),
    ],
)
def test_what_makes_no_sense_is_an_error(opskit: Opskit, words: list[str], what: str) -> None:
    assert what in opskit("report", *words, expect=2).stderr


@pytest.mark.usefixtures("story")
def test_the_page_spares_what_is_not_its_own(opskit: Opskit, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    assert opskit("report", "--web", file).stdout.startswith(f"wrote {file}: ")
    assert opskit("report", "--web", file, "--json").json["data"]["web"]["file"] == str(file)
    other = tmp_path / "log.html"
    opskit("log", "--web", other)
    said = opskit("report", "--web", other, expect=5).stderr
    assert "`opskit report --web` did not make it" in said
