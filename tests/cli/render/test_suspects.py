"""A suspect in words: which of its hosts show the trouble, which are well, and which had gone back from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from opskit.blame.model import Answer, Candidate, Question, Suspect, Term
from opskit.changelog import Release
from opskit.cli.render.blame import clock, trouble
from opskit.cli.render.suspects import because, facts, title

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
HOSTS = ("web01", "web02", "web03", "web04")


def hosts(*, ill: tuple[str, ...] = (), well: tuple[str, ...] = (), back: tuple[str, ...] = ()) -> str:  # fmt: skip
    began = NOW - timedelta(minutes=5)
    flips, gone = dict.fromkeys(HOSTS, began), dict.fromkeys(back, NOW - timedelta(minutes=1))
    suspect = Suspect(Candidate("a", "deploy", began, "shop", flips=flips, retreats=gone), 0.5, (), ill, well)  # fmt: skip
    answer = Answer(Question(NOW, ill=ill, well=(*well, *back)), (suspect,), (), 0.5)
    return dict(facts(suspect, answer))["hosts"]


def test_a_host_that_went_back_from_it_does_not_have_it_and_was_looked_at() -> None:
    said = hosts(ill=HOSTS[1:2], well=HOSTS[2:], back=HOSTS[:1])
    assert said == "web02 shows it; web[03-04] have it too, and are well; web01 went back from it"


def test_of_one_host_is_spoken_as_of_one() -> None:
    said = hosts(ill=HOSTS[:2], well=HOSTS[2:3])
    assert said == "web[01-02] show it; web03 has it too, and is well; web04 has it, and nobody looked"  # fmt: skip


def test_the_sum_is_that_of_the_bits_that_are_shown() -> None:
    terms = [Term(name, bits, name, "event") for name, bits in (("a", 2.64), ("b", 0.94), ("c", -0.55), ("d", -0.04))]  # fmt: skip
    *rows, whole = [line.removeprefix("because").split()[0] for line in because(terms)]
    assert rows == ["+2.6", "+0.9", "-0.6", "+0.0"]
    assert whole == "+2.9"


def test_hosts_are_well_by_what_was_asked_of_them_and_not_more() -> None:
    question = Question(NOW, services=("shop",), well=HOSTS, well_from="the health check passes")
    assert "  well      web[01-04]: the health check passes; which hosts are ill, nobody says" in list(trouble(question))  # fmt: skip


def test_an_onset_that_is_not_today_is_shown_with_its_date() -> None:
    now = datetime.now().astimezone()
    assert clock(now) == f"{now:%H:%M:%S}"
    assert clock(now - timedelta(days=1)) == f"{now - timedelta(days=1):%Y-%m-%d %H:%M:%S}"


def test_of_what_the_ill_service_needs_only_its_hosts_are_told() -> None:
    needed = Candidate("a", "deploy", NOW, "prices", flips={"web03": NOW}, distance=1)
    suspect = Suspect(needed, 0.5, (), well=("web03",))
    answer = Answer(Question(NOW, ill=HOSTS[:1], well=HOSTS[2:]), (suspect,), (), 0.5)
    assert dict(facts(suspect, answer))["hosts"] == "web03, which what is ill needs"


def test_a_version_that_came_from_two_releases_is_named_once() -> None:
    old = (Release("r1", "1" * 40, "v5"), Release("r2", "1" * 40, "v5"))
    again = Candidate("a", "deploy", NOW, "shop", before=old, after=(Release("r3", "1" * 40, "v5"),))  # fmt: skip
    assert title(again) == "deploy a of shop, v5 again"
    (bare,) = (Release("r4", "1" * 40, "1" * 8),)
    new = Candidate("a", "deploy", NOW, "shop", before=(bare, *old), after=(Release("r5", "2" * 40, "v6"),))  # fmt: skip
    assert title(new) == "deploy a of shop, v5 → v6"
    alone = Candidate("a", "deploy", NOW, "shop", before=(bare,), after=new.after)
    some = Candidate("a", "deploy", NOW, "shop", before=(*old, *new.after), after=new.after)
    assert title(some) == "deploy a of shop, v5, v6 → v6"
    site = [Release(f"r{n}", f"{n}" * 40, "site") for n in (1, 2)]
    folder = Candidate("a", "deploy", NOW, "shop", before=(site[0],), after=(site[1],))
    assert title(folder) == "deploy a of shop, site (11111111) → site (22222222)"
    assert title(alone) == "deploy a of shop, 11111111 → v6"


def test_a_command_is_called_by_what_was_typed_whatever_came_of_it() -> None:
    ran = Candidate(
        "a", "exec", NOW, "shop", flips={"web01": NOW}, text="rm -r cache\nended with 1"
    )
    assert title(ran) == "exec a of web01: rm -r cache"


def test_where_nobody_says_that_anything_is_ill_it_is_not_said_either() -> None:
    (line,) = trouble(Question(NOW, environment="production"))
    assert line.startswith("what is ill in production, nobody says: what was changed until now, ")
