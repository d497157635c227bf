from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from opskit.blame.asked import remember
from opskit.blame.gather import Place
from opskit.blame.grade import cases
from opskit.blame.model import DRIFT, Candidate, Question
from opskit.blame.recalling import recalled
from opskit.blame.score import rank
from opskit.changelog import Filter
from opskit.changelog.files import changelog_file
from tests.changelog.keys import Keys, line
from tests.changelog.writing import whole
from tests.support.paper import changelog, configure

if TYPE_CHECKING:
    from pathlib import Path

    from opskit.changelog import Changelog
    from tests.support.cli import Opskit

__all__ = ["changelog"]
NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _project(tmp_path: Path) -> None:
    configure(tmp_path, shop='secrets = ["TOKEN"]')


def suspect(name: str, kind: str = "deploy", **more: Any) -> Candidate:
    return Candidate(name, kind, NOW, **more)


def test_a_verdict_stands_in_the_log_and_on_the_rollouts_page(
    opskit: Opskit, changelog: Changelog
) -> None:
    name = whole(changelog)
    words = ("verdict", name[:5], "guilty", "-m", "its cache is cold", "--incident", "INC-7")
    said = opskit(*words, "--onset", "10 min ago", env={"OPSKIT_ACTOR": "ben"}).stdout
    (given,) = changelog.rollout(name).verdicts
    assert said == f"guilty {name}: {given.id}\n"
    assert (given.actor, given.service, given.environment) == ("ben", "shop", "production")
    log = opskit("log").stdout.splitlines()
    assert f"guilty {name}" in log[1]
    assert log[1].endswith("its cache is cold")
    assert "[guilty]" in log[2]
    page = opskit("log", name).stdout
    assert "verdict by ben, " in page
    assert ": guilty\n  its cache is cold\n  the trouble began " in page
    assert "incident INC-7" in page
    alone = opskit("log", given.id).stdout
    assert '"verdict": "guilty"' in alone


def test_a_later_verdict_takes_the_place_of_an_earlier_one(
    opskit: Opskit, changelog: Changelog
) -> None:
    name = whole(changelog)
    opskit("verdict", name, "guilty", "-m", "it must be")
    told = opskit("verdict", name, "innocent", "-m", "it was the disk", "--json").json["data"]
    assert (told["verdict"], told["rollout"]) == ("innocent", name)
    page = opskit("log", name).stdout
    assert ": guilty, replaced since\n  it must be\n" in page
    assert ": innocent\n  it was the disk\n" in page
    assert "[innocent]" in opskit("log", "--kind", "deploy").stdout
    entries = opskit("log", "--json").json["data"]["entries"]
    assert [entry["type"] for entry in entries] == ["verdict", "verdict", "rollout"]
    assert [v["verdict"] for v in entries[2]["verdicts"]] == ["guilty", "innocent"]
    rows = opskit("log", "--csv", "--kind", "verdict").stdout.splitlines()
    assert f",verdict,{entries[0]['at'][:19]}+00:00," in rows[1]
    assert rows[1].count(",") == rows[0].count(",")


def test_a_verdict_holds_the_question_that_it_answers(
    opskit: Opskit, changelog: Changelog
) -> None:
    name, other = whole(changelog), whole(changelog)
    folder = changelog_file("test").parent
    now = datetime.now(UTC)
    for minutes, symptom, suspects in (
        (9, "older", [name]), (5, "token is hunter2zebra", [other, name]), (1, "not about it", [other]),
    ):  # fmt: skip
        question = Question(at=now - timedelta(minutes=minutes), services=("shop",), ill=("web01",), symptom=symptom)  # fmt: skip
        remember(folder, question, [suspect(name) for name in suspects], now)
    opskit("verdict", name, "guilty", "-m", "so", env={"TOKEN": "hunter2zebra"})
    (given,) = changelog.rollout(name).verdicts
    assert given.asked is not None
    assert (given.asked.symptom, given.asked.ill) == ("token is [redacted]", ("web01",))
    assert abs(given.asked.at - now + timedelta(minutes=5)) < timedelta(seconds=1)


def test_its_question_is_the_one_about_that_trouble_and_not_the_last_one(
    opskit: Opskit, changelog: Changelog
) -> None:
    name, now = whole(changelog), datetime.now(UTC)
    for hours, symptom in ((5, "the cart is empty"), (1, "web03 is down")):
        at = now - timedelta(hours=hours)
        question = Question(at=at, is_onset=True, services=("shop",), symptom=symptom)
        remember(changelog_file("test").parent, question, [suspect(name)], now)
    for onset, symptom in (((), "the cart is empty"), (("--onset", "65m"), "web03 is down")):
        opskit("verdict", name, "guilty", "-m", "so", *onset)
        given = changelog.rollout(name).verdicts[-1]
        assert given.asked
        assert given.asked.symptom == symptom
    opskit("verdict", name, "guilty", "-m", "so, said again")
    again = changelog.rollout(name).verdicts[-1]
    assert again.asked
    assert again.asked.symptom == "web03 is down", "of the onset that was said before"
    opskit("verdict", name, "guilty", "-m", "so", "--onset", "20h")
    assert changelog.rollout(name).verdicts[-1].asked is None


def test_verdicts_given_in_a_row_the_morning_after_answer_the_question_that_each_was_about(
    opskit: Opskit, changelog: Changelog
) -> None:
    names, now = [whole(changelog) for _ in range(3)], datetime.now(UTC)
    for number, name in enumerate(names):
        for again, minutes in ((0, 10 - 2 * number), (1, 9.5 - 2 * number)):
            at = now - timedelta(minutes=minutes)
            known = [replace(suspect(each), at=now - timedelta(minutes=11 - 2 * n)) for n, each in enumerate(names[: number + 1])]  # fmt: skip
            question = Question(at, services=("shop",), symptom=f"{number}, asked {again}")
            remember(changelog_file("test").parent, question, known[::-1], at)
        assert known[-1].id == name
    for name in names:
        opskit("verdict", name, "guilty", "-m", "so")
    given = [changelog.rollout(name).verdicts[0].asked for name in names]
    assert [each and each.symptom for each in given] == [f"{n}, asked 1" for n in range(3)]
    assert len(cases(changelog.verdicts(Filter())).cases) == 3


@pytest.mark.parametrize("broken", ["", "{", "[1]", '{"questions": [{"asked": 3}]}'])
def test_questions_that_cannot_be_read_are_none(
    opskit: Opskit, changelog: Changelog, broken: str
) -> None:
    name = whole(changelog)
    (changelog_file("test").parent / "asked.json").write_text(broken)
    opskit("verdict", name, "guilty", "-m", "so")
    assert changelog.rollout(name).verdicts[0].asked is None


def test_secrets_stand_in_no_verdict(opskit: Opskit, changelog: Changelog) -> None:
    name, env = whole(changelog), {"TOKEN": "hunter2zebra"}
    opskit("verdict", name, "guilty", "-m", "it leaks hunter2zebra", env=env)
    assert changelog.rollout(name).verdicts[0].why == "it leaks [redacted]"
    for more in ([], ["--json"]):
        said = opskit("verdict", "hunter2zebra", "guilty", "-m", "so", *more, env=env, expect=2)
        assert "hunter2zebra" not in f"{said}"
        assert "[redacted]" in f"{said}"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (["zzzz", "guilty", "-m", "so"], "no rollout, run, note or freeze 'zzzz'"),
        (["zzzz", "guilty"], "no rollout, run, note or freeze 'zzzz'"),
        (["{}", "guilty"], "a verdict needs a reason"),
        (["{}", "guilty", "-m", " "], "a verdict needs a reason"),
        (["{}", "guilty", "-m", "x" * 2001], "longer than 2000"),
        (["{}", "perhaps", "-m", "so"], "'perhaps' is not one of 'guilty', 'innocent'"),
        (["{}", "guilty", "-m", "so", "--onset", "soon"], "cannot read the time 'soon'"),
        (["{}", "guilty", "-m", "so", "--onset", "2099-01-01"], "has not come yet"),
    ],
)
def test_a_verdict_that_makes_no_sense_is_not_given(
    opskit: Opskit, changelog: Changelog, words: list[str], what: str
) -> None:
    name = whole(changelog)
    filled = [word.replace("{}", name) for word in words]
    assert what in opskit("verdict", *filled, expect=2).stderr
    assert changelog.verdicts() == ()


def test_a_verdict_is_signed_for_and_one_that_was_revoked_does_not_hold(
    opskit: Opskit, changelog: Changelog, tmp_path: Path
) -> None:
    key = Keys(tmp_path).make("key")
    (tmp_path / "allowed_signers").write_text(f"ann@example.com {line(key)}\n")
    more = 'name = "test"\nallowed_signers = "allowed_signers"\nsigning_key = "key"'
    file = tmp_path / "opskit.toml"
    file.write_text(file.read_text().replace('name = "test"', more))
    name = whole(changelog)
    opskit("verdict", name, "innocent", "-m", "by ann")
    (given,) = opskit("log", name, "--json").json["data"]["rollout"]["verdicts"]
    assert (given["standing"], given["principal"]) == ("attested", "ann@example.com")
    last = changelog.rollout(name).events[-2]
    revoke = ("changelog", "revoke", last.header.writer, "--after", last.id)
    opskit(*revoke, "-m", "stolen", "-y")
    assert ": innocent [revoked]\n" in opskit("log", name).stdout
    assert "[innocent]" not in opskit("log", "--kind", "deploy").stdout


@pytest.mark.parametrize("kind", ["note", "freeze", "thaw"])
def test_what_is_no_rollout_is_judged_by_the_id_that_blame_prints(
    opskit: Opskit, changelog: Changelog, kind: str
) -> None:
    words = {"note": ("changed the DNS", "-H", "web01", "-s"), "freeze": ("-m", "sale"), "thaw": ("-m", "over")}  # fmt: skip
    if kind == "thaw":
        opskit("freeze", "shop", "-m", "sale")
    name = opskit(kind, *words[kind], "shop", "--json").json["data"]["id"]
    blamed = opskit("blame", "--no-look", "-s", "shop", "-H", "web01", "--all", expect=None).stdout
    assert (name in blamed) == (kind != "freeze")
    opskit("verdict", name[:6], "guilty", "-m", "a typo", "--onset", "0 min")
    assert "replaced since" not in opskit("log", name).stdout
    opskit("verdict", name, "guilty", "-m", "a typo in it")
    page = opskit("log", name).stdout
    assert ": guilty, replaced since\n  a typo\n" in page
    assert ": guilty\n  a typo in it\n  the trouble began " in page
    assert [v["why"] for v in opskit("log", name, "--json").json["data"]["verdicts"]] == ["a typo", "a typo in it"]  # fmt: skip
    assert f"guilty {name}" in opskit("log").stdout
    graded = opskit("blame", "--grade", "--json").json["data"]["grade"]
    assert (graded["n"], [m["guilty"] for m in graded["misses"] if m["said"]]) == (1, [])


def test_a_change_that_only_hosts_told_of_is_judged_and_graded_by_what_they_said_then(
    opskit: Opskit, changelog: Changelog
) -> None:
    now = datetime.now(UTC)
    flips = {"web01": now - timedelta(minutes=3)}
    by_hand = suspect("drift-shop-0a1b2c", DRIFT, service="shop", environment="production", flips=flips, reason="hunter2zebra in conf")  # fmt: skip
    question = Question(at=now, environment="production", services=("shop",), ill=("web01",), well=("web02", "web03"), fleet=("web01", "web02", "web03"))  # fmt: skip
    whole(changelog, hosts=("web02",))
    remember(changelog_file("test").parent, question, [by_hand], now)
    opskit("verdict", "drift-shop", "guilty", "-m", "by hand", env={"TOKEN": "hunter2zebra"})
    (given,) = changelog.verdicts()
    assert (given.rollout, given.service) == ("drift-shop-0a1b2c", "shop")
    assert given.asked
    (seen,) = given.asked.seen
    assert (seen.id, seen.reason, dict(seen.flips).keys()) == (given.rollout, "[redacted] in conf", {"web01"})  # fmt: skip
    (case,) = cases(changelog.verdicts()).cases
    place = Place("production", {}, {"shop": ("web01", "web02", "web03")})
    answer = rank(case.question, recalled(case, place, changelog), {})
    assert answer.suspects[0].candidate.id in case.guilty
    for unknown in ("drift-search", "dri", "drift", "drift-", "drift-sho"):
        assert "no rollout, run, note" in opskit("verdict", unknown, "guilty", "-m", "x", expect=2).stderr  # fmt: skip


def test_a_verdict_is_nothing_that_can_be_judged(opskit: Opskit, changelog: Changelog) -> None:
    name = whole(changelog)
    given = opskit("verdict", name, "guilty", "-m", "so", "--json").json["data"]["id"]
    told = opskit("verdict", given, "innocent", "-m", "so", expect=2).stderr
    assert f"{given} is of kind verdict, which breaks nothing by itself" in told
