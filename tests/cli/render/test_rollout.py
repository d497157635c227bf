"""The page of one rollout."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, RolloutRecord
from opskit.cli.render import rollout
from opskit.cli.render.log import what
from tests.changelog.writing import whole

if TYPE_CHECKING:
    from pathlib import Path

DAY = 86_400_000


@pytest.mark.parametrize(
    ("fast_ms", "said"),
    [(3 * DAY, "3 d fast"), (-3 * DAY, "3 d slow"), (3652 * DAY, "3652 d fast"), (5_000, ""), (0, "")],
)  # fmt: skip
def test_a_wrong_clock_is_told_on_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fast_ms: int, said: str
) -> None:
    with Changelog(tmp_path / "acme" / "changelog.db", actor="ann") as changelog:
        record = changelog.rollout(whole(changelog))
    rollout.show(record._replace(fast_ms=fast_ms), datetime.now(UTC))
    printed = capsys.readouterr().out
    assert ("the clock there was" in printed) is bool(said)
    assert said in printed


def test_a_page_of_many_hosts_looks_once_for_what_ran_before(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[RolloutRecord] = []
    before = RolloutRecord.before.fget
    assert before is not None
    looked = property(lambda record: asked.append(record) or before(record))
    monkeypatch.setattr(RolloutRecord, "before", looked)
    hosts = tuple(f"web{n}" for n in range(50))
    with Changelog(tmp_path / "acme" / "changelog.db", actor="ann") as changelog:
        record = changelog.rollout(whole(changelog, hosts=hosts))
    asked.clear()
    rollout.show(record, datetime.now(UTC))
    assert "web49" in capsys.readouterr().out
    assert len(asked) < 5, "not once for each host"


def test_what_ran_by_sudo_is_said_to_have_done_so(tmp_path: Path) -> None:
    with Changelog(tmp_path / "acme" / "changelog.db", actor="ann") as changelog:
        record = changelog.rollout(whole(changelog))
    told = record._replace(action="exec", service="", script="id", remarks=("by sudo as root",))
    assert what(told) == "exec id by sudo as root"
    assert what(told._replace(remarks=())) == "exec id"
