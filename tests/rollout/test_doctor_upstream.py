"""What the doctor says of the upstream, in words that people use."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.local import LocalPlace
from opskit.rollout.doctor.upstream import check_upstream
from opskit.rollout.doctor.words import span

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from opskit.changelog.packet import Greeting, Receipt


class Ahead(FileLog):
    """A log on a machine whose clock is ahead of ours."""

    ahead_ms = 0

    def greet(self, last: Receipt | None) -> Greeting:
        now_ms = time.time_ns() // 1_000_000 + self.ahead_ms
        return dataclasses.replace(super().greet(last), now_ms=now_ms)


@pytest.fixture
def log(tmp_path: Path) -> Ahead:
    made = Ahead(LocalPlace(tmp_path / "log"))
    made.create()
    return made


def found(log: FileLog) -> list[tuple[str, str, str]]:
    @contextlib.contextmanager
    def connect() -> Iterator[FileLog]:
        yield log

    with open_changelog("test", actor="ann") as changelog:
        return [(each.level, each.what, each.hint) for each in check_upstream(connect, changelog)]


@pytest.mark.parametrize(("count", "said"), [(1, "1 event of this machine waits for it"), (2, "2 events of this machine wait for it")])  # fmt: skip
def test_one_event_waits_and_two_wait(log: Ahead, count: int, said: str) -> None:
    with open_changelog("test", actor="ann") as changelog:
        for _ in range(count):
            changelog.append("note", {"text": "x"})
    assert found(log)[0][1].endswith(f": {said}")


@pytest.mark.parametrize(
    ("ahead", "said"),
    [(259_200, "3 days slow"), (-7_200, "2 hours fast"), (90, "90 s slow")],
)
def test_a_wrong_clock_is_told_in_days_and_set_right_by_the_upstream(
    log: Ahead, ahead: int, said: str
) -> None:
    log.ahead_ms = ahead * 1000
    level, what, hint = found(log)[-1]
    assert (level, what) == ("warn", f"this machine's clock is {said} by the upstream's")
    assert "set right by the upstream's clock" in hint


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.4, "0 s"),
        (119, "119 s"),
        (120, "2 minutes"),
        (7199, "120 minutes"),
        (86_400, "24 hours"),
    ],
)
def test_a_span_is_told_in_the_largest_unit_of_which_there_are_two(
    seconds: float, said: str
) -> None:
    assert span(seconds) == said
