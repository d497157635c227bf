"""What hosts said of their services: who is ill, who is well, of whom nothing is known."""

from __future__ import annotations

from opskit.blame.looked import Looked, Seen

LOOKED = Looked(
    (
        Seen("shop", "web01", well=False, said="gave 500"),
        Seen("mail", "web01", well=True),
        Seen("shop", "web02", well=True),
        Seen("mail", "web02", said="it has no health check"),
        Seen("mail", "web03", said="it has no health check"),
        Seen("shop", "web03", well=False, said="gave 500"),
    ),
    {"web04": "no answer within 12 s", "web05": "no answer within 12 s"},
)


def test_a_host_is_ill_if_one_of_the_services_is_and_well_if_none_is() -> None:
    assert LOOKED.ill == ("shop",)
    assert LOOKED.hosts(well=False) == ("web01", "web03")
    assert LOOKED.hosts(well=True) == ("web02",)
    assert LOOKED.hosts(well=True, services=["mail"]) == ("web01",)
    assert LOOKED.said == "gave 500"


def test_what_is_not_known_is_said_once_of_all_hosts_and_of_none_of_them_guessed() -> None:
    assert LOOKED.unasked == (
        "web[04-05] could not be asked: no answer within 12 s",
        "mail: it has no health check (web[02-03])",
    )


def test_a_page_counts_before_health_checks_only_if_it_tells_hosts_apart() -> None:
    page, check = (lambda host, **said: Seen("shop", host, asked="/cart", **said)), Seen
    mail = Seen("mail", "web01", well=True)
    both = (page("web01", well=True), check("shop", "web01", well=False), mail)
    alike = Looked((*both, page("web02", well=True), check("shop", "web02", well=True)))
    assert not alike.pages_differ
    assert alike.of_checks.seen == (both[1], mail, check("shop", "web02", well=True))
    apart = Looked((*both, page("web02", well=False), check("shop", "web02", well=True)))
    assert apart.pages_differ
    assert apart.of_pages.seen == (both[0], mail, page("web02", well=False))
