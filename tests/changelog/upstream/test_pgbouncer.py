"""The database behind PgBouncer in transaction pooling mode: each message may come to another connection of the server."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.upstream.postgres import Postgres, setup
from opskit.errors import UpstreamError
from tests.changelog.laptop import share
from tests.changelog.upstream.chains import Chain, chain_over, opened
from tests.changelog.upstream.writers import packets, pull
from tests.support.pgbouncer import Pooler, pooler
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.postgres import Server

SIZE = 2


@pytest.fixture
def pooled(postgres: Server) -> Iterator[Pooler]:
    """The log behind a pooler that has two connections for each engineer's role."""
    with pooler(postgres, "ana", "ben", "zoe", "tom", "postgres", size=SIZE) as made:
        yield made


def at_once(work: Callable[[int], None], many: int) -> None:
    """Do a work so many times, all at the same moment."""
    ready = threading.Barrier(many)

    def run(number: int) -> None:
        ready.wait(60)
        work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def connections(server: Server, role: str) -> int:
    """Give how many connections of a role the server has."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s"
    count: int = server.sql(asked, (role,))[0][0]
    return count


def test_what_one_pushes_another_pulls_byte_for_byte(pooled: Pooler) -> None:
    written = Chain(1).write(400, text="x" * 20_000)  # parts and pages of several MiB
    with opened(pooled.url("ana")) as ana, opened(pooled.url("ben")) as ben:
        assert ana.push(written).status == "ok"
        assert packets(pull(ben)) == written
        assert ben.fetch(400) == written[-1]
        assert ana.greet(pull(ben, after=399)[-1].receipt).trouble == ""


def test_twenty_laptops_share_two_connections_of_the_server_and_places_have_no_gaps(
    postgres: Server, pooled: Pooler
) -> None:
    laptops, pushes, each = 20, 5, 8
    answers: list[str] = []

    def push(number: int) -> None:
        chain = Chain(number)
        with opened(pooled.url("ana")) as upstream:
            for _ in range(pushes):
                answers.append(upstream.push(chain.write(each)).status)
                assert upstream.greet(None).pos >= each

    at_once(push, laptops)
    assert answers == ["ok"] * laptops * pushes
    assert connections(postgres, "ana") == SIZE
    assert pooled.transactions() >= 2 * laptops * pushes
    with opened(postgres.url("ben")) as directly:
        found = pull(directly)
    assert [arrival.receipt.pos for arrival in found] == list(
        range(1, laptops * pushes * each + 1)
    )
    first, *others = found
    assert others[-1].receipt.chain == chain_over(first.receipt.chain, packets(others))


def test_laptops_that_sync_at_once_have_all_of_each_other(pooled: Pooler, tmp_path: Path) -> None:
    laptops, events = 6, 50
    files = [tmp_path / str(number) / "changelog.db" for number in range(laptops)]

    def work(number: int) -> None:
        with Changelog(files[number], actor=f"{number}") as changelog:
            for count in range(events):
                changelog.append("note", {"text": f"{number} {count}"}, environment="test")
        share(files[number], pooled.url("ana" if number % 2 else "ben"))

    at_once(work, laptops)
    at_once(lambda number: share(files[number], pooled.url("ana")), laptops)
    for file in files:
        with Changelog(file) as changelog:
            assert changelog.count() == laptops * events


def test_it_can_be_prepared_through_the_pooler_too(postgres: Server, pooled: Pooler) -> None:
    postgres.new_database("later")
    assert "is ready" in setup(pooled.url("postgres", "later"), timeout=60.0)[0]
    assert "was ready already" in setup(pooled.url("postgres", "later"), timeout=60.0)[0]
    with opened(pooled.url("ana", "later")) as upstream:
        assert upstream.push(Chain(1).write()).status == "ok"


def test_what_a_pooler_refuses_has_its_words(postgres: Server, pooled: Pooler) -> None:
    cases = {
        pooled.url("ana", password="wrong-one"): ("refuses the password", "pooler must know"),
        pooled.url("cleo"): ("refuses the password", "pooler must know"),
        pooled.url("zoe"): ("knows no role zoe", "CREATE ROLE zoe LOGIN"),
        pooled.url("ana", "nowhere"): ("has no database nowhere", "CREATE DATABASE nowhere"),
        pooled.url("ana") + "?options=-cwork_mem%3D1MB": ("takes no options", "leave it out"),
    }
    for url, (what, hint) in cases.items():
        error = failing(url)
        assert what in error.what, url
        assert hint in error.hint, url
        assert "wrong-one" not in repr(error.__dict__)


def test_a_pooler_that_its_server_lets_in_no_more_says_so(
    postgres: Server, pooled: Pooler
) -> None:
    postgres.engineer("tom")
    with opened(pooled.url("tom")) as upstream:
        assert upstream.greet(None).pos == 0
    postgres.sql("ALTER ROLE tom NOLOGIN")
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'tom'")
    until(lambda: connections(postgres, "tom") == 0)
    said = failing(pooled.url("tom"), timeout=2.0).what
    if "does not let tom log in" in said:
        return  # a newer PgBouncer, as in Debian 13, hands on what its server says
    assert "does not answer" in said  # an older one waits for better times
    again = failing(pooled.url("tom"))  # and then answers by itself
    assert "is a pooler that does not get into its server" in again.what
    assert "does the server behind it run" in again.hint


def test_behind_a_pooler_that_is_one_role_for_all_nothing_is_proved_for_that_until_it_is_meant(
    postgres: Server, tmp_path: Path
) -> None:
    """It is meant if the address names that role, or somebody in opskit_relay gives it the writer."""
    with pooler(postgres, "cleo", "ana", forced="ana") as pooled:
        for who in ("cleo", "ana"):
            with Changelog(tmp_path / who / "changelog.db", actor=who) as changelog:
                changelog.append("note", {"text": f"by {who}"})
        file = tmp_path / "cleo" / "changelog.db"
        with pytest.raises(UpstreamError, match="its role 'ana', and it logs in as cleo") as said:
            share(file, pooled.url("cleo"))
        assert "\n" not in said.value.what
        assert "(postgresql://ROLE@...)" in said.value.hint
        assert postgres.sql("SELECT 1 FROM opskit.writer") == []
        assert share(tmp_path / "ana" / "changelog.db", pooled.url("ana")).pushed == 1
        (order,) = re.findall(r"SELECT [^;]*;", said.value.hint)
        postgres.sql(order.replace("ROLE", "ana"), role="rita")
        assert share(file, pooled.url("cleo")).pushed == 1
    given = "SELECT db_role, given_by, signature IS NULL FROM opskit.claim ORDER BY given_at"
    assert postgres.sql(given) == [("ana", "ana", False), ("ana", "rita", True)]


def failing(url: str, *, timeout: float = 20.0) -> UpstreamError:
    """Give what greeting a database says that cannot be greeted."""
    with (
        pytest.raises(UpstreamError) as caught,
        contextlib.closing(Postgres(url, timeout=timeout)) as upstream,
    ):
        upstream.greet(None)
    assert "\n" not in caught.value.what
    return caught.value
