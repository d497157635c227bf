"""What is known of a trouble when those who know something do not say the same."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from opskit.blame.gather import Place
from opskit.blame.looked import Looked, Seen
from opskit.blame.onsets import NOT_THERE, Onset
from opskit.blame.trouble import Told, Trouble
from opskit.blame.urls import Behind, Fetched
from opskit.rollout.probe import HostState

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOSTS = ("web01", "web02", "web03")
SILENT = tuple(Onset(host, remark=NOT_THERE) for host in HOSTS)


def looked(*ill: str, asked: str = "") -> Looked:
    return Looked(tuple(Seen("shop", host, well=host not in ill, asked=asked) for host in HOSTS))


def test_a_log_without_the_symptom_where_somebody_sees_it_says_nothing_of_other_hosts() -> None:
    trouble = Trouble(Told(hosts=("web01",), log="/var/log/shop.log"), heard=SILENT, words="boom")
    assert trouble.well == ()
    assert trouble.missing == (
        "web01 was named, but no line of /var/log/shop.log there has 'boom': what the log says of others is not weighed",
    )
    heard = Trouble(Told(hosts=("web01",), log="/l"), heard=(Onset("web01", "boom", NOON), *SILENT[1:]), words="boom")  # fmt: skip
    assert (heard.well, heard.missing) == (HOSTS[1:], ())
    assert heard.well_from == "the log does not have it"


def test_a_check_that_fails_elsewhere_than_where_somebody_sees_it_is_said() -> None:
    (said,) = Trouble(Told(service="shop", hosts=("web01",)), looked=looked("web03")).missing
    assert said == "web01 was named, but the check passes there, and fails on web03: that may be another trouble"  # fmt: skip
    assert Trouble(Told(service="shop", hosts=("web03",)), looked=looked("web03")).missing == ()
    assert Trouble(Told(service="shop"), looked=looked("web03")).missing == ()


@pytest.mark.parametrize(
    ("asked", "said"), [("", "the health check passes"), ("/cart", "/cart answers")]
)
def test_hosts_are_called_well_by_what_they_were_asked(asked: str, said: str) -> None:
    trouble = Trouble(Told(service="shop"), looked=looked("web01", asked=asked))
    assert (trouble.well, trouble.well_from) == (HOSTS[1:], said)
    assert Trouble(Told(service="shop")).well_from == ""


def test_beside_a_named_host_that_does_not_answer_those_whose_check_passes_are_well() -> None:
    fine = Looked(looked().seen[1:], {"web01": "connection refused"})
    trouble = Trouble(Told(service="shop", hosts=("web01",)), looked=fine)
    assert (trouble.ill, trouble.well) == (HOSTS[:1], HOSTS[1:])
    assert Trouble(Told(service="shop", hosts=("web01",)), looked=looked()).well == ()


def test_what_is_deployed_nowhere_does_not_stand_behind_an_address() -> None:
    bare = tuple(Seen("ghost", host, HostState(host)) for host in HOSTS)
    page = Fetched("http://shop.example.com/cart", 500, "gave 500")
    behind = Behind(services=("ghost", "shop"))
    trouble = Trouble(Told(url=page), behind, Looked((*bare, *looked("web01").seen)))
    assert trouble.services == ("shop",)


def test_what_is_seen_on_the_only_service_of_a_host_is_about_that_service() -> None:
    place = Place("production", {}, {"shop": HOSTS}, ill=("shop",))
    told = Trouble(Told(hosts=("web01",)))
    assert told.question(place, NOON).services == ("shop",)
    two = Place("production", {}, {"shop": HOSTS, "mail": HOSTS}, ill=("shop", "mail"))
    assert told.question(two, NOON).services == ()


@pytest.mark.parametrize(
    ("ill", "said"), [(("web03",), "but not on web03 itself"), ((), "so it shows nothing")]
)
def test_a_page_that_answers_well_from_here_may_be_broken_on_a_host(
    ill: tuple[str, ...], said: str
) -> None:
    page = Fetched("http://shop.example.com/cart?a=1", 200, "GET gave 200")
    told = Told(url=page)
    assert (told.page, told.is_broken, told.says_something) == ("/cart?a=1", False, False)
    trouble = Trouble(told, Behind(("shop",), "web01"), looked(*ill, asked="/cart?a=1"))
    assert trouble.services == (("shop",) if ill else ())
    assert trouble.ill == ill
    assert trouble.missing == (f"{page.url} answers 200 just now, {said}",)
