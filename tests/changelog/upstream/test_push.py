"""What the push function takes and what it refuses, called as somebody would who means no good."""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from opskit.changelog.event import genesis
from opskit.changelog.packet import Pushed
from opskit.errors import UpstreamError
from tests.changelog.upstream.chains import (
    CLAIM,
    PUSH,
    Chain,
    arguments,
    call,
    claim,
    opened,
    proof,
    without_body,
)
from tests.changelog.upstream.writers import packets, pull

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.changelog.packet import Packet
    from opskit.changelog.upstream.postgres import Postgres
    from tests.support.postgres import Server


def changed(packet: Packet, **changes: Any) -> Packet:
    return dataclasses.replace(packet, **changes)


def stored(server: Server) -> list[tuple[int, str, int]]:
    return server.sql("SELECT pos, received_by, seq FROM opskit.event ORDER BY pos")


def test_the_same_push_again_changes_nothing(postgres: Server, ana: Postgres) -> None:
    written = Chain(1).write(4)
    for part in (written, written, written[1:3], written[2:]):
        assert ana.push(part).status == "ok"
    assert packets(pull(ana)) == written


def test_an_overlap_adds_only_what_is_new(ana: Postgres) -> None:
    written = Chain(1).write(6)
    ana.push(written[:4])
    assert ana.push(written[2:]).head_seq == 6
    assert packets(pull(ana)) == written


@pytest.mark.parametrize("known", [0, 2])
def test_a_gap_says_where_to_go_on_and_leaves_nothing_behind(
    postgres: Server, ana: Postgres, known: int
) -> None:
    written = Chain(1).write(5)
    if known:
        ana.push(written[:known])
    answer = ana.push(written[3:])
    assert (answer.status, answer.head_seq) == ("gap", known)
    assert len(stored(postgres)) == known
    assert postgres.sql("SELECT head_seq FROM opskit.writer") == [(known,)]


def test_the_other_side_of_a_fork_is_kept_as_evidence(postgres: Server, ana: Postgres) -> None:
    chain = Chain(1)
    first = chain.write(2)
    copy = chain.copied()
    ours, theirs = chain.write(2), [copy.put(body={"text": "theirs"}), copy.put()]
    ana.push([*first, *ours])
    answer = ana.push([*first, *theirs])
    assert (answer.status, answer.head_seq) == ("fork", 2)
    assert ana.push(theirs) == answer, "whoever says it again hears the same"
    assert packets(pull(ana)) == [*first, *ours]
    kept = postgres.sql("SELECT seq, hash, header, seen_by FROM opskit.fork")
    assert kept == [(3, theirs[0].hash, theirs[0].header, "ana")]


def test_an_event_that_follows_another_than_the_newest_is_a_fork(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    first = chain.write(2)
    copy = chain.copied().back_to(first[0])
    theirs = copy.write(2)
    ana.push(first)
    answer = ana.push(theirs[1:])
    assert (answer.status, answer.head_seq) == ("fork", 1)
    assert len(stored(postgres)) == 2


def test_nothing_of_another_roles_writer_is_taken(
    postgres: Server, ana: Postgres, ben: Postgres
) -> None:
    chain = Chain(1)
    written = chain.write(2)
    ana.push(written)
    copy = chain.copied().back_to(written[0])
    for part in (written, chain.write(), copy.write(), chain.write(3)[2:]):
        assert ben.push(part) == Pushed("unproven", 1), "what is new, known, forked, too far"
    assert len(stored(postgres)) == 2
    assert postgres.sql("SELECT 1 FROM opskit.fork") == []


def test_a_writer_can_be_given_to_another_role_and_that_is_on_record(
    postgres: Server, ana: Postgres, ben: Postgres
) -> None:
    chain = Chain(1)
    ana.push(chain.write())
    for who in ("ana", "ben", "rob"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            postgres.sql("SELECT opskit.assign(%s, 'ben')", (chain.id,), role=who)
    postgres.sql("SELECT opskit.assign(%s, 'ben')", (chain.id,), role="rita")
    assert ben.push(chain.write()).status == "ok"
    later = chain.write()
    assert ana.push(later) == Pushed("unproven", 2)
    assert claim(postgres, "ana", chain.id, 3) == ("ok", 3), "whoever has the key has it again"
    assert ana.push(later).status == "ok"
    said = "SELECT number, db_role, given_by, signature IS NULL FROM opskit.claim ORDER BY number"
    assert postgres.sql(said) == [
        (1, "ana", "ana", False),
        (2, "ben", "rita", True),
        (3, "ana", "ana", False),
    ]


def test_only_somebody_in_opskit_relay_pushes_what_others_wrote(
    postgres: Server, ana: Postgres
) -> None:
    written = Chain(1).write(3)
    with pytest.raises(UpstreamError, match="role ana may not push events of others") as caught:
        ana.push(written, relay=True)
    assert caught.value.hint == "GRANT opskit_relay TO ana;"
    with opened(postgres.url("rita")) as rita:
        assert rita.push(written, relay=True).status == "ok"
    assert stored(postgres) == [(pos, "rita", pos) for pos in (1, 2, 3)]


def test_what_was_brought_back_is_nobodys_until_somebody_proves_to_have_the_writers_key(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    with opened(postgres.url("rita")) as rita:
        rita.push(chain.write(2), relay=True)
        for who in ("ben", "rita"):
            assert call(postgres, who, arguments(chain.copied().write())) == ("unproven", 0)
        assert postgres.sql("SELECT db_role FROM opskit.writer") == [(None,)]
        assert ana.push(chain.write()).status == "ok"
        rita.push(chain.write(), relay=True)
    assert postgres.sql("SELECT db_role FROM opskit.writer") == [("ana",)]
    assert [arrival.receipt.role for arrival in pull(ana)] == ["", "", "ana", ""]


def test_nothing_is_locked_behind_a_savepoint_where_nobody_sees_who_holds_it(
    postgres: Server, ana: Postgres
) -> None:
    chain = Chain(1)
    ana.push(chain.write())
    other = (Chain(2).key, 1, proof(postgres, "ana", Chain(2).id))
    with psycopg.connect(postgres.url("ana")) as held:
        for command, values in ((PUSH, arguments(chain.write(3)[2:])), (CLAIM, other)):
            with (
                pytest.raises(psycopg.errors.InvalidTransactionState),
                held.transaction(),
                held.transaction(),
            ):
                held.execute(command, values)


def test_who_may_bring_back_others_events_proves_its_own_like_anybody(postgres: Server) -> None:
    chain = Chain(1)
    written = chain.write(2)
    assert call(postgres, "rita", arguments(written)) == ("unproven", 0)
    assert claim(postgres, "rita", chain.id) == ("ok", 1)
    assert call(postgres, "rita", arguments(written)) == ("ok", 2)


def _with(position: int, value: Any) -> Callable[[list[Any], Packet], None]:
    def change(values: list[Any], _packet: Packet) -> None:
        values[position] = value

    return change


LIES: dict[str, Callable[[list[Any], Packet], None]] = {
    "a key that is not the writer's": _with(1, b"k" * 32),
    "a writer of another key": _with(0, b"w" * 32),
    "no key": _with(1, None),
    "a short key": lambda values, _: values.__setitem__(slice(0, 2), [hashlib.sha256(b"k").digest(), b"k"]),
    "number 0": _with(2, 0),
    "no number": _with(2, None),
    "a first event that follows another": _with(3, b"p" * 32),
    "a short prev": _with(3, b"p"),
    "no events": lambda values, _: values.__setitem__(slice(4, 8), [[], [], [], []]),
    "too many events": lambda values, p: values.__setitem__(slice(4, 8), [[each] * 501 for each in (p.header, p.signature, p.nonce, p.body)]),
    "fewer signatures than events": _with(5, []),
    "no signature": _with(5, [None]),
    "a short signature": _with(5, [b"s" * 63]),
    "no header": _with(4, [None]),
    "an empty header": _with(4, [b""]),
    "a header that is too long": _with(4, [b"{" + b" " * 16384 + b"}"]),
    "another writer's header": lambda values, _: values.__setitem__(4, [Chain(99).put().header]),
    "a header of another place": lambda values, p: values.__setitem__(4, [p.header.replace(b'"seq":1', b'"seq":2')]),
    "lists in lists": _with(4, [[b"a"], [b"b"]]),
    "neither one's own nor another's": _with(8, None),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lie_is_refused_and_leaves_nothing_behind(
    postgres: Server, lie: Callable[[list[Any], Packet], None]
) -> None:
    (packet,) = Chain(1).write()
    claim(postgres, "ana", packet.writer)
    values = arguments([packet])
    lie(values, packet)
    with pytest.raises(psycopg.Error):
        call(postgres, "ana", values)
    assert stored(postgres) == []
    assert postgres.sql("SELECT head_seq FROM opskit.writer") == [(0,)]
    assert postgres.sql("SELECT 1 FROM opskit.fork") == []
    assert call(postgres, "ana", arguments([packet])) == ("ok", 1)


@pytest.mark.parametrize(
    "change",
    [{"body": b'{"text":"forged"}'}, {"nonce": b"n" * 16}, {"nonce": None}, {"nonce": b"n" * 65},
     {"body": None}],
    ids=str,
)  # fmt: skip
def test_a_body_that_was_not_signed_is_left_out_and_the_event_is_not(
    ana: Postgres, change: dict[str, Any]
) -> None:
    (packet,) = Chain(1).write()
    assert ana.push([changed(packet, **change)]).status == "ok"
    assert packets(pull(ana)) == [without_body(packet)]


@pytest.mark.parametrize(
    "header",
    [b"\xff\xfe", b"[]", b"{}", b"{" * 5000, b'{"v":99,"new":true}', b'{"seq":"one","w":7}',
     b'{"seq":1e999999}', b'{"kind":"\\u0000"}'],
)  # fmt: skip
def test_a_newer_or_a_broken_writers_header_is_kept_as_it_is(
    ana: Postgres, postgres: Server, header: bytes
) -> None:
    chain = Chain(1)
    written = [chain.put(), chain.put(header=header), chain.put()]
    assert ana.push(written).status == "ok"
    assert [packet.header for packet in packets(pull(ana))] == [each.header for each in written]
    assert len(postgres.sql("SELECT * FROM opskit.log", role="rob")) == 3


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"event":"xyz"}', b'{"event":7}', b'{"event":"' + b"0" * 64 + b'"}']
)
def test_a_redaction_of_nothing_takes_nothing_away(ana: Postgres, body: bytes) -> None:
    chain = Chain(1)
    written = [*chain.write(2), chain.put("body.redacted", body)]
    assert ana.push(written).status == "ok"
    assert packets(pull(ana)) == written


def test_durable_means_durable_even_for_a_role_that_does_not_care(postgres: Server) -> None:
    chain = Chain(1)
    for command, values in (
        (CLAIM, (chain.key, 1, proof(postgres, "ana", chain.id))),
        (PUSH, arguments(chain.write())),
    ):
        with psycopg.connect(postgres.url("ana")) as connection:
            connection.execute("SET synchronous_commit = off")
            assert connection.execute(command, values).fetchone() == ("ok", 1)
            shown = connection.execute("SHOW synchronous_commit").fetchone()
        assert shown == ("on",)


def test_the_genesis_names_the_writer(postgres: Server) -> None:
    chain = Chain(1)
    claim(postgres, "ana", chain.id)
    call(postgres, "ana", arguments(chain.write()))
    rows = postgres.sql("SELECT prev FROM opskit.event")
    assert rows == [(genesis(chain.id),)]
