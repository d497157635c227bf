"""Several laptops, killed at random, share through what cuts their connections: in the end all have all, once, in one order.

The default run is small. OPSKIT_HEAVY=1 takes 300 events each and many seeds, and prints what it did.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from opskit.changelog.upstream.postgres import setup
from tests.changelog.laptop import share, upstream_of
from tests.support.chaos import chaos
from tests.support.postgres import Server, server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HEAVY = bool(os.environ.get("OPSKIT_HEAVY"))
EVENTS = 300 if HEAVY else 60
SEEDS = range(1, 21) if HEAVY else (1,)
NAMES = ("ana", "ben", "cleo", "dan")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with server() as made:
        yield made


class Laptop:
    """One laptop's database, and all that it acknowledged."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name = name
        self.file = folder / name / "changelog.db"
        self.acknowledged: list[str] = []
        self.errors = self.kills = 0

    def run(self, url: str, dice: random.Random) -> None:
        """Work until all events are acknowledged, killed now and then."""
        while len(self.acknowledged) < EVENTS:
            left = EVENTS - len(self.acknowledged)
            argv = [
                sys.executable,
                "-m",
                "tests.changelog.laptop",
                self.file,
                left,
                url,
                self.name,
            ]
            with subprocess.Popen(
                [str(word) for word in argv], stdout=subprocess.PIPE, text=True
            ) as process:
                dies_after = dice.randrange(1, left + 1) if dice.random() < 0.9 else 1 << 30
                self._listen(process, dies_after, dice)

    def _listen(
        self, process: subprocess.Popen[str], dies_after: int, dice: random.Random
    ) -> None:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            word, _, rest = line.strip().partition(" ")
            if word == "ACK":
                self.acknowledged.append(rest)
            else:
                self.errors += 1
            if number >= dies_after:
                time.sleep(dice.random() * 0.02)  # anywhere in what it does next
                process.send_signal(signal.SIGKILL)
                self.kills += 1
                break
        self.acknowledged += [
            line.split()[1]
            for line in process.stdout
            if line.startswith("ACK ") and line.endswith("\n")
        ]

    def everything(self) -> list[str]:
        lines: list[str] = []
        with Changelog(self.file) as changelog:
            assert changelog.verify() == []
            changelog.export(lines.append)
        return lines

    def order(self) -> list[str]:
        with Changelog(self.file) as changelog:
            return [entry.id for entry in changelog.entries()]


def all_at_once(laptops: list[Laptop], urls: dict[str, str], seed: int) -> None:
    threads = [
        threading.Thread(
            target=laptop.run, args=(urls[laptop.name], random.Random(seed * 100 + number))
        )
        for number, laptop in enumerate(laptops)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def assert_converged(laptops: list[Laptop], url: dict[str, str]) -> None:
    for _ in range(2):
        for laptop in laptops:
            done = share(laptop.file, url[laptop.name])
            assert done.warnings == []
    exports = [laptop.everything() for laptop in laptops]
    assert all(export == exports[0] for export in exports)
    assert all(laptop.order() == laptops[0].order() for laptop in laptops)
    whole = laptops[0].order()
    assert len(set(whole)) == len(whole)
    known = "\n".join(exports[0])
    with Changelog(laptops[0].file) as changelog:
        for laptop in laptops:
            for acknowledged in laptop.acknowledged:
                assert changelog.show(acknowledged).event.header.actor == laptop.name
    assert '"evidence"' not in known


@pytest.mark.timeout(1200 if HEAVY else 300)
@pytest.mark.parametrize("seed", SEEDS)
def test_through_a_database_and_cut_connections(
    postgres: Server, tmp_path: Path, seed: int
) -> None:
    database = f"chaos{seed}"
    postgres.new_database(database)
    setup(postgres.url(database=database), timeout=60.0)
    laptops = [Laptop(tmp_path, name) for name in NAMES]
    for name in NAMES:
        postgres.engineer(name)
    direct = {name: postgres.url(name, database) for name in NAMES}
    began = time.monotonic()
    with chaos(postgres.port, seed) as proxy:
        urls = {
            name: direct[name].replace(f":{postgres.port}/", f":{proxy.port}/") for name in NAMES
        }
        all_at_once(laptops, urls, seed)
        said = f"{proxy.cuts} of {proxy.connections} connections cut"
    kills, errors = (sum(getattr(each, what) for each in laptops) for what in ("kills", "errors"))
    acknowledged = sum(len(laptop.acknowledged) for laptop in laptops)
    print(
        f"seed {seed}: {said}, {kills} kills, {errors} failed syncs, {acknowledged} acknowledged",
        end="; ",
    )
    assert_converged(laptops, direct)
    rows = postgres.sql("SELECT count(*), max(pos) FROM opskit.event", database=database)
    assert rows[0][0] == rows[0][1] >= acknowledged, "places without a gap"
    print(f"{rows[0][0]} events on all {len(laptops)}, {time.monotonic() - began:.0f} s")


@pytest.mark.timeout(1200 if HEAVY else 300)
@pytest.mark.parametrize("seed", SEEDS)
def test_through_a_file_in_a_shared_folder(tmp_path: Path, seed: int) -> None:
    url = f"file://{tmp_path / 'share' / 'log'}"
    with upstream_of(url) as upstream:
        upstream.create()  # type: ignore[attr-defined]
    laptops = [Laptop(tmp_path, name) for name in NAMES[:3]]
    urls = {laptop.name: url for laptop in laptops}
    all_at_once(laptops, urls, seed)
    kills = sum(laptop.kills for laptop in laptops)
    print(f"seed {seed}: {kills} kills, {sum(each.errors for each in laptops)} failed syncs")
    assert_converged(laptops, urls)
