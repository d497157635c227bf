from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from opskit.changelog.upstream.postgres import client
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import Chain, chain_over, opened, without_body
from tests.changelog.upstream.writers import packets, pull

if TYPE_CHECKING:
    from opskit.changelog.packet import Receipt
    from opskit.changelog.upstream import Upstream
    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server


def test_it_is_an_upstream(ana: Postgres) -> None:
    upstream: Upstream = ana
    assert upstream.gapless
    assert upstream.name == f"postgresql://ana@127.0.0.1:{upstream.name.rpartition(':')[2]}"


def test_an_empty_log_greets_with_its_name_and_the_servers_clock(ana: Postgres) -> None:
    greeting = ana.greet(None)
    assert len(bytes.fromhex(greeting.log)) == 16
    assert (greeting.pos, greeting.trouble) == (0, "")
    assert abs(greeting.now_ms - time.time() * 1000) < 60_000
    assert pull(ana) == []


def test_what_one_pushes_another_pulls_byte_for_byte(ana: Postgres, ben: Postgres) -> None:
    written = Chain(1).write(3)
    assert ana.push(written).status == "ok"
    arrivals = pull(ben)
    assert packets(arrivals) == written
    assert [arrival.receipt.pos for arrival in arrivals] == [1, 2, 3]
    assert {arrival.receipt.role for arrival in arrivals} == {"ana"}
    assert all(abs(a.receipt.received_ms - time.time() * 1000) < 60_000 for a in arrivals)
    assert [ben.fetch(pos) for pos in (1, 2, 3)] == written


def test_receipts_form_a_chain_that_begins_with_the_logs_name(ana: Postgres) -> None:
    written = [*Chain(1).write(2), *Chain(2).write(2)]
    ana.push(written[:2])
    ana.push(written[2:])
    start = hashlib.sha256(b"opskit.log.v1" + ana.greet(None).log.encode()).digest()
    last = pull(ana)[-1].receipt
    assert last.chain == chain_over(start, written)
    assert (ana.greet(last).pos, ana.greet(last).trouble) == (4, "")


def test_events_that_the_puller_has_come_without_their_packet(ana: Postgres) -> None:
    one, two = Chain(1), Chain(2)
    ana.push(one.write(3))
    ana.push(two.write(2))
    arrivals = pull(ana, known={one.id: 2, two.id: 9})
    assert [arrival.packet is None for arrival in arrivals] == [True, True, False, True, True]
    assert [arrival.receipt.pos for arrival in pull(ana, after=3)] == [4, 5]


def test_pages_are_small_and_nothing_is_left_out_between_them(
    ana: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = Chain(1).write(50, text="x" * 1000)
    ana.push(written)
    monkeypatch.setattr(client, "PAGES", (7, 7))
    monkeypatch.setattr(client, "BYTES_EACH", 10_000)
    assert [len(page) for page in ana.pull(after=0, vector={})] == [7] * 7 + [1]
    monkeypatch.setattr(client, "BYTES_EACH", 3000 // 7)
    pages = [len(page) for page in ana.pull(after=0, vector={})]
    assert max(pages) == 3
    assert packets(pull(ana)) == written


def test_pages_grow_on_a_good_line_and_shrink_on_a_slow_one(
    ana: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana.push(Chain(1).write(100))
    monkeypatch.setattr(client, "PAGES", (10, 40))
    assert [len(page) for page in ana.pull(after=0, vector={})] == [10, 20, 40, 30]
    monkeypatch.setattr(client, "FAST", 0.0)
    assert [len(page) for page in ana.pull(after=0, vector={})] == [10] * 10
    monkeypatch.setattr(client, "SLOW", 0.0)
    assert client._next(40, 0.1) == 20
    assert client._next(10, 0.1) == 10


def test_a_large_push_goes_in_parts_and_arrives_whole(
    ana: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PUSH_BYTES", 5000)
    written = Chain(1).write(20, text="x" * 1500)
    assert ana.push(written).status == "ok"
    assert ana.push(written).head_seq == 20
    assert packets(pull(ana)) == written


def test_an_event_without_its_body_stays_so(ana: Postgres) -> None:
    bare = without_body(Chain(1).write()[0])
    ana.push([bare])
    assert packets(pull(ana)) == [bare]


def test_a_log_that_goes_on_is_no_trouble(ana: Postgres) -> None:
    chain = Chain(1)
    ana.push(chain.write(2))
    held = pull(ana)[-1].receipt
    ana.push(chain.write(2))
    assert ana.greet(held).trouble == ""


@pytest.mark.parametrize(
    ("change", "trouble"),
    [({"pos": 3}, "rewound"), ({"chain": b"x" * 32}, "rewritten"), ({"hash": b"x" * 32}, "rewritten")],
)  # fmt: skip
def test_a_log_that_is_not_what_it_was_says_so(
    ana: Postgres, change: dict[str, object], trouble: str
) -> None:
    ana.push(Chain(1).write(2))
    held: Receipt = dataclasses.replace(pull(ana)[-1].receipt, **change)  # type: ignore[arg-type]
    assert ana.greet(held).trouble == trouble


def test_nothing_is_at_a_place_that_is_not_there(ana: Postgres) -> None:
    with pytest.raises(UpstreamError, match="no event at place 7"):
        ana.fetch(7)


def test_a_unix_socket_will_do(postgres: Server) -> None:
    with opened(postgres.socket_url("ana")) as upstream:
        assert upstream.name == "postgresql://ana@/opskit"
        assert upstream.push(Chain(1).write()).status == "ok"


@pytest.mark.parametrize("near", ["127.0.0.1", "socket"])
def test_a_tunnel_leads_there_and_the_name_stays(postgres: Server, near: str) -> None:
    host = str(postgres.folder) if near == "socket" else near
    url = "postgresql://ana@db.invalid:7777/opskit"
    with opened(url, host=host, port=postgres.port) as upstream:
        assert upstream.name == "postgresql://ana@db.invalid:7777/opskit"
        assert upstream.greet(None).pos == 0


def test_behind_a_transaction_pooler_nothing_of_ours_stays_in_the_servers_session(
    ana: Postgres,
) -> None:
    raw = ana._connection.raw
    settings = (
        "SELECT name, setting FROM pg_settings WHERE name ~ 'timeout|synchronous' ORDER BY 1"
    )
    before = raw.execute(settings).fetchall()
    for number in range(12):
        ana.push(Chain(number).write())
        ana.greet(None)
        pull(ana)
    assert raw.execute(settings).fetchall() == before
    assert raw.execute("SELECT * FROM pg_prepared_statements").fetchall() == []
    assert raw.info.transaction_status == psycopg.pq.TransactionStatus.IDLE


def test_a_server_that_hangs_is_given_up_in_time(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(postgres.url("ana")) as upstream:
        upstream._timeout = 2.0
        monkeypatch.setattr(client, "ANSWER_S", 0.5)
        postgres.freeze()
        try:
            began = time.monotonic()
            with pytest.raises(UpstreamError, match="does not answer"):
                upstream.push(Chain(1).write())
            assert time.monotonic() - began < 30
            with pytest.raises(UpstreamError):
                upstream.greet(None)
        finally:
            postgres.thaw()


@pytest.mark.parametrize("together", [1, 10])
def test_many_laptops_push_at_once_and_places_have_no_gaps(
    postgres: Server, together: int
) -> None:
    laptops, each = 20, 40
    answers: list[str] = []
    ready = threading.Barrier(laptops + 1)

    def push(number: int) -> None:
        chain = Chain(number)
        with opened(postgres.url("ana" if number % 2 else "ben")) as upstream:
            ready.wait(60)
            parts = [chain.write(together) for _ in range(each // together)]
            answers.extend(upstream.push(part).status for part in parts)

    threads = [threading.Thread(target=push, args=(number,)) for number in range(laptops)]
    for thread in threads:
        thread.start()
    ready.wait(60)
    began = time.monotonic()
    for thread in threads:
        thread.join(60)
    seconds = time.monotonic() - began
    print(f"\n{laptops} laptops: {laptops * each / seconds:.0f} events/s, {together} at a time")
    assert answers == ["ok"] * (laptops * each // together)
    with opened(postgres.url("rob")) as upstream:
        found = pull(upstream)
        start = hashlib.sha256(b"opskit.log.v1" + upstream.greet(None).log.encode()).digest()
    assert [arrival.receipt.pos for arrival in found] == list(range(1, laptops * each + 1))
    assert found[-1].receipt.chain == chain_over(start, packets(found))
