"""Candidates from a real changelog: when each host flipped and went back, how far away, and what undoes it."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.blame.gather import Place, gather
from opskit.blame.window import look
from opskit.changelog import Changelog
from opskit.config.service import FolderSource, GitSource, Service
from tests.changelog.writing import ELSEWHERE, finish, put, release, start, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from opskit.blame.model import Candidate

HOSTS = ("web01", "web02", "web03")


def service(name: str, *depends_on: str) -> Service:
    source = GitSource(Path("/repository"), folder=name)
    return Service(name, "production", f"/srv/{name}", "@all", source, depends_on=depends_on)


PLACE = Place(
    "production",
    {each.name: each for each in (service("shop", "search"), service("search", "index"), service("index"), service("mail"))},
    {"shop": HOSTS, "search": ("db01",), "index": ("db02",), "mail": ("mx01", "web03")},
    ill=("shop",),
)  # fmt: skip


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "state" / "changelog.db", actor="ana@laptop") as opened:
        yield opened


def candidates(changelog: Changelog, place: Place = PLACE) -> dict[str, Candidate]:
    """Give all candidates of the last two weeks, by their ids."""
    near = [name for name, far in place.distances().items() if far >= 0]
    now = datetime.now(UTC)
    found = look(changelog, environment="production", at=now, services=near, hosts=place.hosts_of(near))  # fmt: skip
    return {candidate.id: candidate for candidate in gather(found, place)}


def result(host: str, outcome: str, *steps: tuple[str, int], live: str = "r2", **more: object) -> Mapping[str, object]:  # fmt: skip
    told = [{"step": name, "ms": ms} for name, ms in steps]
    return {"host": host, "outcome": outcome, "from": "r1", "to": "r2", "live": live, "ms": 9, "at": now_ms(), "steps": told, **more}  # fmt: skip


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def ago(candidate: Candidate, host: str) -> float:
    return (datetime.now(UTC) - candidate.flips[host]).total_seconds()


def test_a_host_flips_when_it_was_switched_and_not_when_the_run_began_or_ended(changelog: Changelog) -> None:  # fmt: skip
    name = start(changelog, hosts=HOSTS)
    done = result("web01", "done", ("drain", 60_000), ("switch", 500), ("restart", 20_000), ("check", 100_000))  # fmt: skip
    put(changelog, "rollout.hosts", {"results": [done]}, name)
    found = candidates(changelog)[name]
    assert set(found.flips) == {"web01"}
    assert ago(found, "web01") == pytest.approx(120, abs=5)
    assert found.retreats == {}
    assert (found.passed["web01"] - found.flips["web01"]).total_seconds() == pytest.approx(120)


def test_a_host_that_was_put_back_flipped_and_retreated(changelog: Changelog) -> None:
    name = start(changelog, hosts=HOSTS)
    failed = result("web01", "reverted", ("switch", 10), ("restart", 1000), ("check", 30_000), ("put back", 5000), live="r1")  # fmt: skip
    never = result("web02", "failed", live="r1")
    skipped = result("web03", "skipped", live="r1")
    put(changelog, "rollout.hosts", {"results": [failed, never, skipped]}, name)
    finish(changelog, name, "refused")
    found = candidates(changelog)[name]
    assert set(found.flips) == set(found.retreats) == {"web01"}
    assert found.passed == {}
    assert (found.retreats["web01"] - found.flips["web01"]).total_seconds() == pytest.approx(36)
    assert found.undo == ""


def test_a_rollout_that_died_may_have_changed_the_hosts_it_was_at(changelog: Changelog) -> None:
    name = start(changelog, hosts=HOSTS, machine=ELSEWHERE, begun=[])
    put(changelog, "rollout.hosts", {"results": [], "begun": ["web01"]}, name)
    found = candidates(changelog)[name]
    assert (found.outcome, set(found.flips)) == ("unfinished", {"web01"})
    assert found.undo == f"opskit resume {name} --revert -m 'takes back {name}'"


def test_no_host_changes_before_its_rollout_begins_whatever_a_result_says(changelog: Changelog) -> None:  # fmt: skip
    name = start(changelog, hosts=HOSTS)
    long_ago = result("web01", "done", ("switch", 500), at=now_ms() - 3_600_000)
    put(changelog, "rollout.hosts", {"results": [long_ago]}, name)
    found = candidates(changelog)[name]
    assert found.flips["web01"] == found.at


def test_events_of_another_writer_under_somebodys_id_are_no_candidate_and_that_is_said(
    changelog: Changelog, tmp_path: Path
) -> None:
    name = whole(changelog, hosts=HOSTS)
    with Changelog(tmp_path / "eve" / "changelog.db", actor="eve") as eve:
        whole(eve, hosts=HOSTS, rollout=name, outcome="failed", why="forged")
        lines: list[str] = []
        eve.export(lines.append)
    changelog.take_in(lines)
    assert len(changelog.rollouts()) == 2
    assert [each for each in candidates(changelog) if each.startswith(name)] == [name]
    (said,) = look(changelog, environment="production", at=datetime.now(UTC)).missing
    assert f"do not count: those of {name}@" in said


def test_the_undo_of_a_deploy_names_release_hosts_and_environment(changelog: Changelog) -> None:
    name = whole(changelog, hosts=HOSTS)
    undo = candidates(changelog)[name].undo
    assert undo == (
        "opskit rollback shop --to 111111111111 -H 'web[01-03]' -e production "
        f"-m 'takes back {name}'"
    )


def test_a_deploy_of_what_ran_there_already_has_no_undo(changelog: Changelog) -> None:
    again = {**release(5), "revision": release(1)["revision"]}
    hosts = [{"name": "web01", "batch": 1, "from": release(1)}, {"name": "web02", "batch": 1, "from": release(3)}]  # fmt: skip
    for told, undone in ((hosts[:1], ""), (hosts, "opskit rollback shop --to 333333333333 -H web02 ")):  # fmt: skip
        name = changelog.new_rollout_id()
        put(changelog, "rollout.started", {"to": again, "hosts": told}, name)
        done = [result(each["name"], "done", live="r5", **{"from": each["from"]["release"]}) for each in told]  # fmt: skip
        put(changelog, "rollout.hosts", {"results": done}, name)
        finish(changelog, name)
        said = candidates(changelog)[name].undo
        assert said.startswith(undone)
        assert bool(said) == bool(undone)


def test_what_no_host_has_any_more_is_deployed_by_its_revision(changelog: Changelog) -> None:
    name = whole(changelog, hosts=HOSTS)
    kept = {("shop", host): frozenset({"r1", "1" * 12}) for host in HOSTS}
    assert " rollback shop --to 1" in candidates(changelog, replace(PLACE, kept=kept))[name].undo
    kept[("shop", "web03")] = frozenset({"r9", "9" * 12})
    gone = replace(PLACE, kept=kept)
    assert candidates(changelog, gone)[name].undo.startswith("opskit deploy shop 111111111111 -H ")
    folder = Service("shop", "production", "/srv/shop", "@all", FolderSource(Path("/files")))
    gone = replace(gone, services={**PLACE.services, "shop": folder})
    assert candidates(changelog, gone)[name].undo == ""


def test_after_a_rollback_there_is_nothing_left_to_undo_of_the_deploy(
    changelog: Changelog,
) -> None:
    bad = whole(changelog, hosts=HOSTS)
    back = whole(changelog, hosts=("web01", "web02"), before=2, to=1, action="rollback")
    found = candidates(changelog)
    assert set(found[bad].retreats) == {"web01", "web02"}
    assert "-H web03 " in found[bad].undo
    assert found[back].undo.startswith("opskit rollback shop --to 222222222222 -H 'web[01-02]' ")


def test_a_deploy_on_top_takes_nothing_back_unless_it_brings_what_was_there_before(changelog: Changelog) -> None:  # fmt: skip
    first = whole(changelog, hosts=HOSTS)
    whole(changelog, hosts=HOSTS, before=2, to=3)
    assert candidates(changelog)[first].retreats == {}
    old = release(1)["revision"]
    body = {"to": {**release(5), "revision": old}, "hosts": [{"name": "web01", "batch": 1, "from": release(3)}]}  # fmt: skip
    put(changelog, "rollout.started", body, redo := changelog.new_rollout_id())
    put(changelog, "rollout.hosts", {"results": [{**result("web01", "done"), "to": "r5", "live": "r5"}]}, redo)  # fmt: skip
    assert set(candidates(changelog)[first].retreats) == {"web01"}


def test_distance_is_counted_along_what_services_depend_on(changelog: Changelog) -> None:
    far = {
        whole(changelog, service=name, hosts=hosts): distance
        for name, hosts, distance in (
            ("shop", HOSTS, 0), ("search", ("db01",), 1), ("index", ("db02",), 2), ("mail", ("web03",), -1),
        )
    }  # fmt: skip
    far[whole(changelog, service="", action="reboot", hosts=("db02",))] = 2
    far[whole(changelog, service="", action="exec", hosts=("web01", "mx01"))] = 0
    far[whole(changelog, service="", action="exec", hosts=("mx01",))] = -1
    found = candidates(changelog)
    assert {name: found[name].distance for name in far} == far
    nobody_knows = Place(PLACE.environment, PLACE.services, PLACE.lives)
    assert {c.distance for c in candidates(changelog, nobody_knows).values()} == {0}


def test_restarts_reboots_and_commands_flip_their_hosts_and_nothing_undoes_them(changelog: Changelog) -> None:  # fmt: skip
    for action, step in (("restart", "restart"), ("reboot", "reboot"), ("exec", "")):
        service_of = "shop" if action == "restart" else ""
        name = start(changelog, hosts=("web01",), action=action, service=service_of)
        steps = [(step, 10_000), ("wait", 50_000)] if step else []
        done = result("web01", "done", *steps, **({} if step else {"ms": 60_000}))
        put(changelog, "rollout.hosts", {"results": [done]}, name, service_of, action=action)
        found = candidates(changelog)[name]
        assert ago(found, "web01") == pytest.approx(60, abs=5), action
        assert (found.kind, found.undo) == (action, "")


def test_what_hosts_said_is_text_of_the_candidate_and_the_commits_are_to_be_found(changelog: Changelog) -> None:  # fmt: skip
    name = whole(changelog, "failed", why="a faster cart")
    found = candidates(changelog)[name]
    assert "502 Bad Gateway" in found.text
    assert found.history is not None
    assert (found.history.old, found.history.new) == ("1" * 12, "2" * 12)
    assert (found.history.folder, found.why) == ("shop", "a faster cart")


def test_a_command_that_failed_is_called_by_its_command(changelog: Changelog) -> None:
    name = whole(changelog, "failed", action="exec", service="", command=["opskit", "exec"], script="rm -r cache")  # fmt: skip
    assert candidates(changelog)[name].text.startswith("rm -r cache\n")


def test_notes_thaws_and_overridden_freezes_are_seen(changelog: Changelog) -> None:
    note = changelog.append("note", {"text": "edited nginx.conf", "hosts": ["web02"]}, environment="production")  # fmt: skip
    thaw = changelog.append("thaw", {"why": "the fair is over", "freezes": []}, service="shop")
    over = {"rule": "freeze", "what": "shop is frozen", "why": "it burns"}
    forced = start(changelog, overrides=[over])
    found = candidates(changelog)
    assert set(found[note.id].flips) == {"web02"}
    assert (found[thaw.id].kind, found[thaw.id].why) == ("thaw", "the fair is over")
    assert found[forced].overrides == ("freeze: shop is frozen (it burns)",)


def test_what_is_too_old_is_not_looked_at_and_that_is_said(changelog: Changelog) -> None:
    whole(changelog)
    late = datetime.now(UTC) + timedelta(days=15)
    assert look(changelog, environment="production", at=late, services=["shop"]).rollouts == ()
    everything = look(changelog, environment="production", at=late, services=["shop"], since=late - timedelta(days=20))  # fmt: skip
    assert len(everything.rollouts) == 1


def test_a_flood_of_one_kind_does_not_hide_what_came_before_it_and_is_said(
    changelog: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("MOST_OURS", "MOST_THERE", "MOST_OF_KIND", "MOST_BESIDE"):
        monkeypatch.setattr(f"opskit.blame.window.{name}", 5)
    names = {whole(changelog, hosts=HOSTS), whole(changelog, action="rollback", hosts=HOSTS)}
    for _ in range(8):
        start(changelog, hosts=HOSTS, action="restart")
        start(changelog, hosts=HOSTS, action="exec", service="")
    found = look(changelog, environment="production", at=datetime.now(UTC), services=["shop"], hosts=HOSTS)  # fmt: skip
    assert names <= {record.id for record in found.rollouts}
    assert len(found.rollouts) < 16
    of_shop, there = found.missing
    assert "so much was done to shop that of some kinds only what came after a time was looked at (restart 2" in of_shop  # fmt: skip
    assert ", exec 2" in there
    assert "--at TIME" in there
