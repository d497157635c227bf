"""The changelog beside the least that could work, in one run: plain sqlite3, COPY and ed25519.

Times differ from machine to machine and from minute to minute; ratios of interleaved runs do so less.
"""

from __future__ import annotations

import compileall
import multiprocessing
import os
import random
import secrets
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opskit.changelog import Changelog, Filter
from opskit.changelog.adding import append as take
from opskit.changelog.adding import writer_of
from opskit.changelog.canonical import encode
from opskit.changelog.event import Header, genesis, sealed
from opskit.changelog.packet import Packet
from opskit.changelog.signing import is_signed, load_key, writer_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITERS = 5
SERVICES = ("shop", "search", "pages", "mail", "billing")
SUBJECTS = (
    "Give prices per 100 g",
    "Fix the cart",
    "Rename the cache",
    "Bump the parser",
    "Drop a table",
)
FILTERS = {
    "none": (),
    "service": ("-s", "search"),
    "environment": ("-e", "production"),
    "host": ("-H", "web0007"),
    "actor": ("--actor", "w3"),
    "kind": ("--kind", "note"),
    "outcome": ("--outcome", "failed"),
    "time": ("--since", "2020-01-03", "--until", "2020-01-06"),
    "nobody": ("--actor", "nobody"),
    "never": ("--outcome", "interrupted"),
    "20 hosts": ("-H", "web[0001-0020]"),
    "200 hosts": ("-H", "web[0001-0200]"),
    "rare words": ("--grep", "zebra17*"),
    "words": ("--grep", "cart"),
    "all": ("-s", "shop", "--actor", "w1", "--outcome", "done", "-H", "web[0001-0020]"),
}
REPORTED = (30, 365)
FINDS_NONE = ("nobody", "never")


def main(events: int, rounds: int, pulled: int) -> None:
    """Run everything and print a table."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        appends(folder, rounds)
        reading(folder, events, rounds)
        sharing(folder, pulled)


def appends(folder: Path, rounds: int) -> None:
    """One durable, signed, indexed event against one durable row of the same size."""
    changelog = Changelog(folder / "append" / "changelog.db", actor="bench")
    bare = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode = TRUNCATE", "synchronous = FULL"):
        bare.execute(f"PRAGMA {pragma}").fetchall()
    bare.execute("CREATE TABLE event (n INTEGER PRIMARY KEY, at INTEGER, body BLOB)")
    text, data = "x" * 300, b"x" * 900

    def insert() -> None:
        bare.execute("BEGIN IMMEDIATE")
        bare.execute("INSERT INTO event (at, body) VALUES (?, ?)", (1, data))
        bare.execute("COMMIT")

    ours, theirs = [], []
    for _ in range(40 * rounds):
        theirs.append(timed(insert))
        ours.append(timed(lambda: changelog.append("note", {"text": text})))
    show("append, durable and signed", ours, "bare durable insert", theirs)
    changelog.close()
    bare.close()


def reading(folder: Path, events: int, rounds: int) -> None:
    """`opskit log` on many events over the start-up alone; verify; full text."""
    state = folder / "state"
    file = state / "bench" / "changelog.db"
    began = time.monotonic()
    with Changelog(file, actor="w0") as changelog:
        changelog.append("note", {"text": "the first one"})
        fill(changelog, events)
        print(f"\n{changelog.count():,} events made in {time.monotonic() - began:.0f} s, "
              f"{file.stat().st_size / 2**20:.0f} MiB")  # fmt: skip
    (folder / "opskit.toml").write_text(
        '[changelog]\nname = "bench"\n[environments.production]\nhosts = ["web0001"]\n'
    )
    compileall.compile_dir(Path.cwd() / "opskit", quiet=1)  # as whoever installs opskit does
    env = {**os.environ, "OPSKIT_STATE_DIR": str(state), "PYTHONPATH": str(Path.cwd())}

    def opskit(*words: str, **more: str) -> Callable[[], int]:
        """Give what runs opskit and counts the lines that it prints."""
        argv = [sys.executable, "-m", "opskit", *words]
        return lambda: lines_of(
            subprocess.run(argv, cwd=folder, env={**env, **more}, capture_output=True, check=False)
        )

    runs = {name: opskit("log", "--csv", *words) for name, words in FILTERS.items()}
    with Changelog(file) as changelog:
        last = changelog.rollouts(Filter(limit=1))[0].at
    for days in REPORTED:
        since = f"{last - timedelta(days=days):%Y-%m-%d}"
        runs[f"report {days} d"] = opskit("report", "--since", since)
    start, empty = opskit("--version"), opskit("log", "--csv", OPSKIT_STATE_DIR=str(folder / "no"))
    times: dict[str, list[float]] = {name: [] for name in ("", "no events", *runs)}
    for _ in range(rounds):
        times[""].append(timed(start))
        times["no events"].append(timed(empty))
        for name, run in runs.items():
            found: list[int] = []
            times[name].append(timed(lambda run=run, found=found: found.append(run())))  # type: ignore[misc]
            expect(found[0] > 1 or name in FINDS_NONE, f"{name}: nothing found")
    alone = statistics.median(times.pop(""))
    print(
        f"start-up alone (--version): {alone * 1000:.0f} ms; opskit log, the last 50, beyond that:"
    )
    for name, took in times.items():
        print(f"  {name:12} {(statistics.median(took) - alone) * 1000:6.0f} ms (n = {rounds})")
    with Changelog(file) as changelog:
        took = timed(lambda: expect(changelog.verify() == []))
        print(
            f"verify: {took:.1f} s, {changelog.count() / took:,.0f} events/s on {os.cpu_count()} cores"
        )


def sharing(folder: Path, count: int) -> None:
    """The first pull against COPY and the check of signatures; many laptops pushing at once."""
    from tests.support.postgres import server

    with server() as postgres:
        from opskit.changelog.upstream.postgres import setup

        setup(postgres.url(), timeout=5)
        source = folder / "source" / "changelog.db"
        with Changelog(source, actor="w0") as changelog:
            changelog.append("note", {"text": "the first one"})
            fill(changelog, count)
        print(
            f"\npushing {count:,} events: {timed(lambda: share(source, postgres.url(), everybody=True)):.1f} s"
        )
        ours, theirs = [], []
        for number in range(2):
            theirs.append(timed(lambda: copied(postgres)))
            target = folder / f"target{number}" / "changelog.db"
            ours.append(timed(lambda target=target: share(target, postgres.url())))
        show(f"first pull of {count:,}", ours, "COPY and its signatures", theirs)
        pushers(folder, postgres)


def pushers(folder: Path, postgres: Any, *, laptops: int = 20, each: int = 300) -> None:
    """Many laptops push at once, so many events at a time, while one of them sleeps within a transaction."""
    import psycopg

    sleeper = psycopg.connect(postgres.url())
    sleeper.execute("SELECT count(*) FROM opskit.event")  # and then its lid is closed
    for size in (1, 3, 10):
        folders = [folder / f"{size}" / f"laptop{number}" for number in range(laptops)]
        spools = [spool(each_folder, each) for each_folder in folders]
        began = time.perf_counter()
        for each_folder, packets in zip(folders, spools, strict=True):
            prove(postgres.url(), each_folder, packets[0].writer)
        took = (time.perf_counter() - began) / laptops
        print(f"a proof that a writer is one's own, once for each laptop: {took * 1000:.0f} ms")
        total = sum(map(len, spools))
        took = timed(lambda spools=spools, size=size: all_at_once(postgres.url(), spools, size))  # type: ignore[misc]
        print(f"{laptops} laptops at once, {size} events a push, one more asleep: {total} events in {took:.1f} s, {total / took:,.0f} events/s")  # fmt: skip
    sleeper.close()


def spool(folder: Path, count: int) -> list[Packet]:
    """Give so many events of a new laptop that nobody else has."""
    with Changelog(folder / "changelog.db", actor="bench") as changelog:
        for event in range(count):
            changelog.append("note", {"text": f"{event}"})
        exchange = changelog.exchange()
        packets, _ = exchange.unsent("none")
        exchange.close()
    return packets


def prove(url: str, folder: Path, writer: bytes) -> None:
    """Let a new laptop say whose its writer is, before its first push, as sync does."""
    from opskit.changelog.upstream.postgres import Postgres

    key = load_key(folder, writer)
    upstream = Postgres(url, timeout=5)
    if key is not None:
        upstream.claim(key, log=upstream.greet(None).log, number=1)
    upstream.close()


def all_at_once(url: str, spools: list[list[Packet]], size: int) -> None:
    """Push each spool over a connection of its own, in processes of their own, as laptops do."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(len(spools), 20)) as pool:
        pool.starmap(push, [(url, packets, size) for packets in spools], chunksize=1)


def push(url: str, packets: list[Packet], size: int) -> None:
    from opskit.changelog.upstream.postgres import Postgres

    upstream = Postgres(url, timeout=5)
    for start in range(0, len(packets), size):
        expect(upstream.push(packets[start : start + size]).status == "ok")
    upstream.close()


def share(file: Path, url: str, **options: bool) -> None:
    from tests.changelog.laptop import share as shared

    shared(file, url, **options)


def copied(postgres: Any) -> None:
    """The least that could work: COPY all rows out, and check their signatures."""
    import psycopg

    with psycopg.connect(postgres.url()) as connection, connection.cursor() as cursor:
        columns = "w.public_key, e.hash, e.signature, e.header, b.nonce, b.body"
        query = f"COPY (SELECT {columns} FROM opskit.event e JOIN opskit.writer w USING (wid) LEFT JOIN opskit.body b USING (pos)) TO STDOUT (FORMAT binary)"
        with cursor.copy(query) as copy:
            copy.set_types(["bytea"] * 6)
            for key, digest, signature, *_ in copy.rows():
                expect(is_signed(key, signature, digest))


def fill(changelog: Changelog, count: int) -> None:
    """Add so many events of several writers: rollouts of three events each, and notes."""
    dice = random.Random(1)
    keys = [writer_key(bytes([number + 1]) * 32) for number in range(WRITERS)]
    heads = {key.writer: (0, genesis(key.writer)) for key in keys}
    exchange = changelog.exchange()
    made = story(dice)

    def batch(db: sqlite3.Connection) -> None:
        for _ in range(min(20_000, count)):
            number, fields, body, at = next(made)
            key = keys[number]
            seq, prev = heads[key.writer]
            nonce = secrets.token_bytes(16)
            header = Header(
                writer=key.writer.hex(), seq=seq + 1, hlc=at << 16, ts=at, body=sealed(nonce, body),
                actor=f"w{number}@laptop", **fields,
            ).encode()  # fmt: skip
            bare = Packet(
                writer=key.writer, key=key.public, seq=seq + 1, prev=prev, header=header,
                signature=b"", nonce=nonce, body=body,
            )  # fmt: skip
            packet = Packet(
                **{name: getattr(bare, name) for name in bare.__slots__}
                | {"signature": key.sign(bare.hash)}
            )
            take(db, packet, writer_of(db, key.writer), 0, "")
            heads[key.writer] = (seq + 1, packet.hash)

    for _ in range(max(1, count // 20_000)):
        exchange._change(batch)
    exchange.close()


def story(dice: random.Random) -> Iterator[tuple[int, dict[str, str], bytes, int]]:
    """Give events without end: whose they are, names for the header, body, time in milliseconds."""
    at = 1_577_836_800_000
    for number in range(1 << 40):
        writer, service = dice.randrange(WRITERS), dice.choice(SERVICES)
        at += dice.randrange(1000, 400_000)
        names = {"environment": "production", "service": service}
        if number % 9 == 0:
            body = {
                "text": f"looked into {dice.choice(SUBJECTS)} zebra{dice.randrange(100_000)}",
                "hosts": [],
            }
            yield writer, {**names, "kind": "note"}, encode(body), at
            continue
        names |= {"rollout": f"r{number:09d}", "action": "deploy"}
        hosts = [f"web{dice.randrange(2000):04d}" for _ in range(dice.randrange(1, 8))]
        to = {"release": f"rel{number}", "revision": f"{number:040x}", "label": f"v{number}"}
        commits = [{"sha": f"{number:040x}", "subject": dice.choice(SUBJECTS), "author": "ana"}]
        started = {
            "why": f"ticket {number}",
            "to": to,
            "hosts": [{"name": h, "batch": 1} for h in hosts],
            "commits": commits,
        }
        outcome = "failed" if dice.random() < 0.03 else "done"
        results = [
            {"host": h, "outcome": outcome, "live": f"rel{number}", "ms": 900, "at": at}
            for h in hosts
        ]
        finished = {"outcome": outcome, "reason": "", "ms": 2000}
        for kind, body in (
            ("started", started),
            ("hosts", {"results": results}),
            ("finished", finished),
        ):
            at += 1000
            yield writer, {**names, "kind": f"rollout.{kind}"}, encode(body), at


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def show(what: str, ours: list[float], beside: str, theirs: list[float]) -> None:
    mine, other = statistics.median(ours), statistics.median(theirs)
    print(
        f"{what}: {mine * 1000:.2f} ms; {beside}: {other * 1000:.2f} ms; ratio {mine / other:.2f} (n = {len(ours)})"
    )


def lines_of(done: subprocess.CompletedProcess[bytes]) -> int:
    expect(done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr.decode())
    return done.stdout.count(b"\n")


def expect(true: bool, said: str = "") -> None:
    if not true:
        raise SystemExit(f"the benchmark itself went wrong: {said}")
