"""A command and the thread that shares what it appends: whenever that happens, all of it is upstream in the end, or counted."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, database, syncing
from opskit.changelog.exchange import Exchange
from opskit.changelog.syncing import Syncer
from opskit.errors import UpstreamError
from tests.changelog.meanwhile import Points
from tests.changelog.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

EVERY = 1 if os.environ.get("OPSKIT_HEAVY") else 4  # of the points of a sync is tried


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do without waiting for the disk: many databases are made here."""
    quick = ["PRAGMA synchronous = OFF" if "synchronous" in s else s for s in database._SETTINGS]
    monkeypatch.setattr(database, "_SETTINGS", tuple(quick))


def numbers(upstream: Memory) -> list[int]:
    return [packet.seq for packet in upstream.packets]


@pytest.mark.parametrize("redacts", [False, True])
def test_what_a_command_appends_at_any_point_of_its_own_sync_is_upstream_when_it_ends(
    redacts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at, last = 1, False
    while not last:
        upstream = Memory()
        with Changelog(tmp_path / str(at) / "changelog.db", actor="ana") as changelog:
            note = changelog.append("note", {"text": "a password"})

            def work(changelog: Changelog = changelog, event: str = note.hash.hex()) -> None:
                changelog.append("note", {"text": "meanwhile"})
                if redacts:
                    changelog.redact(event, why="typed by hand")

            points = Points(work, at)
            monkeypatch.setattr(syncing, "Exchange", watching(points))
            syncer = Syncer(changelog.file, connecting(points, upstream), limit=60)
            changelog.on_append = syncer.appended
            syncer.start()
            assert syncer.wait_for_news()
            assert syncer.wait_until_shared(), (
                "the first sync is over, and with it what the command does in it"
            )
            assert syncer.close() == 0, points.passed[at - 1 :][:1]
            assert (syncer.error, syncer.warnings()) == (None, [])
            assert numbers(upstream) == list(range(1, changelog.count() + 1))
        last, at = not points.done, at + EVERY
    assert at > 20


def watching(points: Points) -> Callable[..., object]:
    return lambda *given: points.watch("here", Exchange(*given))


def connecting(points: Points, upstream: Memory) -> Callable[[], contextlib.nullcontext[Memory]]:
    return lambda: contextlib.nullcontext(points.watch("there", upstream))


def test_closing_beside_an_upstream_that_does_not_answer_makes_no_changelog(file: Path) -> None:
    @contextlib.contextmanager
    def connect() -> Iterator[Memory]:
        raise UpstreamError("it does not answer")
        yield

    syncer = Syncer(file, connect, limit=60)
    syncer.start()
    assert not syncer.wait_for_news()
    assert syncer.close() == 0
    assert not file.parent.exists()
