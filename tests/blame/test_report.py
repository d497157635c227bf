"""Figures are made of facts as the definitions say, and nothing is made of nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from opskit.blame.deeds import Deed
from opskit.blame.grade import Rate
from opskit.blame.report import Facts, Figures, Median, report
from opskit.changelog import VerdictEntry

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
WEEK = timedelta(days=7)
HOSTS = ("web01", "web02")


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def deed(
    name: str,
    at: float,
    *,
    kind: str = "deploy",
    outcome: str = "done",
    hosts: tuple[str, ...] = HOSTS,
    back: tuple[str, ...] = (),
    bad: tuple[str, ...] = (),
    to: str = "",
    before: str = "r0",
    service: str = "shop",
    commits: tuple[str, ...] = (),
) -> Deed:
    """Give a deed `at` minutes after noon that takes 4 minutes; each host flips after 1, and is back after 3."""
    began = NOON + minutes(at)
    return Deed(
        id=name,
        kind=kind,
        at=began,
        ended=began + minutes(4),
        service=service,
        environment="production",
        outcome=outcome,
        came={host: began + minutes(1) for host in hosts},
        back={host: began + minutes(3) for host in back},
        bad=frozenset(bad),
        brought=dict.fromkeys(hosts, to or f"release-{name}"),
        took=dict.fromkeys(hosts, before),
        commits=commits,
    )


def verdict(rollout: str, ruling: str = "guilty", onset: datetime | None = None) -> VerdictEntry:
    return VerdictEntry(f"v-{rollout}", "", NOON, "ann", ruling, "so", rollout, onset=onset)


def made(
    *deeds: Deed,
    verdicts: tuple[VerdictEntry, ...] = (),
    commits: dict[str, datetime] | None = None,
) -> Figures:
    counts: dict[tuple[str, str], int] = {}
    for each in deeds:
        place = (each.service, each.environment)
        counts[place] = counts.get(place, 0) + 1
    rulings = {each.rollout: each for each in verdicts}
    return report(Facts(deeds, counts, rulings, {}, commits or {}), NOON - WEEK, NOON + WEEK).all


def test_of_nothing_there_is_no_figure() -> None:
    found = made()
    assert (found.rollouts, found.deployments, found.per_week) == (0, 0, None)
    assert (found.failed.value, found.rolled_back.interval) == (None, None)
    assert (found.restore, found.lead) == (Median(0, None), Median(0, None))


def test_there_is_no_frequency_of_less_than_a_week() -> None:
    facts = Facts((deed("a", 0),), {("shop", "production"): 1}, {}, {})
    assert report(facts, NOON - minutes(1), NOON + WEEK - minutes(2)).all.per_week is None
    assert report(facts, NOON - minutes(1), NOON + WEEK).all.per_week == pytest.approx(1, abs=0.01)


def test_deployments_are_deploys_that_came_to_a_host() -> None:
    found = made(deed("a", 0), deed("b", 10, outcome="failed", hosts=()), deed("c", 20, kind="rollback"))  # fmt: skip
    assert (found.rollouts, found.deployments, found.never_live) == (3, 1, 1)
    assert found.per_week == 0.5
    assert found.failed == Rate(0, 1)


@pytest.mark.parametrize("outcome", ["failed", "partial", "refused", "reverted"])
def test_one_that_came_to_a_host_and_went_wrong_is_a_failed_change(outcome: str) -> None:
    found = made(deed("a", 0, outcome=outcome, back=HOSTS), deed("b", 10))
    assert found.failed == Rate(1, 2)
    assert [(f.id, f.because) for f in found.failures] == [("a", outcome)]


@pytest.mark.parametrize("outcome", ["interrupted", "abandoned", "unfinished", "recovered"])
def test_one_of_which_nobody_knows_that_it_was_bad_is_none(outcome: str) -> None:
    assert made(deed("a", 0, outcome=outcome)).failed == Rate(0, 1)


def test_one_that_took_itself_back_is_restored_when_its_last_host_was() -> None:
    found = made(deed("a", 0, outcome="failed", back=HOSTS))
    assert (found.restore, found.open) == (Median(1, 120), 0)
    assert found.rolled_back == Rate(1, 1)


def test_one_that_a_rollback_takes_off_a_host_is_failed_and_restored_at_its_end() -> None:
    gone = deed("b", 30, kind="rollback", to="r0", before="release-a")
    found = made(deed("a", 0), gone)
    assert found.failures[0].because == "rolled back by b"
    assert (found.failed, found.rolled_back) == (Rate(1, 1), Rate(1, 1))
    assert found.restore == Median(1, 33 * 60)


def test_a_rollback_of_some_hosts_restores_only_when_all_are_away_from_it() -> None:
    first = deed("b", 30, kind="rollback", to="r0", before="release-a", hosts=("web01",))
    found = made(deed("a", 0), first)
    assert (found.failed, found.restore, found.open) == (Rate(1, 1), Median(0, None), 1)
    then = deed("c", 60, before="release-a", hosts=("web02",))
    assert made(deed("a", 0), first, then).restore == Median(1, 63 * 60)


def test_a_rollback_of_another_service_or_of_an_older_release_takes_nothing_back() -> None:
    other = deed("b", 30, kind="rollback", to="r0", before="release-a", service="search")
    older = deed("c", 40, kind="rollback", to="r0", before="release-0")
    assert made(deed("a", 0), other, older).failed == Rate(0, 1)


def test_of_two_deploys_the_rollback_counts_against_the_one_that_ran_there() -> None:
    deeds = (deed("a", 0), deed("b", 10, before="release-a"), deed("c", 20, kind="rollback", to="release-a", before="release-b"))  # fmt: skip
    assert [f.id for f in made(*deeds).failures] == ["b"]


def test_hosts_that_a_failed_one_left_bad_are_restored_by_the_next_good_one() -> None:
    broken = deed("a", 0, outcome="partial", bad=("web02",))
    failed = deed("b", 10, outcome="failed", before="release-a", back=HOSTS)
    good = deed("c", 20, before="release-a", hosts=("web02",))
    found = made(broken, failed, good)
    assert [(f.id, f.until) for f in found.failures] == [
        ("a", NOON + minutes(24)), ("b", NOON + minutes(13)),
    ]  # fmt: skip
    assert found.restore == Median(2, (23 + 2) * 60 / 2)


def test_failures_of_several_services_come_in_the_order_of_time() -> None:
    deeds = [deed(name, at, outcome="partial", service=service) for name, at, service in (("a", 0, "shop"), ("b", 5, "search"), ("c", 9, "shop"))]  # fmt: skip
    assert [each.id for each in made(*deeds).failures] == ["a", "b", "c"]


def test_a_guilty_verdict_makes_a_failed_change_from_the_onset_that_it_says() -> None:
    good = deed("b", 60, before="release-a")
    found = made(deed("a", 0), good, verdicts=(verdict("a", onset=NOON + minutes(14)),))
    assert [(f.id, f.because) for f in found.failures] == [("a", "verdict v-a")]
    assert found.restore == Median(1, 50 * 60)
    early = made(deed("a", 0), good, verdicts=(verdict("a", onset=NOON - minutes(9)),))
    assert early.restore == Median(1, 63 * 60)


def test_an_innocent_verdict_clears_what_was_only_rolled_back() -> None:
    gone = deed("b", 30, kind="rollback", to="r0", before="release-a")
    found = made(deed("a", 0), gone, verdicts=(verdict("a", "innocent"),))
    assert (found.failed, found.rolled_back) == (Rate(0, 1), Rate(1, 1))
    bad = made(deed("a", 0, outcome="partial"), verdicts=(verdict("a", "innocent"),))
    assert bad.failed == Rate(1, 1)


def test_commits_count_once_when_they_first_came_and_stayed() -> None:
    at = {"c1": NOON - minutes(56), "c2": NOON - minutes(6), "late": NOON + minutes(99)}
    found = made(
        deed("a", 0, commits=("c1", "c3"), outcome="failed", back=HOSTS),
        deed("b", 10, commits=("c1", "c2", "c3", "late")),
        deed("c", 20, commits=("c1", "c2")),
        commits=at,
    )
    assert (found.lead, found.unknown) == (Median(3, 20 * 60), 1)


def test_figures_are_by_service_and_by_team() -> None:
    deeds = (deed("a", 0), deed("b", 1, outcome="failed", back=HOSTS), deed("c", 2, service="search"), deed("d", 3, service="mail"))  # fmt: skip
    place = ("shop", "production"), ("search", "production"), ("mail", "production")
    owners = {place[0]: "web", place[1]: "web"}
    facts = Facts(deeds, {**dict.fromkeys(place, 5), ("", "production"): 2}, {}, owners)
    found = report(facts, NOON - WEEK, NOON)
    assert [(f.name, f.environment, f.team, f.deployments) for f in found.services] == [
        ("mail", "production", "", 1), ("search", "production", "web", 1), ("shop", "production", "web", 2),
    ]  # fmt: skip
    assert [(f.name, f.deployments, f.failed) for f in found.teams] == [
        ("", 1, Rate(0, 1)), ("web", 3, Rate(1, 3)),
    ]  # fmt: skip
    assert (found.all.rollouts, found.all.deployments, found.all.per_week) == (17, 4, 4.0)
