"""Who keeps others from the log is named, with what ends it, whatever that session does and whoever else holds what."""

from __future__ import annotations

import contextlib
import re
import threading
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from opskit.changelog.upstream.postgres import preparing, setup
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import (
    AWAKE,
    CLAIM,
    PUSH,
    Chain,
    arguments,
    claim,
    impatient,
    proof,
)
from tests.support.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("opskit.changelog.upstream.postgres.client._said", impatient)


@contextlib.contextmanager
def asleep(server: Server, who: str, command: str, values: Any) -> Iterator[psycopg.Connection]:
    """Give a session that did something in a transaction, and does not end that."""
    with contextlib.closing(psycopg.connect(server.url(who))) as held:
        held.execute(command, values)
        held.execute(AWAKE)
        yield held


@contextlib.contextmanager
def waiting(server: Server, held: psycopg.Connection) -> Iterator[None]:
    """Let a session wait for something that another one of the same role holds, for the block."""
    with contextlib.closing(psycopg.connect(server.url("ben"), autocommit=True)) as other:
        other.execute("SELECT pg_advisory_lock(42)")
        thread = threading.Thread(target=_wait, args=(held,), daemon=True)
        thread.start()
        asked = "SELECT 1 FROM pg_locks WHERE NOT granted AND locktype = 'advisory'"
        until(lambda: server.sql(asked) != [], within=60)
        yield
    thread.join(60)


def _wait(held: psycopg.Connection) -> None:
    with contextlib.suppress(psycopg.Error):
        held.execute("SELECT pg_advisory_lock(42)")


def blamed(work: Callable[[], object]) -> list[int]:
    """Give the processes that an error names, in its order; all of them are ben's."""
    with pytest.raises(
        UpstreamError, match=r"is busy: ben \(process \d+\).* holds its log"
    ) as caught:
        work()
    named = [int(pid) for pid in re.findall(r"process (\d+)", caught.value.what)]
    ends = re.findall(r"SELECT pg_terminate_backend\((\d+)\);", caught.value.hint)
    assert named == [int(pid) for pid in ends]
    return named


def test_whoever_holds_the_log_is_named_with_what_ends_it(postgres: Server, ana: Postgres) -> None:
    claim(postgres, "ben", Chain(2).id)
    with asleep(postgres, "ben", PUSH, arguments(Chain(2).write())) as held:
        (pid,) = blamed(lambda: ana.push(Chain(1).write()))
        assert pid == held.info.backend_pid
        postgres.sql(f"SELECT pg_terminate_backend({pid})")
        until(lambda: postgres.sql("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)) == [])
        assert ana.push(Chain(1).write()).status == "ok"


def test_whoever_holds_the_log_is_named_though_it_waits_itself(
    postgres: Server, ana: Postgres
) -> None:
    claim(postgres, "ben", Chain(2).id)
    with (
        asleep(postgres, "ben", PUSH, arguments(Chain(2).write())) as held,
        waiting(postgres, held),
    ):
        assert blamed(lambda: ana.push(Chain(1).write())) == [held.info.backend_pid]


def test_whoever_holds_the_log_is_named_alone_whoever_else_is_asleep(
    postgres: Server, ana: Postgres
) -> None:
    claim(postgres, "ben", Chain(2).id)
    with contextlib.ExitStack() as stack:
        for seed in range(20, 24):
            values = (Chain(seed).key, 1, proof(postgres, "ben", Chain(seed).id))
            stack.enter_context(asleep(postgres, "ben", CLAIM, values))
        held = stack.enter_context(asleep(postgres, "ben", PUSH, arguments(Chain(2).write())))
        assert blamed(lambda: ana.push(Chain(1).write())) == [held.info.backend_pid]


def test_whoever_holds_ones_own_writer_is_named_though_it_waits_itself(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    ana.push(chain.write())
    with contextlib.ExitStack() as stack:
        for seed in range(20, 24):
            values = (Chain(seed).key, 1, proof(postgres, "ben", Chain(seed).id))
            stack.enter_context(asleep(postgres, "ben", CLAIM, values))
        values = (chain.key, 2, proof(postgres, "ben", chain.id, 2))
        held = stack.enter_context(asleep(postgres, "ben", CLAIM, values))
        stack.enter_context(waiting(postgres, held))
        assert blamed(lambda: ana.push(chain.write())) == [held.info.backend_pid]


def test_of_those_who_may_hold_a_new_writer_the_longest_asleep_comes_first_and_three_are_named(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    with contextlib.ExitStack() as stack:
        pids = []
        for each in (chain, *map(Chain, range(20, 24))):
            values = (each.key, 1, proof(postgres, "ben", each.id))
            pids.append(
                stack.enter_context(asleep(postgres, "ben", CLAIM, values)).info.backend_pid
            )
        assert blamed(lambda: ana.push(chain.write())) == pids[:3]


def test_whoever_locks_a_table_is_named(postgres: Server, ana: Postgres) -> None:
    postgres.sql("ALTER ROLE ben SUPERUSER")
    try:
        with asleep(postgres, "ben", "LOCK TABLE opskit.event IN EXCLUSIVE MODE", ()) as held:
            assert blamed(lambda: ana.push(Chain(1).write())) == [held.info.backend_pid]
    finally:
        postgres.sql("ALTER ROLE ben NOSUPERUSER")


def test_whoever_holds_up_init_is_named_and_nobody_else(
    postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "WAIT_S", 1)
    url = postgres.new_database("held")
    with (
        psycopg.connect(postgres.url("ben", "held")) as other,
        psycopg.connect(postgres.url("ben", "held")) as held,
    ):
        other.execute("SELECT pg_advisory_lock(7, hashtext('opskit changelog init'))")
        held.execute("SELECT pg_advisory_lock(hashtext('opskit changelog init'))")
        assert blamed(lambda: setup(url, timeout=60.0)) == [held.info.backend_pid]
    until(lambda: postgres.sql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'") == [])
    assert " is ready: " in setup(url, timeout=60.0)[0]
