"""What the doctor says of the upstream and of clocks, in words that people use."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import open_changelog
from opskit.changelog.upstream.file import FileLog
from opskit.changelog.upstream.local import LocalPlace
from opskit.rollout.doctor.machines import ahead_of, check_clocks
from opskit.rollout.doctor.upstream import check_upstream
from opskit.rollout.doctor.words import span

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def test_what_verify_found_is_told_until_it_finds_it_well(log: Ahead) -> None:
    from opskit.changelog.auditing import audit
    from tests.changelog.memory import shared

    with open_changelog("test", actor="ann") as changelog:
        changelog.append("note", {"text": "secret"})
        shared(changelog.file, log)  # type: ignore[arg-type]
        assert found(log)[0][0] == "ok"
        file = Path(log.name.removeprefix("file://"))
        whole = file.read_bytes()
        file.write_bytes(whole.replace(b"secret", b"public"))
        assert len(audit(changelog.file, log).problems) == 1
        ((level, what, hint),) = found(log)
        assert level == "bad"
        assert "it was not as it should be: upstream, place at byte" in what
        assert "tampered" in hint
        file.write_bytes(whole)
        assert audit(changelog.file, log).problems == []
        assert found(log)[0][0] == "ok"


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


@pytest.mark.parametrize(
    ("said", "before", "after", "ahead"),
    [
        ("1000", 1000.5, 1000.5, 0.0),
        ("1060", 1000.0, 1001.0, 59.5),
        ("940", 1000.0, 1001.0, -59.5),
        ("1000", 1000.0, 1009.0, 0.0),  # a laden host, which said it soon or late
        ("", 1000.0, 1001.0, 0.0),
        ("-5", 1000.0, 1001.0, 0.0),
    ],
)
def test_a_clock_is_off_by_what_the_time_that_the_answer_took_leaves(
    said: str, before: float, after: float, ahead: float
) -> None:
    assert ahead_of(said, before, after) == ahead


class TestClocks:
    def test_agreement_is_ok(self):
        assert [each.level for each in check_clocks({"a": 0.4, "b": -0.6})] == ["ok"]

    def test_a_host_that_differs_is_named(self):
        (found,) = check_clocks({"a": 0.0, "b": 0.0, "c": 60.0})
        assert (found.level, found.hosts) == ("warn", ("c",))
        assert "60 s ahead of the others'" in found.what

    def test_if_all_hosts_differ_alike_it_is_this_machine(self):
        (found,) = check_clocks({"a": 60.0, "b": 61.0, "c": 59.0})
        assert found.hosts == ()
        assert "this machine's clock is 60 s behind" in found.what

    def test_with_one_host_nobody_can_tell_whose_it_is(self):
        (found,) = check_clocks({"a": -60.0})
        assert found.hosts == ("a",)
        assert "60 s behind this machine's" in found.what

    def test_days_are_told_as_days_and_what_is_said_of_the_changelog_fits_with_an_upstream(self):
        (found,) = check_clocks({"a": 259_200.0, "b": 259_200.0})
        assert found.what == "this machine's clock is 3 days behind most of the 2 hosts'"
        assert "without an upstream" in found.hint, "with one they are set right"

    def test_no_answer_says_nothing(self):
        assert list(check_clocks({})) == []
