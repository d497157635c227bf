from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog
from tests.changelog.faults import need_strace
from tests.changelog.replay import images, record

if TYPE_CHECKING:
    from pathlib import Path

APPENDS = 5


@pytest.mark.slow
def test_no_power_cut_loses_what_was_acknowledged(tmp_path: Path) -> None:
    need_strace()
    folder = tmp_path / "state"
    file = folder / "changelog.db"
    calls = record(tmp_path / "trace", "-m", "tests.changelog.worker", str(file), str(APPENDS))
    tried: set[tuple[object, ...]] = set()
    found = (pair for seed in range(3) for pair in images(calls, folder, seed))
    for number, (image, acknowledged) in enumerate(found):
        key = (tuple(sorted(image.items())), len(acknowledged))
        if key in tried:
            continue
        tried.add(key)
        after = tmp_path / f"after-{number}"
        after.mkdir()
        for name, content in image.items():
            (after / name).write_bytes(content)
        check(after / "changelog.db", acknowledged)
        shutil.rmtree(after)
    assert len(tried) > APPENDS * 100
    assert len(acknowledged) == APPENDS


def check(file: Path, acknowledged: list[str]) -> None:
    with Changelog(file) as changelog:
        there = {note.id for note in changelog.notes()}
        assert {name[:10] for name in acknowledged} <= there
        assert len(there) <= len(acknowledged) + 1
        assert changelog.verify() == []
