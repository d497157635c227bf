"""Before anybody is named: is anything ill at all, and can what is said to be ill have been broken by anything?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.blame.gather import Place
from opskit.blame.inquiry import demand_behind, demand_there, demand_trouble
from opskit.blame.looked import Looked, Seen
from opskit.blame.trouble import Told, Trouble
from opskit.blame.urls import Behind, Fetched
from opskit.changelog import Changelog
from opskit.config.service import GitSource, Service
from opskit.errors import OpskitError, UsageError
from opskit.rollout.probe import HostState
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from collections.abc import Iterator

HOSTS = ("web01", "web02")
SERVICES = {
    name: Service(name, "production", f"/srv/{name}", "@all", GitSource(Path("/repository")))
    for name in ("shop", "ghost")
}
PLACE = Place("production", SERVICES, dict.fromkeys(SERVICES, HOSTS))
BARE = tuple(
    Seen("ghost", host, HostState(host), said="nothing of it is deployed there") for host in HOSTS
)
WELL = tuple(Seen("shop", host, HostState(host, live="r1"), well=True) for host in HOSTS)


@pytest.fixture
def changelog(tmp_path: Path) -> Iterator[Changelog]:
    with Changelog(tmp_path / "state" / "changelog.db", actor="ana@laptop") as opened:
        yield opened


def test_a_service_that_runs_nowhere_and_was_never_rolled_out_is_broken_by_nobody(changelog: Changelog) -> None:  # fmt: skip
    whole(changelog, hosts=HOSTS, service="shop")
    asked = Trouble(Told(service="ghost"), looked=Looked(BARE))
    with pytest.raises(OpskitError, match=r"ghost runs nowhere: nothing of it is on web\[01-02\]") as raised:  # fmt: skip
        demand_there(asked, PLACE, changelog)
    assert raised.value.exit_code == 1
    whole(changelog, hosts=HOSTS, service="ghost")
    demand_there(asked, PLACE, changelog)


def test_what_somebody_says_is_ill_may_be_so_where_it_runs_or_a_host_did_not_answer(changelog: Changelog) -> None:  # fmt: skip
    silent = Looked(BARE[:1], {"web02": "no answer within 12 s"})
    demand_there(Trouble(Told(service="ghost"), looked=silent), PLACE, changelog)
    demand_there(Trouble(Told(service="shop"), looked=Looked(WELL)), PLACE, changelog)
    demand_there(Trouble(Told(service="ghost")), PLACE, changelog)


@pytest.mark.parametrize(
    ("looked", "said"),
    [
        (Looked(WELL), "that opskit can see: 2 health checks just passed$"),
        (
            Looked((*WELL, *BARE)),
            r"2 health checks just passed; ghost: nothing of it is deployed there \(web\[01-02\]\)$",
        ),
        (
            Looked(WELL[:1], {"web02": "connection refused"}),
            "1 health check just passed; web02 could not be asked: connection refused$",
        ),
        (
            Looked((Seen("shop", "web01", said="it has no health check"),)),
            "no health check could be made; shop: it has no health check",
        ),
    ],
)
def test_where_nobody_says_and_nothing_shows_that_anything_is_ill_nobody_is_accused(looked: Looked, said: str) -> None:  # fmt: skip
    with pytest.raises(OpskitError, match=said) as raised:
        demand_trouble(Trouble(Told(), looked=looked))
    assert raised.value.exit_code == 1
    assert ("-H web02" in (raised.value.hint or "")) == bool(looked.silent)


def test_an_address_that_nobody_knows_names_nobody_unless_somebody_says_whose_it_is() -> None:
    page = Fetched("https://shop.example.com/cart?t=1", 503, "gave 503")
    with pytest.raises(UsageError, match=r"no service here is known to stand behind shop\.example\.com$") as raised:  # fmt: skip
        demand_behind(Trouble(Told(url=page)), PLACE)
    assert raised.value.hint == "name the one that is ill: -s SERVICE, one of shop, ghost"
    demand_behind(Trouble(Told(url=page, service="shop")), PLACE)
    demand_behind(Trouble(Told(url=page, hosts=("web01",))), PLACE)
    demand_behind(Trouble(Told(url=page), Behind(host="web01")), PLACE)
    demand_behind(Trouble(Told(url=replace(page, status=200))), PLACE)


def test_what_a_check_finds_ill_is_trouble_enough() -> None:
    demand_trouble(
        Trouble(Told(), looked=Looked((Seen("shop", "web01", well=False, said="500"),)))
    )
    demand_trouble(Trouble(Told(), looked=Looked()))
    demand_trouble(Trouble(Told(service="shop"), looked=Looked(WELL)))


def test_where_nothing_is_ill_it_is_said_which_hosts_a_bisection_has() -> None:
    held = "web01 was left by bisection 0123456789 of shop"
    with pytest.raises(OpskitError, match=f"1 health check just passed; {held}"):
        demand_trouble(Trouble(Told(), looked=Looked(WELL[:1])), [held])
