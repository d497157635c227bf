"""A writer that cannot be pushed keeps no other one waiting: it is put aside, told, and counted; what is brought back is nobody's."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import re
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.signing import key_file, load_key
from opskit.changelog.syncing import Syncer
from opskit.changelog.upstream.postgres import setup
from opskit.errors import UpstreamError, UpstreamLiesError
from tests.changelog.laptop import share, upstream_of
from tests.changelog.upstream.chains import Chain, arguments, call, claim, redaction_of
from tests.changelog.upstream.writers import KEYS
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from opskit.changelog.packet import Packet

RUNBOOK = Path(__file__).parents[2] / "runbooks" / "changelog-disaster.md"


@pytest.fixture(scope="module")
def _server() -> Iterator[Server]:
    with server() as made:
        setup(made.url(), timeout=60.0)
        for name in ("ana", "ben"):
            made.engineer(name)
        made.engineer("rita", "opskit_write", "opskit_relay")
        yield made


@pytest.fixture
def postgres(_server: Server) -> Server:
    """A server with a database that was just prepared."""
    renew(_server)
    return _server


@pytest.fixture
def ana(tmp_path: Path) -> Path:
    """The changelog of ana's laptop, with three notes."""
    file = tmp_path / "ana" / "changelog.db"
    writes(file, 3)
    return file


def renew(postgres: Server) -> None:
    """Put an empty log in the place of the one that there is."""
    postgres.new_database()
    setup(postgres.url(), timeout=60.0)


def writes(file: Path, count: int = 1) -> None:
    with Changelog(file, actor=file.parent.name) as changelog:
        for number in range(count):
            changelog.append("note", {"text": f"{number}"})


def home(file: Path) -> bytes:
    """Give the writer that signs in a changelog now, and let its key be one that tests know."""
    with Changelog(file) as changelog:
        exchange = changelog.exchange()
        writer = exchange.signs_here()
        exchange.close()
    key = load_key(file.parent, writer)
    assert key is not None
    KEYS[writer] = key
    return writer


def waiting(file: Path, log: str) -> int:
    with Changelog(file) as changelog:
        exchange = changelog.exchange()
        try:
            return exchange.waiting(log)
        finally:
            exchange.close()


def alarms(file: Path) -> list[str]:
    with Changelog(file) as changelog:
        exchange = changelog.exchange()
        try:
            return [alarm.what for alarm in exchange.alarms()]
        finally:
            exchange.close()


def packets_of(file: Path) -> list[Packet]:
    with Changelog(file) as changelog:
        exchange = changelog.exchange()
        try:
            return exchange.unsent("none")[0]
        finally:
            exchange.close()


def lose_key(file: Path, writer: bytes) -> None:
    """Move a key away, as opskit says it of one that is no good."""
    key_file(file.parent, writer).rename(file.parent / "moved-away")


def forge(postgres: Server, writer: bytes, number: int) -> None:
    """Let ben, who has a copy of a writer's key, go on with its chain by what the key never signed."""
    claim(postgres, "ben", writer, number)
    row = "SELECT public_key, head_seq + 1, head_hash FROM opskit.writer WHERE writer = %s"
    key, seq, prev = postgres.sql(f"{row} AND aside_at IS NULL", (writer,))[0]
    forged = [[b"garbage"], [b"\0" * 64], [None], [None], False]
    assert call(postgres, "ben", [writer, key, seq, prev, *forged])[0] == "ok"


def log_of(postgres: Server) -> str:
    return str(postgres.sql("SELECT log_id FROM opskit.head")[0][0])


def there(postgres: Server, writer: bytes) -> int:
    rows = postgres.sql(
        "SELECT count(*) FROM opskit.event JOIN opskit.writer USING (wid) WHERE writer = %s",
        (writer,),
    )
    return int(rows[0][0])


def test_a_chain_that_goes_on_with_what_its_key_never_signed_keeps_no_new_writer_waiting(
    postgres: Server, ana: Path
) -> None:
    old, url = home(ana), postgres.url("ana")
    share(ana, url)
    forge(postgres, old, 2)
    writes(ana, 2)
    with pytest.raises(UpstreamLiesError, match="another event than ours after event 3") as caught:
        share(ana, url)
    assert caught.value.what in alarms(ana)
    assert waiting(ana, log_of(postgres)) == 2, "nothing is taken for sent"
    lose_key(ana, old)
    writes(ana)
    done = share(ana, url)
    new = home(ana)
    assert (new != old, there(postgres, new)) == (True, done.pushed)
    assert [caught.value.what in warning for warning in done.warnings] == [True]
    assert done.waiting == waiting(ana, log_of(postgres)) == 2


def test_the_runbooks_own_line_takes_it_out_with_the_number_that_the_laptop_says(
    postgres: Server, ana: Path
) -> None:
    old, url = home(ana), postgres.url("ana")
    share(ana, url)
    forge(postgres, old, 2)
    writes(ana, 2)
    with pytest.raises(UpstreamLiesError) as caught:
        share(ana, url)
    said = re.search(r"after event (\d+) of writer (\w+)", caught.value.what)
    (line,) = re.findall(r"^SELECT opskit\.set_aside\(.*;$", RUNBOOK.read_text(), re.MULTILINE)
    assert said is not None
    order = line.replace("WRITER", said[2]).replace("(writer, N,", f"(writer, {said[1]},")
    postgres.sql(order.replace("ROLE", "ana"), role="rita")
    done = share(ana, url)
    assert (done.pushed, done.waiting, done.warnings) == (2, 0, [])


def test_a_writer_whose_key_is_gone_keeps_no_new_one_waiting_and_can_be_relayed(
    postgres: Server, ana: Path
) -> None:
    old = home(ana)
    share(ana, postgres.url("ana"))
    lose_key(ana, old)
    renew(postgres)
    writes(ana)
    done = share(ana, postgres.url("ana"), accept=True)
    new = home(ana)
    assert (there(postgres, new), there(postgres, old), done.waiting) == (done.pushed, 0, 3)
    assert "its key is not here" in done.warnings[0]
    assert "sync --relay" in done.warnings[0]
    with pytest.raises(UpstreamError, match="may not push events of others"):
        share(ana, postgres.url("ana"), everybody=True)
    postgres.sql("GRANT opskit_relay TO ana")
    try:
        done = share(ana, postgres.url("ana"), everybody=True)
    finally:
        postgres.sql("REVOKE opskit_relay FROM ana")
    assert (there(postgres, old), done.waiting, done.warnings) == (3, 0, [])


def test_an_old_writers_rotten_key_keeps_no_new_one_waiting(postgres: Server, ana: Path) -> None:
    old = home(ana)
    lose_key(ana, old)
    writes(ana)
    key_file(ana.parent, old).write_bytes(b"rotten")
    done = share(ana, postgres.url("ana"))
    assert there(postgres, home(ana)) == done.pushed > 0
    assert "is not the key" in done.warnings[0]


def test_a_command_says_how_many_events_of_an_old_writer_wait(postgres: Server, ana: Path) -> None:
    lose_key(ana, home(ana))
    writes(ana)
    syncer = Syncer(ana, functools.partial(upstream_of, postgres.url("ana")), limit=60.0)
    syncer.start()
    assert syncer.wait_until_shared(), "what this command wrote is there"
    assert syncer.close() == 3
    assert len(syncer.warnings()) == 1


def test_what_a_server_refuses_of_one_writer_keeps_no_other_one_waiting(
    postgres: Server, ana: Path, tmp_path: Path
) -> None:
    """A header that Python and PostgreSQL read differently, which came from elsewhere."""
    odd = Chain(7)
    packet = odd.put(header=b'{"seq":1.0}')
    rita = tmp_path / "rita" / "changelog.db"
    share(ana, postgres.url("ana"))
    share(rita, postgres.url("rita"))
    with Changelog(rita) as changelog:
        exchange = changelog.exchange()
        assert exchange.take_in([packet]).new == 1
        exchange.close()
    renew(postgres)
    done = share(rita, postgres.url("rita"), everybody=True, accept=True)
    assert (done.pushed, done.left) == (3, 1)
    assert "was signed for another place" in done.warnings[0]


@pytest.mark.parametrize("by", ["a copied key", "a gift"])
def test_what_a_relay_brings_back_is_not_whose_it_once_was(
    postgres: Server, ana: Path, tmp_path: Path, by: str
) -> None:
    writer, url = home(ana), postgres.url("ana")
    share(ana, url)
    if by == "a copied key":
        claim(postgres, "ben", writer, 2)
    else:
        postgres.sql("SELECT opskit.assign(%s, 'ben')", (writer,), role="rita")
    rita = tmp_path / "rita" / "changelog.db"
    share(rita, postgres.url("rita"))
    renew(postgres)
    share(rita, postgres.url("rita"), everybody=True, accept=True)
    assert postgres.sql("SELECT db_role FROM opskit.writer") == [(None,)]
    other = Chain(9)
    claim(postgres, "ben", other.id)
    removals = [redaction_of(other, packet) for packet in packets_of(ana)]
    assert call(postgres, "ben", arguments(removals))[0] == "ok"
    forged = dataclasses.replace(packets_of(ana)[0], seq=4, prev=b"p" * 32)
    assert call(postgres, "ben", arguments([forged])) == ("unproven", 0)
    assert postgres.sql("SELECT 1 FROM opskit.redaction") == []
    writes(ana)
    assert share(ana, url, accept=True).pushed == 1
    assert postgres.sql("SELECT db_role FROM opskit.writer ORDER BY wid") == [("ana",), ("ben",)]


def test_the_role_that_is_shown_of_a_writer_is_the_newest_that_pushed_it(
    postgres: Server, ana: Path, tmp_path: Path
) -> None:
    writer, rita = home(ana), tmp_path / "rita" / "changelog.db"
    shown = []
    for who in ("ana", "ben", "ana"):
        writes(ana)
        share(ana, postgres.url(who))
        share(rita, postgres.url("rita"))
        with contextlib.closing(sqlite3.connect(rita)) as db:
            shown += db.execute("SELECT role FROM writer WHERE writer = ?", (writer,)).fetchone()
    assert shown == ["ana", "ben", "ana"]
