from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from opskit.changelog import Changelog, Entry, Filter, NoteEntry, RolloutRecord, following
from opskit.changelog.rebuild import rebuild
from tests.changelog.writing import ELSEWHERE, finish, results, start, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def other(file: Path) -> Iterator[Changelog]:
    """The same changelog as another process has it."""
    with Changelog(file, actor="bob@desk") as opened:
        yield opened


def watch(
    changelog: Changelog, steps: list[Callable[[], object]], wanted: Filter | None = None
) -> list[str]:
    """Follow while `steps` happen, one each pause; give what was told, as `id outcome`."""
    todo = iter(steps)

    def pause() -> None:
        step = next(todo, None)
        if step is None:
            raise KeyboardInterrupt
        step()

    told: list[str] = []
    looks = changelog.follow(wanted or Filter(), pause=pause)
    next(looks)
    with contextlib.suppress(KeyboardInterrupt):
        told.extend(said(entry) for look in looks for entry in look)
    return told


def said(entry: Entry) -> str:
    if isinstance(entry, RolloutRecord):
        return f"{entry.id} {entry.outcome}"
    return entry.text if isinstance(entry, NoteEntry) else entry.event.header.kind


def nothing() -> None: ...


def test_what_is_new_is_told_and_what_was_there_is_not(
    changelog: Changelog, other: Changelog
) -> None:
    whole(other)
    steps: list[Callable[[], object]] = [
        nothing,
        lambda: other.append("note", {"text": "one"}),
        nothing,
        lambda: (other.append("note", {"text": "two"}), other.append("odd", {})),
    ]
    assert watch(changelog, steps) == ["one", "two", "odd"]


def test_first_comes_what_is_there_and_nothing_falls_into_a_gap(
    changelog: Changelog, other: Changelog
) -> None:
    for text in "abc":
        other.append("note", {"text": text})
    looks = changelog.follow(Filter(limit=2), pause=nothing)
    assert [said(entry) for entry in next(looks)] == ["b", "c"]
    other.append("note", {"text": "d"})
    assert [said(entry) for entry in next(looks)] == ["d"]
    looks.close()  # type: ignore[attr-defined]  # it is a generator


def test_a_rollout_is_told_when_it_starts_and_when_it_ends(
    changelog: Changelog, other: Changelog
) -> None:
    steps: list[Callable[[], object]] = [
        lambda: start(other, rollout="abcd"),
        lambda: results(other, "abcd", {"web01": "done"}),
        lambda: finish(other, "abcd", "partial"),
    ]
    assert watch(changelog, steps) == ["abcd running", "abcd partial"]


def test_a_rollout_that_ran_before_is_told_when_it_ends(
    changelog: Changelog, other: Changelog
) -> None:
    start(other, rollout="abcd")
    steps: list[Callable[[], object]] = [
        lambda: results(other, "abcd", {"web01": "done"}),
        lambda: finish(other, "abcd"),
    ]
    assert watch(changelog, steps) == ["abcd done"]


def test_a_rollout_whose_process_dies_is_told_though_nothing_was_written(
    changelog: Changelog, other: Changelog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "LOOKS_AT_RUNNING", 2)
    start(other, rollout="abcd")

    def die() -> None:
        monkeypatch.setattr(following.query, "is_running", lambda *_: False)

    assert watch(changelog, [nothing, die, nothing, nothing]) == ["abcd unfinished"]


def test_only_what_is_wanted_is_told(changelog: Changelog, other: Changelog) -> None:
    steps: list[Callable[[], object]] = [
        lambda: whole(other, service="db", hosts=("db01",)),
        lambda: whole(other, rollout="abcd"),
        lambda: whole(other, "failed", rollout="efgh"),
    ]
    assert watch(changelog, steps, Filter(service="shop", limit=1)) == ["abcd done", "efgh failed"]
    more: list[Callable[[], object]] = [
        lambda: whole(other, rollout="ijkl"),
        lambda: whole(other, "failed", rollout="mnop"),
        lambda: start(other, machine=ELSEWHERE),
    ]
    assert watch(changelog, more, Filter(outcome="failed")) == ["mnop failed"]


def test_a_changelog_that_comes_into_being_is_followed(
    changelog: Changelog, other: Changelog
) -> None:
    assert watch(changelog, [nothing, lambda: other.append("note", {"text": "first"})]) == [
        "first"
    ]


def test_what_came_between_two_looks_is_told_oldest_first(
    changelog: Changelog, other: Changelog
) -> None:
    def several() -> None:
        for text in "abc":
            other.append("note", {"text": text})

    assert watch(changelog, [several]) == ["a", "b", "c"]


def test_a_rebuild_beside_it_neither_tells_again_nor_hides_what_is_new(
    changelog: Changelog, other: Changelog, file: Path, tmp_path: Path
) -> None:
    """It numbers the events anew: those of a colleague come last here, who were before ours."""
    changelog.append("note", {"text": "old"})
    theirs: list[str] = []
    with Changelog(tmp_path / "ben.db", actor="ben") as ben:
        for text in "xyz":
            ben.append("note", {"text": text})
        ben.export(theirs.append)
    changelog.take_in(theirs)

    def rebuilt() -> None:
        other.append("note", {"text": "before"})
        lines: list[str] = []
        other.export(lines.append)
        ours = [line for line in lines if line not in theirs]
        rebuild(file, lambda new: new.take_in(ours).new)
        other.append("note", {"text": "after"})

    steps: list[Callable[[], object]] = [rebuilt, lambda: other.append("note", {"text": "later"})]
    assert watch(changelog, steps) == ["before", "after", "later"]
