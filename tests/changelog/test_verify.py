from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from opskit.changelog import Changelog, chains, database
from opskit.changelog import verify as verification
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

EVENTS = 9  # three rollouts of three events


@pytest.fixture
def written(changelog: Changelog) -> Changelog:
    """A changelog with three rollouts, sound and closed."""
    for number in range(3):
        whole(changelog, why=f"number {number}", before=number, to=number + 1)
    assert changelog.verify() == []
    changelog.close()
    return changelog


def tamper(file: Path, *statements: str) -> None:
    """Alter the file as somebody would who has it: triggers taken away, SQL run, triggers put back."""
    connection = sqlite3.connect(file, isolation_level=None)
    triggers = connection.execute(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
    ).fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        assert connection.execute(statement).rowcount != 0
    for _, sql in triggers:
        connection.execute(sql)
    connection.close()


def first_problem(changelog: Changelog) -> str:
    problems = changelog.verify()
    assert problems
    return str(problems[0])


@pytest.mark.parametrize(
    ("statements", "where", "what"),
    [
        (
            [
                "UPDATE event SET header = CAST(replace(header, 'ann@laptop', 'bob@laptop') AS BLOB) WHERE seq = 4"
            ],
            "event 4 ",
            "its header was altered",
        ),
        (
            ["UPDATE event SET signature = zeroblob(64) WHERE seq = 5"],
            "event 5 ",
            "its signature is not the writer's",
        ),
        (
            [
                "UPDATE body SET body = CAST(replace(body, 'number 1', 'number 7') AS BLOB) WHERE n = 4"
            ],
            "event 4 ",
            "its body was altered",
        ),
        (
            ["UPDATE body SET nonce = zeroblob(16) WHERE n = 4"],
            "event 4 ",
            "its body was altered",
        ),
        (["DELETE FROM body WHERE n = 6"], "event 6 ", "its body is missing"),
        (
            ["DELETE FROM body WHERE n = 4", "DELETE FROM event WHERE seq = 4"],
            "event 4",
            "missing: 5 follows 3",
        ),
        (
            ["DELETE FROM body WHERE n > 7", "DELETE FROM event WHERE seq > 7"],
            "event 8",
            "missing: the chain's head is 9",
        ),
        (
            ["UPDATE writer SET head_seq = 8"],
            "event 10",
            "missing: the chain's head is 8",
        ),
        (
            [
                "UPDATE event SET seq = 100 WHERE seq = 4",
                "UPDATE event SET seq = 4 WHERE seq = 5",
                "UPDATE event SET seq = 5 WHERE seq = 100",
            ],
            "event 4 ",
            "it does not follow the event before it",
        ),
        (
            [
                "UPDATE body SET n = 100 WHERE n = 4",
                "UPDATE body SET n = 4 WHERE n = 7",
                "UPDATE body SET n = 7 WHERE n = 100",
            ],
            "event 4 ",
            "its body was altered",
        ),
        (
            ["UPDATE event SET kind = 'note' WHERE seq = 4"],
            "event 4 ",
            "what is searched is not what was signed",
        ),
        (
            ["UPDATE event SET rollout = 'zzzz' WHERE seq = 4"],
            "event 4 ",
            "what is searched is not what was signed",
        ),
        (
            ["UPDATE writer SET public_key = randomblob(32)"],
            "writer",
            "its public key is not the one",
        ),
        (
            ["UPDATE entry SET outcome = 'failed' WHERE id = 4"],
            "index entry",
            "what the events say",
        ),
        (["UPDATE result SET release = 'r1'"], "index result", "what the events say"),
        (
            ["UPDATE words_data SET block = zeroblob(length(block)) WHERE id > 10"],
            "index words",
            "what a search finds",
        ),
        (["UPDATE said SET entry = 1"], "index said", "what the events say"),
        (["DELETE FROM touched WHERE host = 'web01'"], "index touched", "what the events say"),
        (
            ["UPDATE known_release SET revision = 'x'"],
            "index known_release",
            "what the events say",
        ),
    ],
)
def test_an_alteration_is_named_with_its_place_and_kind(
    written: Changelog, statements: list[str], where: str, what: str
) -> None:
    tamper(written.file, *statements)
    problem = first_problem(written)
    assert where in problem
    assert what in problem


def test_what_the_index_says_wrongly_is_named(written: Changelog) -> None:
    rollout = written.rollouts()[1].id
    written.close()
    tamper(written.file, f"UPDATE entry SET outcome = 'failed', at_ms = 1 WHERE rollout LIKE '{rollout}%'")  # fmt: skip
    assert f"it does not say what the events say of rollout {rollout} " in first_problem(written)
    assert "(at_ms, outcome)" in first_problem(written)


def test_one_alteration_is_not_told_for_every_later_event(written: Changelog) -> None:
    tamper(written.file, "UPDATE event SET signature = zeroblob(64) WHERE seq = 2")
    assert len(written.verify()) == 1


def test_a_chain_signed_anew_by_another_key_is_found(written: Changelog) -> None:
    """Whoever can write the file but has not the key cannot write an event that passes."""
    from opskit.changelog.event import chained
    from opskit.changelog.signing import writer_key

    connection = sqlite3.connect(written.file)
    prev, header = connection.execute("SELECT prev, header FROM event WHERE seq = 9").fetchone()
    connection.close()
    forged = header.replace(b"ann@laptop", b"bob@laptop")
    digest = chained(prev, forged)
    signature = writer_key(b"f" * 32).sign(digest)
    tamper(
        written.file,
        f"UPDATE event SET header = x'{forged.hex()}', hash = x'{digest.hex()}', "
        f"signature = x'{signature.hex()}' WHERE seq = 9",
        f"UPDATE writer SET head_hash = x'{digest.hex()}'",
    )
    assert "its signature is not the writer's" in first_problem(written)


def test_an_event_of_another_writer_does_not_fit_in(written: Changelog, tmp_path: Path) -> None:
    with Changelog(tmp_path / "other" / "changelog.db") as other:
        foreign = other.append("note", {"text": "x"})
    tamper(
        written.file,
        f"UPDATE event SET header = x'{foreign.signed.hex()}', signature = x'{foreign.signature.hex()}' "
        "WHERE seq = 1",
    )
    assert "its header was altered" in first_problem(written)


def test_a_damaged_page_is_found(written: Changelog) -> None:
    connection = sqlite3.connect(written.file)
    (page,) = connection.execute(
        "SELECT rootpage FROM sqlite_schema WHERE name = 'event_hlc'"
    ).fetchone()
    connection.close()
    content = bytearray(written.file.read_bytes())
    content[page * 4096 - 20 : page * 4096] = b"\x01" * 20
    written.file.write_bytes(content)
    assert str(written.verify()[0]).startswith("file: ")


def test_checking_keeps_nobody_from_writing(
    written: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = chains.is_signed

    def meanwhile(*values: bytes) -> bool:
        with Changelog(written.file) as other:
            other.append("note", {"text": "meanwhile"})
        return real(*values)

    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(chains, "is_signed", meanwhile)
    assert written.verify() == []
    assert written.count() == 2 * EVENTS


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    table=st.sampled_from(
        ["event.header", "event.hash", "event.prev", "event.signature", "body.body", "body.nonce"]
    ),
    row=st.integers(1, EVENTS),
    place=st.integers(0, 10**6),
    bit=st.integers(0, 7),
)
def test_any_flipped_bit_is_found(
    written: Changelog, table: str, row: int, place: int, bit: int
) -> None:
    name, column = table.split(".")
    sound = written.file.read_bytes()
    connection = sqlite3.connect(written.file)
    (value,) = connection.execute(f"SELECT {column} FROM {name} WHERE n = {row}").fetchone()
    connection.close()
    altered = bytearray(value)
    altered[place % len(value)] ^= 1 << bit
    tamper(written.file, f"UPDATE {name} SET {column} = x'{altered.hex()}' WHERE n = {row}")
    try:
        problem = first_problem(written)
        assert f"event {row} " in problem or (column == "hash" and f"event {row}" in problem)
    finally:
        written.close()
        written.file.write_bytes(sound)


def test_a_long_changelog_is_checked_by_several_processes_with_the_same_result(
    changelog: Changelog, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        changelog.append("note", {"text": str(number)})
    tamper(file, "UPDATE event SET signature = zeroblob(64) WHERE seq IN (7, 23)")
    alone = changelog.verify()
    assert len(alone) == 2
    monkeypatch.setattr(verification, "LONG", 1)
    monkeypatch.setattr(verification, "PIECE", 5)
    assert changelog.verify() == alone
    tamper(file, "UPDATE entry SET actor = 'x'")
    assert [problem.where for problem in changelog.verify()[len(alone) :]] == ["index entry"]
