"""The server is killed, set back and replaced; laptops fall asleep in the middle of something. Nothing acknowledged is lost.

OPSKIT_HEAVY=1 kills it a hundred times.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import socket
import threading
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from opskit.changelog.upstream.postgres import Postgres, setup
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import (
    PUSH,
    Chain,
    arguments,
    call,
    chain_over,
    claim,
    opened,
    without_body,
)
from tests.changelog.upstream.writers import packets, pull
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.packet import Packet
    from tests.support.postgres import Server

HEAVY = bool(os.environ.get("OPSKIT_HEAVY"))
KILLS = 100 if HEAVY else 4
LAPTOPS = 4


class Pusher:
    """A laptop that pushes as fast as it can, and again what it has not heard of, until it is told to end."""

    def __init__(self, server: Server, seed: int) -> None:
        self.chain = Chain(seed)
        self.signed: list[Packet] = []
        self.acknowledged = 0
        self.ended = threading.Event()
        self._server = server
        self._dice = random.Random(seed)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def end(self) -> None:
        self.ended.set()
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _work(self) -> None:
        while not self.ended.is_set():
            with contextlib.suppress(UpstreamError), opened(self._server.url("ana")) as upstream:
                while not self.ended.is_set():
                    self._push(upstream)
            self.ended.wait(0.02)

    def _push(self, upstream: Postgres) -> None:
        if len(self.signed) == self.acknowledged:
            self.signed += self.chain.write(self._dice.randrange(1, 20))
        answer = upstream.push(self.signed[self.acknowledged :])
        assert answer.status == "ok"
        self.acknowledged = answer.head_seq


@pytest.fixture
def pushers(postgres: Server) -> Iterator[list[Pusher]]:
    """Laptops that push all the time."""
    made = [Pusher(postgres, seed) for seed in range(LAPTOPS)]
    yield made
    for pusher in made:
        pusher.end()


def test_what_was_acknowledged_is_there_however_often_the_server_is_killed(
    postgres: Server, pushers: list[Pusher]
) -> None:
    for kill in range(KILLS):
        enough = sum(pusher.acknowledged for pusher in pushers) + 100
        until(lambda n=enough: sum(p.acknowledged for p in pushers) > n, within=60)
        time.sleep(random.Random(kill).random() * 0.05)  # at any moment of what they do
        postgres.kill()
        postgres.start()
    for pusher in pushers:
        pusher.end()
    with opened(postgres.url("ana")) as upstream:
        log = upstream.greet(None).log
        arrivals = pull(upstream)
    there = packets(arrivals)
    for pusher in pushers:
        mine = [packet for packet in there if packet.writer == pusher.chain.id]
        assert mine == pusher.signed[: len(mine)]
        assert len(mine) >= pusher.acknowledged
    assert [arrival.receipt.pos for arrival in arrivals] == list(range(1, len(there) + 1))
    start = hashlib.sha256(b"opskit.log.v1" + log.encode()).digest()
    assert arrivals[-1].receipt.chain == chain_over(start, there)
    acknowledged = sum(pusher.acknowledged for pusher in pushers)
    print(f"\n{KILLS} kills: {acknowledged} events acknowledged, {len(there)} there, none lost")


def test_a_server_that_was_set_back_says_so_and_is_healed_by_who_pushes_again(
    postgres: Server,
) -> None:
    chain = Chain(1)
    with opened(postgres.url("ana")) as upstream:
        upstream.push(chain.write(3))
    kept = postgres.copy()
    later = chain.write(4)
    with opened(postgres.url("ana")) as upstream:
        upstream.push(later)
        held = pull(upstream)[-1].receipt
    postgres.set_back(kept)
    with opened(postgres.url("ana")) as upstream:
        assert upstream.greet(held).trouble == "rewound"
        more = chain.write(1)
        answer = upstream.push(more)
        assert (answer.status, answer.head_seq) == ("gap", 3)
        assert upstream.push([*later, *more]).head_seq == 8
        assert upstream.greet(held).trouble == "", (
            "the same events, in the same order, are the same log"
        )
        assert len(pull(upstream)) == 8


def test_a_server_that_was_set_back_and_went_on_otherwise_says_so(postgres: Server) -> None:
    with opened(postgres.url("ana")) as upstream:
        upstream.push(Chain(1).write(3))
    kept = postgres.copy()
    with opened(postgres.url("ana")) as upstream:
        upstream.push(Chain(2).write(1))
        held = pull(upstream)[-1].receipt
    postgres.set_back(kept)
    with opened(postgres.url("ana")) as upstream:
        upstream.push(Chain(3).write(2))
        assert upstream.greet(held).trouble == "rewritten"


def test_a_database_that_was_replaced_is_another_log(postgres: Server) -> None:
    with opened(postgres.url("ana")) as upstream:
        before = upstream.greet(None).log
    postgres.new_database()
    with (
        pytest.raises(UpstreamError, match="not prepared") as caught,
        opened(postgres.url("ana")) as upstream,
    ):
        upstream.greet(None)
    assert caught.value.hint == "opskit changelog init"
    setup(postgres.url(), timeout=60.0)
    with opened(postgres.url("ana")) as upstream:
        assert upstream.greet(None).log != before


def test_a_laptop_that_sleeps_in_a_transaction_blocks_nobody(postgres: Server) -> None:
    with psycopg.connect(postgres.url("ana")) as asleep:
        asleep.execute("SELECT * FROM opskit.event, opskit.writer, opskit.head, opskit.body")
        with opened(postgres.url("ben")) as upstream:
            assert upstream.push(Chain(1).write(3)).status == "ok"
            assert len(pull(upstream)) == 3


def test_a_laptop_that_sleeps_behind_a_push_of_its_own_making_is_sent_away(
    postgres: Server,
) -> None:
    claim(postgres, "ana", Chain(1).id)
    asleep = psycopg.connect(postgres.url("ana"))
    assert asleep.execute(PUSH, arguments(Chain(1).write())).fetchone() == ("ok", 1)
    with opened(postgres.url("ben")) as upstream:
        assert upstream.push(Chain(2).write()).status == "ok"
        assert len(pull(upstream)) == 1, "what was not committed is not there"
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        asleep.execute("SELECT 1")
    asleep.close()


@pytest.mark.parametrize("missing", [1, 6, 60])
def test_a_push_that_was_cut_short_in_its_last_bytes_leaves_no_lock(
    postgres: Server, missing: int
) -> None:
    """The laptop falls asleep while it sends: the connection stands, and the rest never comes."""
    for who, seed in (("ana", 1), ("ben", 2)):
        claim(postgres, who, Chain(seed).id)
    near, far = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    spy: list[bytes] = []
    cut = threading.Event()

    def carry() -> None:
        client = listener.accept()[0]
        server = socket.create_connection(("127.0.0.1", postgres.port))
        threading.Thread(target=_copy, args=(server, client), daemon=True).start()
        while data := client.recv(1 << 20):
            spy.append(data)
            if b"opskit.push" in b"".join(spy):
                server.sendall(data[:-missing])
                cut.set()
                far.recv(1)  # asleep
                break
            server.sendall(data)
        for each in (client, server):
            each.close()

    thread = threading.Thread(target=carry)
    thread.start()
    url = postgres.url("ana").replace(str(postgres.port), str(listener.getsockname()[1]))
    with opened(url) as upstream:
        pushing = threading.Thread(target=_fails, args=(upstream, Chain(1).write(2)))
        pushing.start()
        assert cut.wait(60)
        assert call(postgres, "ben", arguments(Chain(2).write(2))) == ("ok", 2)
        near.close()
        pushing.join(60)
        thread.join(60)
    for each in (far, listener):
        each.close()
    assert postgres.sql("SELECT count(*) FROM opskit.event") == [(2,)]


def test_two_pushes_of_the_same_events_at_once_are_one(postgres: Server) -> None:
    written = [without_body(packet) for packet in Chain(1).write(200)]
    answers: list[str] = []

    def push() -> None:
        with opened(postgres.url("ana")) as upstream:
            answers.append(upstream.push(written).status)

    threads = [threading.Thread(target=push) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == ["ok"] * 6
    assert postgres.sql("SELECT count(*), max(pos) FROM opskit.event") == [(200, 200)]


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)


def _fails(upstream: Postgres, written: list[Packet]) -> None:
    with contextlib.suppress(UpstreamError):
        upstream.push(written)
