"""Roles push and prove whatever hypothesis thinks of, on a real server: a writer is whose a model of a few lines says.

OPSKIT_HEAVY=1 takes many more, and longer ones.
"""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from opskit.changelog.signing import claim_of
from tests.changelog.upstream.chains import CLAIM, Chain, arguments, call
from tests.changelog.upstream.test_postgres_machine import HEAVY
from tests.changelog.upstream.writers import KEYS

if TYPE_CHECKING:
    from opskit.changelog.packet import Packet
    from tests.support.postgres import Server

ROLES = ("ana", "ben", "rita")


@dataclasses.dataclass(eq=False)
class Owned:
    """A writer, what it signed, and the model: how much of that is there, and to whom it was given so far, and by whom."""

    chain: Chain
    signed: list[Packet]
    there: int = 0
    false: set[bytes] = dataclasses.field(default_factory=set)
    given: list[tuple[str, str]] = dataclasses.field(default_factory=list)

    @property
    def owner(self) -> str:
        return self.given[-1][0] if self.given else ""


class Claiming(RuleBasedStateMachine):
    """Any role pushes and proves anything for any writer; the model says whether it may."""

    server: ClassVar[Server]
    opened: ClassVar[dict[str, psycopg.Connection[Any]]]
    seeds: ClassVar[int] = 0

    writers = Bundle("writers")

    def __init__(self) -> None:
        super().__init__()
        self.log = self.server.sql("SELECT log_id FROM opskit.head")[0][0]
        self.begun: list[Owned] = []
        self.proofs: list[tuple[Owned, str, int, bytes]] = []

    @rule(target=writers)
    def begin(self) -> Owned:
        type(self).seeds += 1
        made = Owned(Chain(self.seeds), [])
        self.begun.append(made)
        return made

    @rule(writer=writers, who=st.sampled_from(ROLES), count=st.integers(1, 3))
    def push(self, writer: Owned, who: str, count: int) -> None:
        writer.signed += [writer.chain.put() for _ in range(count)]
        answer = self.pushed(writer, who)
        if writer.owner == who:
            assert answer == ("ok", len(writer.signed))
            writer.there = len(writer.signed)
        else:
            assert answer == ("unproven", len(writer.given))

    @rule(writer=writers, false=st.booleans())
    def bring_back(self, writer: Owned, false: bool) -> None:
        """What rita brings back is nobody's, and need not be what its key signed."""
        made = writer.chain.put()
        if false:
            made = dataclasses.replace(made, signature=b"\0" * 64)
            writer.false.add(made.hash)
        writer.signed.append(made)
        assert self.pushed(writer, "rita", relay=True)[0] == "ok"
        writer.there = len(writer.signed)

    @rule(writer=writers, who=st.sampled_from(ROLES), by=st.integers(-1, 2))
    def prove(self, writer: Owned, who: str, by: int) -> None:
        number = max(1, len(writer.given) + by)
        made = KEYS[writer.chain.id].sign(claim_of(self.log, number, who))
        self.proofs.append((writer, who, number, made))
        self.shown(writer, who, number, made, right=True)

    @rule(
        data=st.data(),
        writer=writers,
        who=st.sampled_from(ROLES),
        by=st.integers(0, 1),
        own=st.booleans(),
    )
    def replay(self, data: st.DataObject, writer: Owned, who: str, by: int, own: bool) -> None:
        """A proof that was ever made, for whatever writer, by whatever role, with its own number or the next."""
        if not self.proofs:
            return
        of, role, number, made = data.draw(st.sampled_from(self.proofs))
        shown = number if own else len(writer.given) + by
        right = of is writer and role == who and shown == number
        self.shown(writer, who, shown, made, right=right)

    @rule(writer=writers, whom=st.sampled_from(ROLES))
    def assign(self, writer: Owned, whom: str) -> None:
        values = (writer.chain.id, whom)
        if not writer.given and not writer.there:
            with pytest.raises(psycopg.errors.UndefinedObject):
                self.opened["rita"].execute("SELECT opskit.assign(%s, %s)", values)
            return
        self.opened["rita"].execute("SELECT opskit.assign(%s, %s)", values)
        writer.given.append((whom, "rita"))

    @rule(writer=writers, keep=st.integers(0, 5), whom=st.sampled_from(ROLES))
    def set_aside(self, writer: Owned, keep: int, whom: str) -> None:
        """The chain goes on from event `keep`; what stood behind it is signed anew, since that place of the log is taken."""
        if keep >= writer.there:
            return
        values = (writer.chain.id, keep, whom)
        if writer.signed[keep].hash not in writer.false:
            with pytest.raises(psycopg.errors.InvalidParameterValue):
                self.opened["rita"].execute("SELECT opskit.set_aside(%s, %s, %s)", values)
            return
        self.opened["rita"].execute("SELECT opskit.set_aside(%s, %s, %s)", values)
        writer.given.append((whom, "rita"))
        writer.chain.seq, writer.chain.prev = keep, writer.signed[keep].prev
        del writer.signed[keep:]
        writer.there = keep

    @invariant()
    def the_database_says_what_the_model_says(self) -> None:
        for writer in self.begun:
            rows = (
                self.opened["ana"]
                .execute(
                    "SELECT w.db_role, w.head_seq, (SELECT array_agg(c.db_role || ' ' || c.given_by ORDER BY c.number) "
                    "FROM opskit.claim c WHERE c.wid = w.wid) FROM opskit.writer w "
                    "WHERE w.writer = %s AND aside_at IS NULL",
                    (writer.chain.id,),
                )
                .fetchall()
            )
            given = [" ".join(each) for each in writer.given] or None
            known = [(writer.owner or None, writer.there, given)]
            assert rows == (known if writer.given or writer.there else [])

    def pushed(self, writer: Owned, who: str, *, relay: bool = False) -> tuple[str, int]:
        return call(self.server, who, arguments(writer.signed[writer.there :], relay=relay))

    def shown(self, writer: Owned, who: str, number: int, made: bytes, *, right: bool) -> None:
        """Show a proof, and compare what is said with what the model says."""
        newest = len(writer.given)
        if writer.owner == who:
            expected: tuple[str, int] | None = ("ok", newest)
        elif number != newest + 1:
            expected = ("stale", newest)
        else:
            expected = ("ok", number) if right else None
        values = (writer.chain.key, number, made)
        if expected is None:
            with pytest.raises(psycopg.Error) as caught:
                self.opened[who].execute(CLAIM, values)
            assert caught.value.sqlstate == "OPS02"
            return
        assert self.opened[who].execute(CLAIM, values).fetchone() == expected
        if expected[0] == "ok" and writer.owner != who:
            writer.given.append((who, who))


def test_whatever_roles_push_and_prove_a_writer_is_whose_the_model_says(postgres: Server) -> None:
    with contextlib.ExitStack() as stack:
        Claiming.server = postgres
        Claiming.opened = {
            who: stack.enter_context(psycopg.connect(postgres.url(who), autocommit=True))
            for who in ROLES
        }
        run_state_machine_as_test(
            Claiming,
            settings=settings(
                max_examples=300 if HEAVY else 40,
                stateful_step_count=50 if HEAVY else 25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
