"""Many writers against the real push function, in any order that hypothesis thinks of, beside a model of a dozen lines.

OPSKIT_HEAVY=1 takes many more, and longer ones.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import threading
from typing import TYPE_CHECKING, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.changelog.upstream.chains import Chain, Engineer, arguments, call, chain_over, claim
from tests.changelog.upstream.writers import packets, pull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opskit.changelog.packet import Packet, Pushed
    from tests.support.postgres import Server

HEAVY = bool(os.environ.get("OPSKIT_HEAVY"))
ROLES = ("ana", "ben", "rita")
COUNTS = st.integers(1, 6)


@dataclasses.dataclass(eq=False)
class Laptop:
    """A writer, all that it ever signed, and what the model says of it: how much of that is there, and whose it is."""

    chain: Chain
    home: str
    signed: list[Packet]
    there: int = 0
    owner: str = ""


class Pushing(RuleBasedStateMachine):
    """What `log` holds is what the database must hold, event for event."""

    server: ClassVar[Server]
    opened: ClassVar[dict[str, Engineer]]
    seeds: ClassVar[int] = 0

    laptops = Bundle("laptops")

    def __init__(self) -> None:
        super().__init__()
        greeting = self.opened["ana"].greet(None)
        arrivals = pull(self.opened["ana"])
        self.start = greeting.pos
        first = hashlib.sha256(b"opskit.log.v1" + greeting.log.encode()).digest()
        self.chain = arrivals[-1].receipt.chain if arrivals else first
        self.log: list[Packet] = []

    @rule(target=laptops, home=st.sampled_from(ROLES))
    def begin(self, home: str) -> Laptop:
        type(self).seeds += 1
        return Laptop(Chain(self.seeds), home, [])

    @rule(laptop=laptops, count=COUNTS)
    def push_what_is_new(self, laptop: Laptop, count: int) -> None:
        self.sign(laptop, count)
        answer = self.push(laptop, laptop.signed[laptop.there :])
        self.took(laptop, laptop.home, len(laptop.signed))
        assert (answer.status, answer.head_seq) == ("ok", len(laptop.signed))

    @rule(laptop=laptops, back=st.integers(0, 9), count=st.integers(0, 3))
    def push_again(self, laptop: Laptop, back: int, count: int) -> None:
        """A repetition, or an overlap with what is new."""
        self.sign(laptop, count)
        part = laptop.signed[max(0, laptop.there - back) :]
        if part:
            assert self.push(laptop, part).status == "ok"
            self.took(laptop, laptop.home, len(laptop.signed))

    @rule(laptop=laptops, by=st.integers(1, 5))
    def push_from_too_far(self, laptop: Laptop, by: int) -> None:
        self.sign(laptop, max(0, laptop.there + by + 1 - len(laptop.signed)))
        answer = self.push(laptop, laptop.signed[laptop.there + by :])
        assert (answer.status, answer.head_seq) == ("gap", laptop.there)

    @precondition(lambda self: self.log)
    @rule(laptop=laptops, keep=st.integers(0, 20), count=COUNTS, overlap=st.booleans())
    def push_from_a_copy(self, laptop: Laptop, keep: int, count: int, overlap: bool) -> None:
        """A copied laptop went on by itself, behind an event that is not the newest."""
        if not laptop.there:
            return
        keep = min(keep, laptop.there - 1)
        copy = laptop.chain.copied()
        copy.seq, copy.prev = keep, laptop.signed[keep].prev
        other = [copy.put(body={"text": f"copied {number}"}) for number in range(count)]
        sent = [*laptop.signed[:keep], *other] if overlap else other
        answer = self.push(laptop, sent)
        assert (answer.status, answer.head_seq) == ("fork", keep)
        assert self.kept(other[0])

    @rule(laptop=laptops)
    def push_after_something_else(self, laptop: Laptop) -> None:
        """The newest place, and another prev than the event before it."""
        if not laptop.there:
            return
        copy = laptop.chain.copied()
        copy.seq, copy.prev = laptop.there, hashlib.sha256(b"else").digest()
        odd = copy.put()
        answer = self.push(laptop, [odd])
        assert (answer.status, answer.head_seq) == ("fork", laptop.there - 1)
        assert self.kept(odd)

    @rule(laptop=laptops, who=st.sampled_from(ROLES), count=COUNTS)
    def push_anothers(self, laptop: Laptop, who: str, count: int) -> None:
        if laptop.owner in ("", who):
            return
        self.sign(laptop, count)
        assert self.opened[who].push(laptop.signed[laptop.there :]).status == "unproven"

    @rule(laptop=laptops, count=st.integers(0, 3))
    def bring_back(self, laptop: Laptop, count: int) -> None:
        self.sign(laptop, count)
        part = laptop.signed[laptop.there :]
        if part:
            assert self.opened["rita"].push(part, relay=True).status == "ok"
            self.took(laptop, laptop.owner, len(laptop.signed))

    @rule(laptop=laptops, what=st.sampled_from(("key", "signature", "header", "prev")))
    def lie(self, laptop: Laptop, what: str) -> None:
        copy = laptop.chain.copied()
        copy.seq = laptop.there
        copy.prev = (
            laptop.signed[laptop.there].prev
            if laptop.there < len(laptop.signed)
            else laptop.chain.prev
        )
        if not laptop.owner:
            claim(self.server, laptop.home, laptop.chain.id)
            laptop.owner = laptop.home
        forged = dataclasses.replace(copy.put(), **{what: b"" if what != "key" else b"k" * 32})
        with pytest.raises(psycopg.Error):
            call(self.server, laptop.home, arguments([forged]))

    @rule(
        group=st.lists(laptops, min_size=2, max_size=4, unique=True),
        twice=st.booleans(),
        count=COUNTS,
    )
    def push_at_once(self, group: list[Laptop], twice: bool, count: int) -> None:
        """Several laptops, each of which may be there twice: only their order is anybody's guess."""
        for laptop in group:
            self.sign(laptop, count)
        answers: list[str] = []

        def work(laptop: Laptop) -> None:
            upstream = Engineer(self.server.url(laptop.home), timeout=60.0)
            answers.append(upstream.push(laptop.signed[laptop.there :]).status)
            upstream.close()

        threads = [threading.Thread(target=work, args=(each,)) for each in group * (1 + twice)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert answers == ["ok"] * len(threads)
        came = packets(pull(self.opened["ana"], after=self.start + len(self.log)))
        wanted = {packet.hash for each in group for packet in each.signed[each.there :]}
        assert {packet.hash for packet in came} == wanted
        for laptop in group:
            laptop.there, laptop.owner = len(laptop.signed), laptop.owner or laptop.home
        self.add(came)

    @invariant()
    def the_head_is_the_models(self) -> None:
        ((pos, chain),) = self.server_row("SELECT pos, chain FROM opskit.head")
        assert (pos, chain) == (self.start + len(self.log), self.chain)

    def teardown(self) -> None:
        arrivals = pull(self.opened["ben"], after=self.start)
        assert packets(arrivals) == self.log
        assert [each.receipt.pos for each in arrivals] == list(
            range(self.start + 1, self.start + len(self.log) + 1)
        )
        newest: dict[bytes, Packet] = {}
        for packet in packets(arrivals):
            before = newest.get(packet.writer)
            assert packet.seq == (before.seq if before else 0) + 1
            assert before is None or packet.prev == before.hash
            newest[packet.writer] = packet

    def sign(self, laptop: Laptop, count: int) -> None:
        laptop.signed += [laptop.chain.put(body={"text": "hello"}) for _ in range(count)]

    def push(self, laptop: Laptop, sent: Sequence[Packet]) -> Pushed:
        laptop.owner = laptop.owner or laptop.home
        return self.opened[laptop.home].push(sent)

    def took(self, laptop: Laptop, owner: str, there: int) -> None:
        """The model's side of a push that came through."""
        if there > laptop.there:
            laptop.owner = laptop.owner or owner
            self.add(laptop.signed[laptop.there : there])
            laptop.there = there

    def add(self, sent: Sequence[Packet]) -> None:
        self.log += sent
        self.chain = chain_over(self.chain, sent)

    def kept(self, packet: Packet) -> bool:
        return bool(self.server_row("SELECT 1 FROM opskit.fork WHERE hash = %s", packet.hash))

    def server_row(self, query: str, *values: object) -> list[tuple[object, ...]]:
        return self.opened["ana"]._connection.raw.execute(query, values or None).fetchall()


def test_whatever_laptops_push_the_log_is_what_they_signed_in_one_order(postgres: Server) -> None:
    Pushing.server = postgres
    Pushing.opened = {who: Engineer(postgres.url(who), timeout=60.0) for who in ROLES}
    try:
        run_state_machine_as_test(
            Pushing,
            settings=settings(
                max_examples=300 if HEAVY else 15,
                stateful_step_count=50 if HEAVY else 25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        for upstream in Pushing.opened.values():
            upstream.close()
