"""Several opskits use one changelog at once: whatever another one does between two steps of a sync, nothing is lost and nobody accused."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog import Changelog
from opskit.changelog.kept import kept_upstream
from opskit.changelog.rebuild import rebuild
from opskit.changelog.sync import sync
from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.local import LocalPlace
from tests.changelog.meanwhile import Points
from tests.changelog.memory import Memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from opskit.changelog.sync import Synced

EVERY = 1 if os.environ.get("OPSKIT_HEAVY") else 9  # of the points of a sync is tried
SECRET = b"hunter2"


pytestmark = pytest.mark.usefixtures("quick_disk")


class Desk:
    """Ana's laptop and Ben's, and what they share: a file, or a log in memory. Each has written what the other has not got yet."""

    def __init__(self, folder: Path, *, in_memory: bool = False) -> None:
        self.ana, self.ben = (folder / name / "changelog.db" for name in ("ana", "ben"))
        self.share = folder / "share"
        self._memory = Memory() if in_memory else None
        if not in_memory:
            FileLog(LocalPlace(self.share)).create()
        with self.command() as command:
            self.old = [command.append("note", {"text": f"hunter2 {n}"}).hash for n in range(2)]
            self.syncs()
            command.redact(self.old[0].hex(), why="a password")
            self.note()
        self.note(self.ben)
        self.syncs(self.ben)

    @contextlib.contextmanager
    def command(self, file: Path | None = None) -> Iterator[Changelog]:
        file = file or self.ana
        with Changelog(file, actor=file.parent.name) as opened:
            yield opened

    def syncs(
        self, file: Path | None = None, points: Points | None = None, **options: Any
    ) -> Synced:
        upstream: Any = self._memory or FileLog(LocalPlace(self.share))
        with self.command(file) as command, contextlib.closing(command.exchange()) as exchange:
            watched: Any = exchange
            if points:
                watched, upstream = points.watch("here", exchange), points.watch("there", upstream)
            return sync(watched, upstream, **options)

    def note(self, file: Path | None = None) -> None:
        with self.command(file) as command:
            command.append("note", {"text": "meanwhile"})

    def note_and_sync(self) -> None:
        self.note()
        self.syncs()

    def redact(self) -> None:
        with self.command() as command:
            command.redact(self.old[1].hex(), why="a password, too")

    def redact_and_sync(self) -> None:
        self.redact()
        self.syncs()

    def redact_and_sync_there(self) -> None:
        self.syncs(self.ben)
        with self.command(self.ben) as command:
            command.redact(self.old[1].hex(), why="ana's password")
        self.syncs(self.ben)

    def read_anew(self) -> None:
        self.syncs(again=True)

    def begin_to_read_anew(self) -> None:
        with self.command() as command, contextlib.closing(command.exchange()) as exchange:
            known = exchange.current()
            assert known is not None
            exchange.forget(known.log)

    def rebuild(self) -> None:
        rebuild(self.ana, lambda _: 0)

    def demand_well(self) -> None:
        """Demand that after one more sync each all is everywhere, once, and that nobody is accused."""
        for file in (self.ana, self.ben, self.ana, self.ben):
            done = self.syncs(file)
            assert (done.warnings, done.waiting, done.left) == ([], 0, 0)
        exported = []
        for file in (self.ana, self.ben):
            with self.command(file) as command:
                assert command.verify() == []
                assert command.alarms() == []
                lines: list[str] = []
                command.export(lines.append)
                exported.append(lines)
            assert kept_upstream(file) == []
        assert exported[0] == exported[1]
        assert SECRET + b" 0" not in b"".join(p.read_bytes() for p in [self.share] if p.exists())


MEANWHILE = {
    "appends": Desk.note,
    "appends and syncs": Desk.note_and_sync,
    "redacts": Desk.redact,
    "redacts and syncs": Desk.redact_and_sync,
    "has another laptop redact": Desk.redact_and_sync_there,
    "reads the upstream anew": Desk.read_anew,
    "begins to read the upstream anew": Desk.begin_to_read_anew,
    "rebuilds the changelog": Desk.rebuild,
}


@pytest.mark.timeout(900 if EVERY == 1 else 120)
@pytest.mark.parametrize("in_memory", [False, True], ids=["file", "memory"])
@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_another_opskit_does_at_any_point_of_a_sync_spoils_nothing(
    meanwhile: str, in_memory: bool
) -> None:
    start = list(MEANWHILE).index(meanwhile) % EVERY
    work, at, last = MEANWHILE[meanwhile], start + 1, False
    while not last:
        with tempfile.TemporaryDirectory() as folder:
            desk = Desk(Path(folder), in_memory=in_memory)
            points = Points(lambda: work(desk), at)  # noqa: B023 - done within this turn
            done = desk.syncs(points=points)
            assert done.warnings == [], points.passed[at - 1 :][:1]
            desk.demand_well()
            last, at = not points.done, at + EVERY
    assert at > 30


@pytest.mark.parametrize(
    "point", ["here.receive", "here.settle_eras", "here.unplaced", "here.done"]
)
def test_a_log_that_another_opskit_begins_to_read_anew_is_accused_of_nothing(
    tmp_path: Path, point: str
) -> None:
    """`changelog sync --again` in the other window, or the other one has noticed first that the log was set back."""
    desk = Desk(tmp_path)
    points = Points(desk.begin_to_read_anew, point)
    done = desk.syncs(points=points)
    assert points.done
    assert (done.warnings, done.waiting, done.left) == ([], 0, 0)
    desk.demand_well()


@pytest.mark.parametrize(
    "point", ["here.vector", "here.receive", "here.unsent", "here.was_redacted"]
)
def test_a_sync_goes_on_with_the_changelog_that_a_rebuild_has_put_there(
    tmp_path: Path, point: str
) -> None:
    desk = Desk(tmp_path)
    points = Points(desk.rebuild, point)
    assert desk.syncs(points=points).waiting == 0
    assert points.done
    desk.demand_well()


def test_of_two_that_find_a_log_set_back_the_first_begins_to_read_it_anew(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.syncs()
    size = desk.share.stat().st_size
    desk.note_and_sync()
    with desk.share.open("r+b") as file:
        file.truncate(size)
    points = Points(desk.syncs, "here.forget")
    assert desk.syncs(points=points).warnings == []
    assert points.done
    with desk.command() as command:
        assert [alarm.trick for alarm in command.alarms()] == ["rewound"], "it is told once"
    assert desk.syncs(desk.ben).pulled > 0


def test_a_log_that_was_accepted_in_the_other_window_is_no_alarm(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.syncs()
    desk.share.unlink()
    FileLog(LocalPlace(desk.share)).create()
    points = Points(lambda: desk.syncs(accept=True), "there.greet")
    assert desk.syncs(points=points).waiting == 0
    with desk.command() as command:
        assert command.alarms() == []


def test_a_backup_of_the_file_that_is_brought_back_loses_its_secrets_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    backup = desk.share.read_bytes()
    assert SECRET + b" 0" in backup
    desk.syncs()
    assert SECRET + b" 0" not in desk.share.read_bytes()
    desk.share.write_bytes(backup)
    desk.syncs()
    assert SECRET + b" 0" not in desk.share.read_bytes()


def forked(desk: Desk, work: Callable[[], None]) -> None:
    """Let a copy of ana's laptop, at the same inode, write and sync first, and then `work` on hers."""
    desk.syncs()
    before = desk.ana.read_bytes()
    desk.note_and_sync()
    desk.ana.write_bytes(before)
    work()


def test_of_two_commands_that_find_a_copy_of_their_changelog_one_goes_on_as_a_new_writer(
    tmp_path: Path,
) -> None:
    """Else the second one takes the new writer for the one that was copied, and nobody ever gets what that wrote until then."""
    desk = Desk(tmp_path)
    forked(desk, lambda: [desk.note() for _ in range(9)] and None)

    def dies() -> None:
        raise KeyboardInterrupt

    def is_quicker() -> None:
        with contextlib.suppress(KeyboardInterrupt):
            desk.syncs(points=Points(dies, "there.push"))

    points = Points(is_quicker, "here.fork_me")
    desk.syncs(points=points)
    assert points.done
    desk.syncs(desk.ben)
    with desk.command() as command, desk.command(desk.ben) as ben:
        missing = len(command.notes()) - len(ben.notes())
        assert missing == 9 - 1, "the nine as they were; they came written again, and the copy's"
        assert command.verify() == []


def test_what_was_redacted_before_a_copy_was_found_is_taken_away_upstream(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    forked(desk, desk.redact)
    assert SECRET in desk.share.read_bytes()
    assert desk.syncs().new_writer
    assert SECRET not in desk.share.read_bytes()
    assert kept_upstream(desk.ana) == []
