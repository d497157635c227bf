"""`opskit rollback --to` and `--pick`: where to, said or chosen, and not over what cannot be taken back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.screen import Screen

if TYPE_CHECKING:
    from tests.support.light import Light

ONE = {"hosts": '"web01"', "batches": "[1]"}


@pytest.fixture
def three(light: Light) -> Light:
    """A service on one host: v1, v2, and v3, which is live."""
    light.configure(**ONE)
    light.deploy("v1", "-m", "the first")
    for version in ("v2", "v3"):
        light.commit(version)
        light.deploy(version, "-m", f"because of {version}")
    return light


@pytest.mark.parametrize("by", ["label", "revision", "short revision", "release"])
def test_a_rollback_goes_to_what_is_named(three: Light, by: str) -> None:
    first = three.log()[-1]["to"]
    word = {
        "label": "v1",
        "revision": first["revision"],
        "short revision": first["revision"][:8],
        "release": first["release"],
    }[by]
    done = three.rollback("--to", word)
    assert three.live_on("web01") == "v1"
    assert "TO v1 (" in done.stderr
    assert ") FROM v3 (" in done.stderr
    three.rollback("--to", "v3")  # which was marked bad as it was left
    assert three.live_on("web01") == "v3"


def test_what_is_named_and_not_there_is_told(three: Light) -> None:
    before = three.tree()
    told = three.rollback("--to", "v9", expect=2)
    assert "no host has a release 'v9' of shop" in told.stderr
    assert "opskit rollback shop --pick" in told.stderr
    assert "names no release" in three.rollback("--to", " ", expect=2).stderr
    assert "leave out one" in three.rollback("--to", "v1", "--pick", expect=2).stderr
    assert three.tree() == before


def test_a_name_of_several_versions_is_not_guessed_at(light: Light) -> None:
    """A folder's releases have all one label."""
    (light.folder / "site").mkdir()
    light.configure(**ONE, source='{ folder = "site" }', health=None, restart=None)
    for text in ("one", "two", "three"):
        (light.folder / "site" / "version").write_text(text)
        light.deploy()
    told = light.rollback("--to", "site", expect=2)
    assert "several releases are called 'site'" in told.stderr
    oldest = light.log()[-1]["to"]["release"]
    assert oldest in told.stderr
    light.rollback("--to", oldest)
    assert light.live_on("web01") == "one"


def test_without_hosts_named_nothing_goes_forward(light: Light) -> None:
    light.configure(batches="[4]")
    for version in ("v2", "v3"):
        light.commit(version)
    light.deploy("v1")
    light.deploy("v2", "-H", "web[01-03]")
    light.deploy("v3", "-H", "web[01-02]")
    light.rollback("--to", "v2")
    assert light.live() == {"web01": "v2", "web02": "v2", "web03": "v2", "web04": "v1"}
    assert set(light.outcomes()) == {"web01", "web02"}
    told = light.rollback("--to", "v3", "-H", "web01,web04", expect=3)
    assert "does not have" in told.stdout
    assert light.live_on("web01") == "v3"


def test_a_release_that_was_never_live_is_none_to_go_back_to(three: Light) -> None:
    made = three.place("web01", "releases", "20200101-000000-aaaaaaaa")
    made.mkdir()
    told = three.rollback("--to", made.name, expect=1)
    assert "was never live here" in told.stdout
    assert three.live_on("web01") == "v3"


def test_in_a_pipe_a_pick_is_refused_and_the_list_is_shown(three: Light) -> None:
    before = three.tree()
    told = three.rollback("--pick", expect=5)
    assert "nobody is there to pick" in told.stderr
    first, why, second, _ = [line for line in told.stderr.splitlines() if "opskit" not in line][:4]
    assert first.startswith(" 1  v2 (")
    assert first.endswith("  good  on 1 of 1 host")
    assert why.endswith(": because of v2")
    assert second.startswith(" 2  v1 (")
    assert three.tree() == before
    assert three.last()["action"] == "deploy"


def test_somebody_picks_by_number_on_a_narrow_screen_without_colour(three: Light) -> None:
    three.commit("v4", good=False)
    three.deploy("v4", expect=5)
    words = ("rollback", "shop", "--pick", "--yes")
    screen = Screen(three.folder, *words, width=60, NO_COLOR="1")
    screen.wait_for("back to which? [1-3, Enter for none]: ")
    drawn = [line for line in screen.drawing.text.splitlines() if line.strip()]
    assert all(len(line) <= 60 for line in drawn)
    assert "BAD  on 1 of 1 host" in drawn[0]
    assert "ago" in drawn[0] or "now" in drawn[0]
    assert "\x1b[3" not in screen.said
    screen.type("9\n")
    screen.wait_for("please type a number from 1 to 3")
    screen.type("3\n")
    assert screen.end() == 0
    assert three.live_on("web01") == "v1"


def test_who_picks_nothing_changes_nothing(three: Light) -> None:
    before = three.tree()
    screen = Screen(three.folder, "rollback", "shop", "--pick", "--yes", width=60)
    screen.wait_for("back to which?")
    screen.type("\n")
    assert screen.end() == 5
    assert three.tree() == before


@pytest.fixture(params=["flag", "trailer"])
def one_way(light: Light, request: pytest.FixtureRequest) -> Light:
    """A service of which v2 cannot be taken back, by what whoever deploys says, or the commit; v3 is live."""
    light.configure(**ONE)
    light.deploy("v1")
    said = "drops orders.note"
    flagged = request.param == "flag"
    light.commit("v2", subject="v2" if flagged else f"v2\n\nSome words.\n\nIrreversible: {said}")
    shown = light.deploy("v2", *(["--irreversible", said] if flagged else []))
    assert f"note: this cannot be taken back: {said}" in shown.stderr
    light.commit("v3")
    light.deploy("v3")
    return light


def test_a_rollback_over_what_cannot_be_taken_back_is_refused_without_a_reason(
    one_way: Light,
) -> None:
    one_way.rollback()  # to v2, which is there already
    assert one_way.live_on("web01") == "v2"
    before = one_way.tree()
    told = one_way.rollback(expect=5)
    assert told.stderr.startswith("opskit: web01 would go back over v2 (")
    assert "which cannot be taken back: drops orders.note" in told.stderr
    assert "--past-irreversible REASON" in told.stderr
    assert one_way.tree() == before
    assert "would go back over v2" in one_way.opskit("rollback", "shop", "-n").stdout
    assert "needs a reason" in one_way.rollback("--past-irreversible", " ", expect=2).stderr
    one_way.rollback("--past-irreversible", "the column is back by hand")
    assert one_way.live_on("web01") == "v1"
    (override,) = one_way.last()["overrides"]
    assert (override["rule"], override["why"]) == ("irreversible", "the column is back by hand")
    page = one_way.opskit("log", one_way.last()["id"]).stdout
    assert "the column is back by hand (irreversible: web01 would go back over v2" in page
    assert "one way   drops orders.note" in one_way.opskit("log", one_way.log()[3]["id"]).stdout


@pytest.mark.parametrize("one_way", ["flag"], indirect=True)
def test_the_list_says_what_would_be_refused(one_way: Light) -> None:
    told = one_way.rollback("--pick", expect=5).stderr.split(" 2  v1 (")
    refused = "    refused without --past-irreversible: web01 would go back over v2 ("
    assert [refused in part for part in told] == [False, True]


def test_it_stands_with_the_release_so_that_no_changelog_is_needed(one_way: Light) -> None:
    info = [
        json.loads(f.read_text()) for f in one_way.place("web01", ".opskit").glob("release/*/info")
    ]
    assert sum("drops orders.note" in one.get("irreversible", "") for one in info) == 1
    other = {"OPSKIT_STATE_DIR": str(one_way.folder / "other-laptop")}
    assert "cannot be taken back" in one_way.rollback("--to", "v1", expect=5, env=other).stderr


def test_a_host_that_missed_it_does_not_go_back_over_it_either(light: Light) -> None:
    """web02 never had v2: only the changelog tells what its database is like since."""
    light.configure(hosts='"web[01-02]"', batches="[2]")
    light.deploy("v1")
    light.commit("v2")
    light.deploy("v2", "-H", "web01", "--irreversible", "drops orders.note")
    light.commit("v3")
    light.deploy("v3")
    assert "web02 would go back over" in light.rollback("-H", "web02", expect=5).stderr


@pytest.mark.parametrize("one_way", ["flag"], indirect=True)
def test_a_release_that_was_good_after_it_is_no_jump(one_way: Light) -> None:
    one_way.rollback("--to", "v1", "--past-irreversible", "v1 works without the column")
    one_way.commit("v4")
    one_way.deploy("v4")
    assert one_way.live_on("web01") == "v4"
    one_way.rollback()
    assert one_way.live_on("web01") == "v1"


def test_no_policy_takes_back_what_cannot_be_taken_back(light: Light) -> None:
    light.configure(hosts='"web[01-03]"', batches="[1]", on_failure='"rollback"')
    light.deploy("v1")
    light.commit("v2")
    light.make_sick("web02", of="v2")
    said = light.deploy("v2", "--irreversible", "drops orders.note", expect=3)
    assert "note: so hosts that have it keep it when the run is stopped" in said.stderr
    assert [light.live_on(name) for name in ("web01", "web02", "web03")] == ["v2", "v1", "v1"]
    light.rollback("--past-irreversible", "the column is back")
    light.deploy("v2", expect=5)
    assert light.live_on("web01") == "v1"
