"""A writer is the role's that shows its key's signature for this log, this role and the next number: attacked by all who mean no good."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from opskit.changelog.signing import claim_of, is_signed
from tests.changelog.upstream.chains import (
    AWAKE,
    CLAIM,
    Chain,
    arguments,
    call,
    claim,
    opened,
    proof,
)
from tests.changelog.upstream.writers import KEYS
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server

ROLES = ("ana", "ben", "rita")
ORDER = 2**252 + 27742317777372353535851937790883648493


def shows(server: Server, who: str, *values: Any) -> tuple[str, int]:
    """Show a proof as a role: any key, number and signature."""
    with psycopg.connect(server.url(who), autocommit=True) as connection:
        row = connection.execute(CLAIM, values).fetchone()
        assert row is not None
        return row[0], row[1]


def refuses(server: Server, who: str, *values: Any) -> None:
    with pytest.raises(psycopg.Error) as caught:
        shows(server, who, *values)
    assert caught.value.sqlstate == "OPS02"


def owners(server: Server) -> list[tuple[int, str, str]]:
    return server.sql("SELECT number, db_role, given_by FROM opskit.claim ORDER BY number")


@contextlib.contextmanager
def costly_things_broken(server: Server) -> Any:
    """Let every question that gets as far as the curve fail with words of its own."""
    found = "SELECT pg_get_functiondef('opskit.point_of'::regproc)"
    before = server.sql(found)[0][0]
    server.sql(
        "CREATE OR REPLACE FUNCTION opskit.point_of(p_bytes bytea) RETURNS numeric[] LANGUAGE plpgsql "
        "AS $$ BEGIN RAISE EXCEPTION 'it got as far as the curve'; END $$"
    )
    yield
    server.sql(before)


SHAPES: dict[str, Callable[[bytes, bytes], tuple[Any, Any, Any]]] = {
    "no key": lambda _, signed: (None, 1, signed),
    "an empty key": lambda _, signed: (b"", 1, signed),
    "a short key": lambda key, signed: (key[:31], 1, signed),
    "a long key": lambda key, signed: (key + b"\0", 1, signed),
    "no number": lambda key, signed: (key, None, signed),
    "no signature": lambda key, _: (key, 1, None),
    "an empty signature": lambda key, _: (key, 1, b""),
    "a short signature": lambda key, signed: (key, 1, signed[:63]),
    "a long signature": lambda key, signed: (key, 1, signed + b"\0"),
    "S + L": lambda key, signed: (
        key, 1, signed[:32] + (int.from_bytes(signed[32:], "little") + ORDER).to_bytes(32, "little"),
    ),
    "nothing but ones": lambda key, _: (key, 1, b"\xff" * 64),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_what_has_not_the_shape_of_a_proof_is_refused_before_it_costs_anything(
    postgres: Server, shape: Callable[[bytes, bytes], tuple[Any, Any, Any]]
) -> None:
    chain = Chain(1)
    with costly_things_broken(postgres):
        refuses(postgres, "ana", *shape(chain.key, proof(postgres, "ana", chain.id)))
    assert postgres.sql("SELECT 1 FROM opskit.writer") == []


def test_a_number_that_is_not_the_next_is_told_the_newest_before_it_costs_anything(
    postgres: Server,
) -> None:
    chain = Chain(1)
    signed = proof(postgres, "ana", chain.id)
    with costly_things_broken(postgres):
        for number in (-(2**63), -1, 0, 2, 2**53, 2**63 - 1):
            assert shows(postgres, "ana", chain.key, number, signed) == ("stale", 0)
        with pytest.raises(psycopg.errors.NumericValueOutOfRange):
            shows(postgres, "ana", chain.key, 2**63, signed)
    assert claim(postgres, "ana", chain.id) == ("ok", 1)
    with costly_things_broken(postgres):
        assert shows(postgres, "ben", chain.key, 1, signed) == ("stale", 1)
        assert shows(postgres, "ana", chain.key, 7, b"\0" * 64) == ("ok", 1), "it is hers already"
    assert owners(postgres) == [(1, "ana", "ana")]


def test_nobody_can_use_a_proof_but_the_role_the_log_and_the_number_that_it_is_for(
    postgres: Server,
) -> None:
    chain, other = Chain(1), Chain(2)
    (event,) = chain.write()
    of_ana = proof(postgres, "ana", chain.id)
    refuses(postgres, "ben", chain.key, 1, of_ana)
    refuses(postgres, "ben", other.key, 1, of_ana)
    refuses(postgres, "ben", chain.key, 1, proof(postgres, "ben", other.id))
    refuses(postgres, "ben", chain.key, 1, proof(postgres, "ben", chain.id, log="ab" * 16))
    refuses(postgres, "ben", chain.key, 1, proof(postgres, "ben", chain.id, 2))
    refuses(postgres, "ben", chain.key, 1, proof(postgres, "ben2", chain.id))
    refuses(postgres, "ben", chain.key, 1, event.signature)
    assert postgres.sql("SELECT 1 FROM opskit.writer") == []
    assert shows(postgres, "ana", chain.key, 1, of_ana) == ("ok", 1)


def test_whoever_had_a_writer_once_cannot_have_it_again_by_the_proof_of_then(
    postgres: Server,
) -> None:
    chain = Chain(1)
    written = chain.write(3)
    then = proof(postgres, "ben", chain.id)
    assert shows(postgres, "ben", chain.key, 1, then) == ("ok", 1)
    assert claim(postgres, "ana", chain.id, 2) == ("ok", 2)
    assert shows(postgres, "ben", chain.key, 1, then) == ("stale", 2)
    refuses(postgres, "ben", chain.key, 3, then)
    assert call(postgres, "ben", arguments(written)) == ("unproven", 2)
    assert call(postgres, "ana", arguments(written)) == ("ok", 3)


def test_a_role_of_any_name_can_prove(postgres: Server) -> None:
    for seed, name in enumerate(("Zoë Ünal 🚀", "a'b\\c\"d", "x" * 63)):
        postgres.sql(f"DROP ROLE IF EXISTS {(quoted := _quoted(name))}")
        postgres.sql(f"CREATE ROLE {quoted} LOGIN; GRANT opskit_write TO {quoted}")
        with psycopg.connect(
            host="127.0.0.1", port=postgres.port, dbname="opskit", user=name, autocommit=True
        ) as connection:
            chain = Chain(seed)
            values = (chain.key, 1, proof(postgres, name, chain.id))
            assert connection.execute(CLAIM, values).fetchone() == ("ok", 1)
    shown = postgres.sql("SELECT db_role FROM opskit.claim ORDER BY given_at")
    assert shown == [("Zoë Ünal 🚀",), ("a'b\\c\"d",), ("x" * 63,)]


def test_what_was_proved_is_kept_so_that_anybody_can_check_it(postgres: Server) -> None:
    chain = Chain(1)
    claim(postgres, "ana", chain.id)
    postgres.sql("SELECT opskit.assign(%s, 'ben')", (chain.id,), role="rita")
    claim(postgres, "ana", chain.id, 3)
    rows = postgres.sql(
        "SELECT w.public_key, h.log_id, c.number, c.db_role, c.signature, c.given_by "
        "FROM opskit.claim c JOIN opskit.writer w USING (wid), opskit.head h ORDER BY c.number",
        role="rob",
    )
    assert [(row[3], row[5]) for row in rows] == [("ana", "ana"), ("ben", "rita"), ("ana", "ana")]
    assert rows[1][4] is None
    for key, log, number, role, signed, _ in (rows[0], rows[2]):
        assert is_signed(key, signed, claim_of(log, number, role))


def test_of_two_roles_that_prove_the_same_number_at_once_one_comes_too_late(
    postgres: Server,
) -> None:
    for seed in range(8):
        chain = Chain(seed)
        said = at_once(lambda who, chain=chain: claim(postgres, who, chain.id), ("ana", "ben"))
        assert sorted(said) == [("ok", 1), ("stale", 1)]
        assert len(postgres.sql("SELECT 1 FROM opskit.writer")) == seed + 1


def test_two_programs_of_one_laptop_that_prove_at_once_have_both_done_it(postgres: Server) -> None:
    chain = Chain(1)
    said = at_once(lambda who: claim(postgres, who, chain.id), ("ana",) * 5)
    assert said == [("ok", 1)] * 5
    assert owners(postgres) == [(1, "ana", "ana")]


def test_who_gives_a_writer_away_and_who_proves_it_at_once_take_turns(postgres: Server) -> None:
    chain = Chain(1)
    claim(postgres, "ana", chain.id)

    def give(who: str) -> tuple[str, int]:
        if who == "rita":
            postgres.sql("SELECT opskit.assign(%s, 'ana')", (chain.id,), role="rita")
            return "given", 0
        return claim(postgres, who, chain.id, 2)

    said = at_once(give, ("rita", "rita", "rita", "ben"))
    assert said.count(("given", 0)) == 3
    numbers = [number for number, _, _ in owners(postgres)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_whoever_falls_asleep_behind_a_proof_blocks_its_own_writer_alone_and_is_sent_away(
    postgres: Server, ben: Postgres
) -> None:
    asleep = psycopg.connect(postgres.url("ana"))
    values = (Chain(1).key, 1, proof(postgres, "ana", Chain(1).id))
    assert asleep.execute(CLAIM, values).fetchone() == ("ok", 1)
    asleep.execute(AWAKE)
    assert ben.push(Chain(2).write()).status == "ok", "it would wait for what ana holds"
    asleep.rollback()
    assert asleep.execute(CLAIM, values).fetchone() == ("ok", 1)
    there = "SELECT 1 FROM pg_stat_activity WHERE usename = 'ana'"
    until(lambda: postgres.sql(there) == [], within=60)
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        asleep.execute("SELECT 1")
    asleep.close()
    assert owners(postgres) == [(1, "ben", "ben")]


def test_wrong_proofs_by_the_hundred_leave_nothing_and_lock_nothing(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    written = chain.write(2)
    ana.push(written[:1])
    wrong = (chain.key, 2, proof(postgres, "ben", Chain(2).id, 2))
    with psycopg.connect(postgres.url("ben")) as connection:
        for _ in range(100):
            with pytest.raises(psycopg.Error, match="did not sign"), connection.transaction():
                connection.execute(CLAIM, wrong)
        assert call(postgres, "ana", arguments(written)) == ("ok", 2)
    assert owners(postgres) == [(1, "ana", "ana")]


def test_a_copy_of_a_laptop_under_another_role_takes_turns_with_it(postgres: Server) -> None:
    chain = Chain(1)
    with opened(postgres.url("ana")) as ana, opened(postgres.url("ben")) as ben:
        log = ana.greet(None).log
        for number in range(1, 7):
            who = ana if number % 2 else ben
            who.claim(KEYS[chain.id], log=log, number=number)
            assert who.push(chain.write()).status == "ok"
    assert [row[1] for row in owners(postgres)] == ["ana", "ben"] * 3


def at_once(work: Callable[[str], tuple[str, int]], whom: tuple[str, ...]) -> list[Any]:
    """Do the same as several, at the same moment; gives what each of them got."""
    ready = threading.Barrier(len(whom))
    got: list[Any] = []

    def run(who: str) -> None:
        ready.wait(60)
        try:
            got.append(work(who))
        except psycopg.Error as error:
            got.append(error)

    threads = [threading.Thread(target=run, args=(who,)) for who in whom]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return got


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
