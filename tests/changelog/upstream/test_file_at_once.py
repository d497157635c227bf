"""Two laptops, or two commands of one, use a shared file at the same moment: each is put exactly between two steps of the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from opskit.changelog.upstream import frames
from opskit.errors import UpstreamError
from tests.changelog.meanwhile import Points
from tests.changelog.upstream.places import KINDS, SHELLS, file_log
from tests.changelog.upstream.writers import Writer, packets, pull

if TYPE_CHECKING:
    from collections.abc import Callable

    from opskit.changelog.upstream.file import FileLog


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that was made."""
    file_log("local", tmp_path / "log").create()
    return tmp_path / "log"


def watched(kind: str, path: Path, work: Callable[[], object], at: str) -> tuple[FileLog, Points]:
    """Give the log, in whose place something happens before a step."""
    log = file_log(kind, path)
    log.greet(None)
    points = Points(work, at)
    log._place = points.watch("place", log._place)
    return log, points


@pytest.mark.parametrize("at", ["place.bodies", "place.look", "place.overwrite"])
def test_two_may_take_away_the_same_body(kind: str, path: Path, at: str) -> None:
    events = Writer().write(3)
    file_log("local", path).push(events)
    log, points = watched(kind, path, lambda: file_log("local", path).redact(events[1].hash), at)
    assert log.redact(events[1].hash) == ""
    assert points.done
    after = packets(pull(file_log(kind, path)))
    assert after == [events[0], replace(events[1], nonce=None, body=None), events[2]]


def test_what_somebody_alters_while_it_is_taken_away_is_no_success(kind: str, path: Path) -> None:
    (event,) = Writer().write()
    file_log("local", path).push([event])

    def alters() -> None:
        path.write_bytes(path.read_bytes().replace(b'"nonce":"', b'"Nonce":"'))

    log, _ = watched(kind, path, alters, "place.overwrite")
    with pytest.raises(UpstreamError, match="meanwhile"):
        log.redact(event.hash)


def test_a_push_of_what_is_there_ends_however_busy_the_other_one_is(kind: str, path: Path) -> None:
    """Two commands of one laptop: the other one pushes the next event whenever this one has looked."""
    writer = Writer()
    events = writer.write(2)
    file_log("local", path).push(events)
    pushed = list(events)
    log = file_log(kind, path)
    log.greet(None)
    append = log._place.append

    def later(*given: Any) -> int | None:
        pushed.extend(writer.write())
        file_log("local", path).push(pushed[-1:])
        return append(*given)

    log._place.append = later  # type: ignore[method-assign]
    assert log.push(events).status == "ok"
    assert packets(pull(file_log(kind, path))) == pushed


def test_two_may_make_it_and_its_folder(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "log"
    if kind == "local":
        is_dir = Path.is_dir

        def there(folder: Path) -> bool:
            found = is_dir(folder)
            if folder == path.parent and not found:
                monkeypatch.undo()
                file_log("local", path).create()
            return found

        monkeypatch.setattr(Path, "is_dir", there)
        log = file_log(kind, path)
    else:
        other = f'mkdir() {{ command mkdir "$@"; command mkdir "$@"; }}; : {SHELLS[kind][0]}'
        log = file_log(kind, path, before=other)
    log.create()
    monkeypatch.undo()
    events = Writer().write(2)
    assert log.push(events).status == "ok"
    assert packets(pull(file_log(kind, path))) == events


def test_a_body_that_is_read_while_it_is_overwritten_is_missing_and_not_altered() -> None:
    """File systems read and write whole pages: the middle one may be new, and those around it old."""
    (event,) = Writer().write(text="x" * 4 * frames.PAGE)
    line = frames.framed([event]).split(b"\n")[1]
    middle = slice(frames.PAGE, 2 * frames.PAGE)
    torn = line[: middle.start] + frames.FILLER * frames.PAGE + line[middle.stop :]
    assert frames.Body(0, line).of(event.hash) == (event.nonce, event.body)
    assert frames.Body(0, torn).of(event.hash) is None
    other = line.replace(b"xxx", b"###", 1)
    assert frames.Body(0, other).of(event.hash) == (b"", other), "somebody altered it"
