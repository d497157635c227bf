"""Parcels are packed once, some of them before anybody asks, and what goes wrong is said to who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from opskit.errors import OpskitError
from opskit.rollout import parcels as module
from opskit.rollout.artifact import look_at
from opskit.rollout.pack import Parcel, pack
from opskit.rollout.parcels import Parcels
from tests.rollout.trees import write

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def parcels(tmp_path: Path) -> Parcels:
    tree = write(tmp_path / "tree", {"a": b"a" * 5000, "lib/b": b"b"})
    (tmp_path / "scratch").mkdir()
    return Parcels(look_at(tree, info={}), tmp_path / "scratch")


def test_what_was_packed_ahead_is_not_packed_again(
    parcels: Parcels, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bool] = []

    def counted(*args: object, zipped: bool, **more: object) -> Parcel:
        made.append(zipped)
        return pack(*args, zipped=zipped, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "pack", counted)
    with parcels.ahead(parcels.whole()):
        parcels.settle()
        assert made == [False]
        parcels.zipped = False
        for _ in range(2):
            with parcels.parcel(parcels.whole()) as parcel:
                assert not parcel.zipped
        assert made == [False]
    parcels.zipped = True
    with parcels.parcel(parcels.whole()) as parcel:
        assert parcel.zipped
    assert made == [False, True], "on a slow link, what was packed ahead is of no use"


def test_what_cannot_be_packed_ahead_is_said_to_who_asks(parcels: Parcels) -> None:
    (parcels.artifact.tree / "a").unlink()
    parcels.zipped = False
    with (
        parcels.ahead(parcels.whole()),
        pytest.raises(OpskitError, match="a: cannot be packed: No such file"),
        parcels.parcel(parcels.whole()),
    ):
        pass
